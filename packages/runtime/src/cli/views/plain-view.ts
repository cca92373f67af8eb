import type { Clock } from '@vigia/base';
import type { NodeStatus, ViewEvent } from '@vigia/contracts';
import type { View } from './view.ts';
import { Keyed, keepOnly, Rate, RecentResults } from './recent.ts';

const EVERY_MS = 5_000;

/** Lines for a log: state changes as they come, and every five seconds a line per consumer. */
export class PlainView implements View {
  readonly #write: (line: string) => void;
  readonly #clock: Clock;
  readonly #recent = new Keyed(() => new RecentResults());
  readonly #rates = new Keyed(() => new Rate());
  #nextMs: number;

  constructor(write: (line: string) => void, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
    this.#nextMs = clock.nowMs() + EVERY_MS;
  }

  onEvent(event: ViewEvent): void {
    if (event.type === 'result')
      this.#recent.get(`${event.result.camera}/${event.result.consumer}`).add(event.result, this.#clock.nowMs());
    else if (event.type === 'model_state')
      this.#line(`model ${event.model}: ${event.state}${event.reason === null ? '' : ` (${event.reason})`}`);
    else if (event.type === 'worker_state') {
      const { camera, consumer, state, message, alarm } = event.state;
      this.#line(`worker ${camera}/${consumer}: ${alarm ? 'ALARM ' : ''}${state}${message ? ` (it ${message})` : ''}`);
    } else if (event.type === 'event') {
      const { camera, consumer, message, type, alarm } = event.event;
      // What a worker's state says already is not said twice.
      if (!type.startsWith('worker_'))
        this.#line(`${camera}/${consumer}: ${alarm ? 'ALARM ' : ''}${type.replace('_', ' ')}: ${message}`);
    } else {
      const { camera, state, message, retry_in_ms: retry } = event.state;
      const again = retry === null ? '' : `; again in ${(retry / 1000).toFixed(1)} s`;
      this.#line(`camera ${camera}: ${state}${message ? `: ${message}${again}` : ''}`);
    }
  }

  onLog(line: string): void {
    this.#write(line);
  }

  draw(status: NodeStatus): void {
    keepOnly(status, this.#recent, this.#rates);
    const now = this.#clock.nowMs();
    const rates = new Map<string, number | undefined>();
    for (const [id, { report }] of status.cameras) {
      for (const [name, consumer] of Object.entries(report.consumers))
        rates.set(`${id}/${name}`, this.#rates.get(`${id}/${name}`).read(consumer.results.ok, now));
    }
    if (now < this.#nextMs) return;
    this.#nextMs = now + EVERY_MS;
    for (const [id, { report }] of status.cameras) {
      for (const [name, consumer] of Object.entries(report.consumers)) {
        const key = `${id}/${name}`;
        const recent = this.#recent.get(key);
        const age = (q: number): string => recent.age(q, now)?.toFixed(0) ?? '–';
        const { gated, overwritten, stale } = consumer.dropped;
        this.#line(
          `${key}: ${report.state}, ${rates.get(key)?.toFixed(1) ?? '–'} fps, age p50 ${age(0.5)} ms p99 ${age(0.99)} ms, sees ${recent.sees()}, dropped ${gated} gated ${overwritten} overwritten ${stale} stale`,
        );
      }
    }
  }

  close(): void {
    // Lines need no tidying up.
  }

  #line(text: string): void {
    this.#write(`${new Date(this.#clock.wallMs()).toISOString().slice(11, 19)} ${text}`);
  }
}
