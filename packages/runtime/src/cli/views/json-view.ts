import type { NodeStatus, ViewEvent } from '@vigia/contracts';
import type { View } from './view.ts';

/** A stream that a program reads. */
export interface JsonStream {
  readonly writableLength: number;
  write(text: string): unknown;
}

/** Bytes waiting for a reader that does not read; events beyond are dropped and counted. */
const BACKLOG_LIMIT = 1024 * 1024;
const STATS_EVERY_MS = 5_000;

/** One JSON object per line on stdout: every result and state, and every five seconds the counters. */
export class JsonView implements View {
  readonly #stream: JsonStream;
  #dropped = 0;
  #nextMs = 0;

  constructor(stream: JsonStream) {
    this.#stream = stream;
  }

  onEvent(event: ViewEvent): void {
    if (event.type === 'result') this.#line({ type: 'result', ...event.result });
    else if (event.type === 'camera_state') this.#line({ type: 'camera_state', ...event.state });
    else if (event.type === 'worker_state') this.#line({ type: 'worker_state', ...event.state });
    else if (event.type === 'event') this.#line({ ...event.event, type: 'event', event: event.event.type });
    else this.#line({ type: 'model_state', model: event.model, state: event.state, reason: event.reason });
  }

  onLog(): void {
    // Log lines stay on stderr.
  }

  draw(status: NodeStatus): void {
    if (status.upMs < this.#nextMs) return;
    this.#nextMs = status.upMs + STATS_EVERY_MS;
    const cameras = Object.fromEntries([...status.cameras].map(([id, { report }]) => [id, report]));
    this.#line({
      type: 'stats',
      node: status.node,
      up_ms: Math.round(status.upMs),
      cameras,
      models: Object.fromEntries(status.models),
      events_dropped: this.#dropped,
    });
  }

  close(): void {
    // Nothing is held.
  }

  #line(value: object): void {
    if (this.#stream.writableLength > BACKLOG_LIMIT) {
      this.#dropped += 1;
      return;
    }
    this.#stream.write(`${JSON.stringify(value)}\n`);
  }
}
