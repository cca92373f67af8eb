import type { Clock, Timer } from '@vigia/base';

/** Options of {@link WorkLoop}. */
export interface WorkLoopOptions {
  readonly clock: Clock;
  /** Does what there is to do. Resolves with the time until it is due again, milliseconds. Never rejects. */
  readonly work: () => Promise<number>;
  /** Work that takes longer than this hangs. Milliseconds. */
  readonly hungMs: number;
  /** Called once for each work that hangs. */
  readonly onHung: () => void;
}

/** Does its work again and again, one at a time, each time when the work before it said. */
export class WorkLoop {
  readonly #o: WorkLoopOptions;
  #timer: Timer | undefined;
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(options: WorkLoopOptions) {
    this.#o = options;
  }

  /** @param inMs Until the first work, milliseconds. */
  start(inMs: number): void {
    this.#timer ??= this.#o.clock.after(inMs, () => this.#begin());
  }

  /** Resolves when what was begun is done. */
  get idle(): Promise<void> {
    return this.#working ?? Promise.resolve();
  }

  /** Begins nothing more. Resolves when what was begun is done. Idempotent. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    return this.idle;
  }

  #begin(): void {
    const { clock, work, hungMs, onHung } = this.#o;
    this.#timer = clock.after(hungMs, onHung);
    this.#working = work().then((inMs) => {
      this.#working = undefined;
      this.#timer?.cancel();
      if (!this.#stopped) this.#timer = clock.after(inMs, () => this.#begin());
    });
  }
}
