import { closeSync, openSync } from 'node:fs';
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

/** At its exit Node restores the settings of each terminal, and aborts when that fails: it must not find one that is gone. */
function replaceByNothing(fd: number): void {
  closeSync(fd);
  // The lowest number that is free: this one, because the streams before it are open.
  openSync('/dev/null', 'r+');
}
