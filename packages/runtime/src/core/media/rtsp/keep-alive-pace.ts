/** Shortest interval that is learnt. Milliseconds. */
const SHORTEST_MS = 2_000;
/** Cameras that are remembered. A camera process has one or two. */
const CAMERAS = 64;

/**
 * How often cameras want a sign of life, where they close sessions earlier than they announce. Remembered while the
 * process lives, because each connection has a client of its own.
 */
export class KeepAlivePace {
  readonly #learnt = new Map<string, number>();

  /** The interval for a camera in milliseconds; undefined while nothing is known. */
  of(camera: string): number | undefined {
    return this.#learnt.get(camera);
  }

  /**
   * A session ended by itself. Ended after a longer pause than it had survived before, it may have ended because of the
   * pause: then the next sessions have shorter ones. A wrong guess costs one small request per interval.
   *
   * @param pauseMs Time from the last sign of life to the end.
   * @param survivedMs The longest earlier pause of the session; 0 when there was none.
   */
  ended(camera: string, pauseMs: number, survivedMs: number): void {
    if (pauseMs < SHORTEST_MS || pauseMs <= survivedMs) return;
    if (this.#learnt.size >= CAMERAS) this.#learnt.clear();
    this.#learnt.set(camera, Math.min(this.of(camera) ?? pauseMs, Math.max(SHORTEST_MS, pauseMs / 2)));
  }
}
