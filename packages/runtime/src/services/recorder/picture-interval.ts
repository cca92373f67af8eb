/** Before anything is known. Milliseconds. */
const USUAL_MS = 40;
const LONGEST_MS = 2_000;
/** Share of a new measurement. */
const WEIGHT = 0.25;

/** The time between two pictures, also of a stream whose pictures come in another order than they are shown. */
export class PictureInterval {
  #newestMs: number | undefined;
  /** Pictures since the newest was the newest. */
  #pictures = 0;
  #measured = false;
  #ms = USUAL_MS;
  #capturedMs: number | undefined;
  #stepMs = 0;

  /** Milliseconds. */
  get ms(): number {
    return this.#ms;
  }

  /** From the picture before the newest one to it, as they were captured. 0 for the first of a connection. */
  get stepMs(): number {
    return this.#stepMs;
  }

  /** The next picture in decoding order. */
  observe(ptsMs: number, capturedMs: number): void {
    this.#stepMs = this.#capturedMs === undefined ? 0 : Math.max(0, capturedMs - this.#capturedMs);
    this.#capturedMs = capturedMs;
    this.#pictures += 1;
    if (this.#newestMs !== undefined && ptsMs <= this.#newestMs) return;
    const ms = this.#newestMs === undefined ? 0 : (ptsMs - this.#newestMs) / this.#pictures;
    this.#newestMs = ptsMs;
    this.#pictures = 0;
    if (ms <= 0 || ms > LONGEST_MS) return;
    this.#ms = this.#measured ? this.#ms + WEIGHT * (ms - this.#ms) : ms;
    this.#measured = true;
  }

  /** Another connection has another clock. */
  restart(): void {
    this.#newestMs = undefined;
    this.#pictures = 0;
    this.#capturedMs = undefined;
  }
}
