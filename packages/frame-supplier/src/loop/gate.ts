/**
 * Passes at most `fps` frames per second, evaluated at take, without a timer and without drift.
 *
 * With I = the consumer's interval and S = the source's: due ⇔ captured + S/2 ≥ next; on take next = max(next + I,
 * captured + I − S/2). The plain rule `next = captured + I` turns 10 → 10 fps into 6.3 with ±2 ms of jitter.
 */
export class Gate {
  #intervalMs = 0;
  readonly #sourceIntervalMs: () => number;
  #nextMs = Number.NEGATIVE_INFINITY;
  #lastTakenMs: number | undefined;

  /**
   * @param fps Greater than 0, or undefined for every frame.
   * @param sourceIntervalMs The source's current frame interval.
   */
  constructor(fps: number | undefined, sourceIntervalMs: () => number) {
    this.#sourceIntervalMs = sourceIntervalMs;
    this.setFps(fps);
  }

  /** Changes the rate, counted from the last frame taken. `fps` as in the constructor. */
  setFps(fps: number | undefined): void {
    this.#intervalMs = fps === undefined ? 0 : 1000 / fps;
    if (this.#lastTakenMs !== undefined)
      this.#nextMs = this.#lastTakenMs + this.#intervalMs - this.#sourceIntervalMs() / 2;
  }

  /** Milliseconds between two takes; 0 when there is no limit. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Whether a frame captured at that time may be taken. */
  due(capturedMs: number): boolean {
    return this.#intervalMs === 0 || capturedMs + this.#sourceIntervalMs() / 2 >= this.#nextMs;
  }

  /** Records a take. */
  taken(capturedMs: number): void {
    this.#lastTakenMs = capturedMs;
    if (this.#intervalMs === 0) return;
    this.#nextMs = Math.max(
      this.#nextMs + this.#intervalMs,
      capturedMs + this.#intervalMs - this.#sourceIntervalMs() / 2,
    );
  }
}
