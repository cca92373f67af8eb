import { VigiaError } from '@vigia/base';
import type { SuppliedFrame } from './frame.ts';

/**
 * A frame of anything, with its references counted: for publishers who have no frame class of their own.
 *
 * Begins with one reference, which `publish` takes over.
 */
export class CountedFrame<T> implements SuppliedFrame {
  seq = 0;
  readonly capturedMs: number;
  readonly #value: T;
  readonly #onFree: ((value: T) => void) | undefined;
  #references = 1;

  /**
   * @param value What the frame is: pixels, a handle. Shared by all consumers, so nobody may change it.
   * @param capturedMs When the scene was seen: monotonic milliseconds of the supplier's clock.
   * @param onFree Called once, when nobody refers to the frame any more. Not needed for what is garbage-collected.
   */
  constructor(value: T, capturedMs: number, onFree?: (value: T) => void) {
    this.#value = value;
    this.capturedMs = capturedMs;
    this.#onFree = onFree;
  }

  /** @throws VigiaError `frame_freed` after the last release. */
  get value(): T {
    this.#check('used');
    return this.#value;
  }

  /** How many refer to it now. */
  get references(): number {
    return this.#references;
  }

  /** @throws VigiaError `frame_freed` after the last release. */
  retain(): void {
    this.#check('retained');
    this.#references += 1;
  }

  /** @throws VigiaError `frame_freed` after the last release. */
  release(): void {
    this.#check('released');
    this.#references -= 1;
    if (this.#references === 0) this.#onFree?.(this.#value);
  }

  #check(what: string): void {
    if (this.#references <= 0)
      throw new VigiaError('frame_freed', `frame ${this.seq} was ${what} after its last release`);
  }
}
