/** Time that a test moves: a browser's clock and timers. For tests only. */
export class TestTime {
  nowMs = 0;
  #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.nowMs;
  }

  after(ms: number, then: () => void): () => void {
    const timer = { atMs: this.nowMs + ms, run: then };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  /** Lets time pass, with everything that falls due and what follows from it. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = endMs;
  }
}
