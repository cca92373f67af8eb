import type { Clock } from '@vigia/base';
import type { NodeItem, NodeStatus } from '@vigia/contracts';
import { agesText, consumerState } from './cells.ts';
import { lineOf } from './event-line.ts';
import type { View } from './view.ts';
import { Keyed, keepOnly, Rate } from './recent.ts';

const EVERY_MS = 5_000;

/** Lines for a log: each state change, and one line per consumer every five seconds. */
export class PlainView implements View {
  readonly #write: (line: string) => void;
  readonly #clock: Clock;
  readonly #rates = new Keyed(() => new Rate());
  #nextMs: number;

  constructor(write: (line: string) => void, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
    this.#nextMs = clock.nowMs() + EVERY_MS;
  }

  onItem(item: NodeItem): void {
    const line = item.type === 'event' ? lineOf(item.event) : undefined;
    if (line !== undefined) this.#line(line);
  }

  onLog(line: string): void {
    this.#write(line);
  }

  draw(status: NodeStatus): void {
    keepOnly(status, this.#rates);
    const now = this.#clock.nowMs();
    const rates = new Map<string, number | undefined>();
    for (const [id, { report }] of Object.entries(status.cameras)) {
      for (const [name, consumer] of Object.entries(report.consumers))
        rates.set(`${id}/${name}`, this.#rates.get(`${id}/${name}`).read(consumer.results.ok, now));
    }
    if (now < this.#nextMs) return;
    this.#nextMs = now + EVERY_MS;
    for (const [id, { report, answers }] of Object.entries(status.cameras)) {
      for (const [name, consumer] of Object.entries(report.consumers)) {
        const key = `${id}/${name}`;
        const recent = answers[name];
        const [p50, p99] = agesText(recent);
        const { gated, overwritten, stale } = consumer.dropped;
        this.#line(
          `${key}: camera ${report.state}, ${consumerState(report, consumer)}, ${rates.get(key)?.toFixed(1) ?? '–'} fps, age p50 ${p50} p99 ${p99}, sees ${recent?.sees ?? '–'}, dropped ${gated} gated ${overwritten} overwritten ${stale} stale`,
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
