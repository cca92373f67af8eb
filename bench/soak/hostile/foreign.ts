import type { Random } from '../container-fuzz/random.ts';
import { LOGIN, PLANTED } from './planted.ts';

/** What a terminal would act on, and what would forge a line of a log. */
const CONTROLS = [
  '\u001b[2J',
  '\u001b]0;owned\u0007',
  '\u009b31m',
  '\u0000',
  '\u0007',
  '\u007f',
  '\u202e',
  '\u2066',
  '\u200f',
  '\r\nvigia: all is well',
  '\n2026-11-23T00:00:00Z info supervisor: all is well',
  '\t',
  '\u0085',
  '\u2028',
];
const WORDS = [
  'person',
  'camera',
  '200 OK',
  '{"a":1}',
  '<b>',
  '${HOME}',
  '%s%n',
  '../..',
  'äß漢字🎥',
  "'; --",
  '\ud800',
];
const LONG = [1_000, 10_000, 70_000, 300_000];

/** Texts that a hostile peer sends in the hope that somebody prints them. */
export class ForeignText {
  readonly #random: Random;
  readonly #secrets: readonly string[];

  /** @param knowing Whether the peer repeats the planted secrets. */
  constructor(random: Random, knowing = true) {
    this.#random = random;
    const login = `rtsp://${LOGIN.user}:${encodeURIComponent(LOGIN.password)}@10.0.0.9/x`;
    this.#secrets = knowing ? [...Object.values(PLANTED).slice(0, -1), login] : [];
  }

  /** A text with a few of them. */
  next(): string {
    const random = this.#random;
    if (random.once(40)) return this.#long();
    const pieces = [WORDS, CONTROLS, this.#secrets.length > 0 ? this.#secrets : WORDS];
    return Array.from({ length: random.int(1, 5) }, () => random.of(random.of(pieces))).join(random.of(['', ' ']));
  }

  /** The same without line ends, as in a header. */
  line(): string {
    return this.next().replaceAll(/[\r\n]/g, ' ');
  }

  #long(): string {
    const random = this.#random;
    const unit = random.of(['x', '\u001b[31m', 'é', random.of(this.#secrets.length > 0 ? this.#secrets : ['-'])]);
    return unit.repeat(Math.ceil(random.of(LONG) / unit.length));
  }
}
