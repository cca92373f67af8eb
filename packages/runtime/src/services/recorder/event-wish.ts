/**
 * What a recorder that records events is to record: monotonic milliseconds, so that a clock that is set changes nothing.
 */
export class EventWish {
  readonly #graceMs: number;
  #untilMs = Number.NEGATIVE_INFINITY;
  #fromMs: number | undefined;

  /** @param graceMs An event that is over is still recorded within this time, if nothing of it was: memory has it. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /**
   * Something happened between these moments.
   *
   * @param fresh Nothing is being recorded: what comes before the event is wanted too.
   */
  mark(fromMs: number, untilMs: number, fresh: boolean): void {
    if (fresh) this.#fromMs = Math.min(this.#fromMs ?? fromMs, fromMs);
    this.#untilMs = Math.max(this.#untilMs, untilMs);
  }

  /** Whether a picture of this moment is to be recorded, or lets begin what came before it. */
  wants(capturedMs: number): boolean {
    if (capturedMs <= this.#untilMs) return true;
    if (this.#fromMs !== undefined && capturedMs - this.#untilMs <= this.#graceMs) return true;
    this.#fromMs = undefined;
    return false;
  }

  /** From where on it is to be recorded. @param capturedMs Of the present picture, which is wanted. */
  from(capturedMs: number): number {
    return this.#fromMs ?? capturedMs;
  }

  /** What came before is being recorded. */
  begun(): void {
    this.#fromMs = undefined;
  }
}
