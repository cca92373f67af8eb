import { isatty } from 'node:tty';
import { systemClock } from '@vigia/base';

/** A second signal this much later means: now. (npm passes a terminal's Ctrl-C on, so two come at once.) */
const INSIST_MS = 400;
const ENDS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Turns signals into the end of a run: the first asks, a second one insists. SIGHUP ends it only when a terminal that the
 * run was started on is gone; else it is handed on.
 */
export class Ending {
  readonly #abort = new AbortController();
  /** Standard streams that are a terminal. */
  readonly #terminals = [0, 1, 2].filter((fd) => isatty(fd));
  #signalledMs: number | undefined;
  #hangups = 0;
  #onHangup: (() => void) | undefined;

  constructor() {
    for (const signal of ENDS) process.on(signal, this.#onSignal);
    process.on('SIGHUP', this.#onSighup);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Calls `fn` for each SIGHUP that does not end the run; once for all that came before. */
  onHangup(fn: () => void): void {
    this.#onHangup = fn;
    if (this.#hangups > 0) fn();
  }

  close(): void {
    for (const signal of ENDS) process.removeListener(signal, this.#onSignal);
    process.removeListener('SIGHUP', this.#onSighup);
  }

  readonly #onSignal = (): void => {
    const now = systemClock.nowMs();
    // The children end when this process does.
    if (this.#signalledMs !== undefined && now - this.#signalledMs > INSIST_MS) process.exit(1);
    this.#signalledMs ??= now;
    this.#abort.abort();
  };

  readonly #onSighup = (): void => {
    // What was a terminal and answers as one no longer was closed.
    if (!this.#terminals.every((fd) => isatty(fd))) {
      this.#abort.abort();
      return;
    }
    this.#hangups += 1;
    this.#onHangup?.();
  };
}
