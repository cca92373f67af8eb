import { VigiaError } from '@vigia/base';
import type { SuppliedFrame } from './frame.ts';

/**
 * A reference-counted frame of any content, for publishers without a frame class of their own.
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
   * @param value The content: pixels, a handle. Shared by all consumers, so it must not be changed.
   * @param capturedMs When the scene was captured: monotonic milliseconds of the supplier's clock.
   * @param onFree Called once, when the last reference is released. Not needed for garbage-collected content.
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

  /** Number of references. */
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
