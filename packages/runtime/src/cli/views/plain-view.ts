import type { Clock } from '@vigia/base';
import type { NodeEvent, NodeItem, NodeStatus } from '@vigia/contracts';
import type { View } from './view.ts';
import { Keyed, keepOnly, Rate, RecentResults } from './recent.ts';

const EVERY_MS = 5_000;

/** Lines for a log: each state change, and one line per consumer every five seconds. */
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

  onItem(item: NodeItem): void {
    if (item.type === 'result')
      this.#recent.get(`${item.result.camera}/${item.result.consumer}`).add(item.result, this.#clock.nowMs());
    else if (item.type === 'event') {
      const line = lineOf(item.event);
      if (line !== undefined) this.#line(line);
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
    // Nothing to restore.
  }

  #line(text: string): void {
    this.#write(`${new Date(this.#clock.wallMs()).toISOString().slice(11, 19)} ${text}`);
  }
}

/** An event as a line; undefined if another line reports it already. */
function lineOf(event: NodeEvent): string | undefined {
  // The subject left the configuration, which the reload logs.
  if (event.phase === 'end' && event.kind.endsWith('_state')) return undefined;
  const alarm = event.severity === 'alarm' ? 'ALARM ' : '';
  const where = `${event.camera}/${event.consumer}`;
  switch (event.kind) {
    case 'model_state':
      return `model ${event.data.model}: ${event.data.state}${bracketed(event.data.reason)}`;
    case 'worker_state':
      return `worker ${where}: ${alarm}${event.data.state}${bracketed(event.data.message && `it ${event.data.message}`)}`;
    case 'camera_state':
      return cameraLine(event);
    case 'sla':
    case 'shedding':
      return `${where}: ${alarm}${event.data.type.replace('_', ' ')}: ${event.data.message}`;
    case 'consumer_blind':
      return event.phase === 'end' ? event.data.message : `${alarm}${event.data.message}`;
    case 'config':
      return `configuration: revision ${event.data.revision} by ${event.data.by}`;
    default:
      return undefined;
  }
}

function cameraLine({ camera, data }: Extract<NodeEvent, { readonly kind: 'camera_state' }>): string {
  const again = data.retry_in_ms === null ? '' : `; again in ${(data.retry_in_ms / 1000).toFixed(1)} s`;
  return `camera ${camera}: ${data.state}${data.message ? `: ${data.message}${again}` : ''}`;
}

function bracketed(text: string | null): string {
  return text ? ` (${text})` : '';
}
