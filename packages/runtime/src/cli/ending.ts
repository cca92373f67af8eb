import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { systemClock } from '@vigia/base';

/**
 * A second signal this much later ends the process at once. (npm passes a terminal's Ctrl-C on, so two arrive
 * together.)
 */
const INSIST_MS = 400;
const ENDS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Turns signals into the end of a run: the first one requests it, a second one forces it. SIGHUP ends the run only if
 * the terminal it was started on is gone; otherwise it is passed on.
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

  /** Requests the end like a first signal: the next one forces it. */
  request(): void {
    this.#signalledMs ??= systemClock.nowMs();
    this.#abort.abort();
  }

  /** Calls `fn` for each SIGHUP that does not end the run; once for all earlier ones. */
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
    // The children end with this process.
    if (this.#signalledMs !== undefined && now - this.#signalledMs > INSIST_MS) process.exit(1);
    this.request();
  };

  readonly #onSighup = (): void => {
    // A stream that was a terminal and no longer is has been closed.
    const gone = this.#terminals.filter((fd) => !isatty(fd));
    if (gone.length > 0) {
      for (const fd of gone) replaceByNothing(fd);
      this.#abort.abort();
      return;
    }
    this.#hangups += 1;
    this.#onHangup?.();
  };
}

/**
 * On exit Node restores the settings of each terminal, and aborts if that fails. So replace a terminal that is gone.
 */
function replaceByNothing(fd: number): void {
  closeSync(fd);
  // Reuses the lowest free descriptor, which is this one: those below it are open.
  openSync('/dev/null', 'r+');
}
