import { type Clock, systemClock } from '@vigia/base';
import { formatBytes } from './text.ts';

const WIDTH = 28;
const REDRAW_MS = 80;

/** A stream for a progress bar. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Progress of one download: a bar on a terminal, a line per quarter otherwise. */
export class ProgressBar {
  readonly #label: string;
  readonly #stream: ProgressStream;
  readonly #clock: Clock;
  #lastMs = Number.NEGATIVE_INFINITY;
  #quarter = -1;
  #drawn = false;

  constructor(label: string, stream: ProgressStream, clock: Clock = systemClock) {
    this.#label = label;
    this.#stream = stream;
    this.#clock = clock;
  }

  /** @param total Bytes; undefined when unknown. */
  update(received: number, total: number | undefined): void {
    const share = total ? Math.min(1, received / total) : 0;
    if (!this.#stream.isTTY) {
      const quarter = Math.floor(share * 4);
      if (quarter === this.#quarter) return;
      this.#quarter = quarter;
      this.#stream.write(`${this.#label}: ${(share * 100).toFixed(0)} % of ${formatBytes(total ?? received)}\n`);
      return;
    }
    const now = this.#clock.nowMs();
    if (share < 1 && now - this.#lastMs < REDRAW_MS) return;
    this.#lastMs = now;
    this.#drawn = true;
    const filled = Math.round(share * WIDTH);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`;
    this.#stream.write(
      `\r\u001b[2K${this.#label} ${bar} ${formatBytes(received)}${total ? ` of ${formatBytes(total)}` : ''}`,
    );
  }

  /** Finishes the bar's line with a message. */
  done(text: string): void {
    this.#stream.write(this.#drawn ? `\r\u001b[2K${text}\n` : `${text}\n`);
  }
}
