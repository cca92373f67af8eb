import type { SuppliedFrame } from '@vigia/frame-supplier';

/** 1080p NV12. Nobody copies it. */
export const PIXEL_BYTES = 3_110_400;

/** A frame as a camera would publish it, with data for the measurement. */
export class BenchFrame implements SuppliedFrame {
  seq = 0;
  readonly capturedMs: number;
  readonly pixels: Buffer;
  /** Right before `publish`, {@link nowNs}. */
  publishedNs = 0;
  /** Consumers that have received it. */
  receivers = 0;
  readonly #onFree: () => void;
  #references = 1;

  constructor(pixels: Buffer, capturedMs: number, onFree: () => void) {
    this.pixels = pixels;
    this.capturedMs = capturedMs;
    this.#onFree = onFree;
  }

  retain(): void {
    this.#references += 1;
  }

  release(): void {
    this.#references -= 1;
    if (this.#references === 0) this.#onFree();
  }
}
