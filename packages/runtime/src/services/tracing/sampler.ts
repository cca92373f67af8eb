import type { Clock } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';

/** What identifies a frame. */
export type FrameKey = Pick<ResultMessage, 'boot' | 'camera' | 'seq'>;

/** One more than the greatest hash. */
const HASHES = 2 ** 32;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const WINDOW_MS = 1_000;

/**
 * Decides which results are traced. The decision about a share is a hash of the frame, so all consumers of a frame are
 * traced, or none. Asked for every result of the node: it allocates nothing.
 */
export class Sampler {
  readonly #below: number;
  readonly #perSecond: number;
  readonly #clock: Clock;
  #windowMs = Number.NEGATIVE_INFINITY;
  #inWindow = 0;
  #boot = '';
  #seed = 0;

  /** @param sample The share of frames, 0..1. @param perSecond The most results per second. */
  constructor(sample: number, perSecond: number, clock: Clock) {
    this.#below = sample * HASHES;
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** Whether the frame belongs to the share. */
  includes({ boot, camera, seq }: FrameKey): boolean {
    if (boot !== this.#boot) {
      this.#boot = boot;
      this.#seed = hashed(boot, FNV_OFFSET);
    }
    return mixed(hashed(camera, this.#seed) ^ Math.imul(seq, FNV_PRIME)) < this.#below;
  }

  /** Whether one more fits into the current second. Counts it if so. */
  admits(): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#inWindow = 0;
    }
    if (this.#inWindow >= this.#perSecond) return false;
    this.#inWindow += 1;
    return true;
  }
}

/** FNV-1a of the UTF-16 units of a text. */
function hashed(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash;
}

/** The last step of MurmurHash3: every bit of the input reaches every bit of the output, 0 to 2^32 − 1. */
function mixed(hash: number): number {
  let bits = hash;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
