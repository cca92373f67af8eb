import { quoted } from '@vigia/base';
import type { Random } from '../container-fuzz/random.ts';
import type { CaseJudge, Part } from './part.ts';
import { LOGIN } from './planted.ts';

/** Faults that the judge must notice, and by which words. */
export const PLANTS: Readonly<Record<string, string>> = {
  'a secret in a log': 'a secret (plain)',
  'an encoded secret in a log': 'a secret (base64 of the login)',
  'an escape sequence in a log': 'a control character (U+001B)',
  'an error without a type': 'an error without a type',
  'a case that hangs': 'it hangs',
  'a loop without end': 'nothing happens',
  'memory that grows': 'of memory',
  'a process that ends': 'ended',
};

const HUNDRED_MIB = 100 * 2 ** 20;
const HOARD: Buffer[] = [];

const DEEDS: Readonly<Record<keyof typeof PLANTS, (judge: CaseJudge) => Promise<string> | string>> = {
  'a secret in a log': (judge) => {
    judge.output(`rtsp://${LOGIN.user}:${LOGIN.password}@10.0.0.9`);
    return 'said';
  },
  'an encoded secret in a log': (judge) => {
    judge.output(`Authorization: Basic ${Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString('base64')}`);
    return 'said';
  },
  'an escape sequence in a log': (judge) => {
    judge.output('the camera said \u001b[2J');
    return 'said';
  },
  'an error without a type': (judge) => judge.refusal(new TypeError(quoted('x is not a function'))),
  'a case that hangs': () => new Promise(() => undefined),
  'a loop without end': () => {
    for (;;) HOARD.length = 0;
  },
  'memory that grows': () => {
    for (let n = 0; n < 8; n += 1) HOARD.push(Buffer.alloc(HUNDRED_MIB, 1));
    return 'grew';
  },
  'a process that ends': () => process.exit(7),
};

/** A part that has one fault: whether the judge notices it. */
export class PlantPart implements Part {
  readonly lanes = 1;
  readonly limitMs = 300;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  play(_random: Random, judge: CaseJudge): Promise<string> | string {
    return DEEDS[this.#name]?.(judge) ?? 'no such fault';
  }
}
