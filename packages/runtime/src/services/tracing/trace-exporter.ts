import { Backoff, type Clock, type Log, type Timer } from '@vigia/base';
import type { PostAddress } from '#core/posting';
import { Collector, type CollectorAnswer } from './collector.ts';
import type { FrameTrace } from './frame-trace.ts';
import { tracesRequest, type TraceResource } from './otlp.ts';

/** Options of {@link TraceExporter}. */
export interface TraceExporterOptions {
  readonly address: PostAddress;
  readonly resource: TraceResource;
  readonly clock: Clock;
  readonly log: Log;
}

/** How many traces had which end. */
export interface ExportCounts {
  /** Accepted by the collector. */
  readonly sent: number;
  /** In a request that failed. */
  readonly failed: number;
  /** Dropped because newer ones came, or at the end. */
  readonly dropped: number;
}

/** The most traces that wait. */
export const QUEUE_LIMIT = 512;
/** The most traces of one request. */
export const BATCH_LIMIT = 128;
/** How long a trace waits for others. Milliseconds. */
export const BATCH_MS = 2_000;
/** How long a request may take. Milliseconds. */
export const REQUEST_MS = 5_000;
/** How long the end may take. Milliseconds. */
const LAST_MS = 1_000;
/** The waits after failed requests. Milliseconds. */
const RETRY = { firstMs: 2_000, maxMs: 30_000 } as const;

/**
 * Sends traces to a collector, one request at a time. The newest wait in a bounded queue; those of a failed request are
 * not sent again. Never blocks its caller.
 */
export class TraceExporter {
  readonly #o: TraceExporterOptions;
  readonly #collector: Collector;
  readonly #backoff = new Backoff(RETRY);
  readonly #abort = new AbortController();
  readonly #counts = { sent: 0, failed: 0, dropped: 0 };
  #queue: FrameTrace[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Earliest time of the next request. Monotonic milliseconds. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #lostBefore = 0;
  #complained = false;

  constructor(options: TraceExporterOptions) {
    this.#o = options;
    this.#collector = new Collector(options.address, options.resource.version, options.clock);
  }

  /** A copy of the counters. */
  get counts(): ExportCounts {
    return { ...this.#counts };
  }

  /** Takes a trace, in place of the oldest one when the queue is full. After `close`: nothing. */
  offer(frame: FrameTrace): void {
    if (this.#closing) return;
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#queue.shift();
      this.#counts.dropped += 1;
    }
    this.#queue.push(frame);
    if (!this.#timer && !this.#sending) this.#wait();
  }

  /** Sends the waiting traces unless the collector is away. Resolves within a second. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#timer?.cancel();
    const timer = this.#o.clock.after(LAST_MS, () => this.#abort.abort());
    await this.#sending;
    while (this.#queue.length > 0 && this.#backoff.failures === 0) await this.#sendBatch();
    timer.cancel();
    this.#counts.dropped += this.#queue.length;
    this.#queue = [];
  }

  #wait(): void {
    const ms = Math.max(BATCH_MS, this.#notBeforeMs - this.#o.clock.nowMs());
    this.#timer = this.#o.clock.after(ms, () => this.#begin(), { unref: true });
  }

  #begin(): void {
    this.#timer = undefined;
    this.#sending = this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async #send(): Promise<void> {
    let accepted = await this.#sendBatch();
    while (accepted && this.#queue.length >= BATCH_LIMIT && !this.#closing) accepted = await this.#sendBatch();
    if (this.#queue.length > 0 && !this.#closing) this.#wait();
  }

  /** @returns whether the collector accepted it. */
  async #sendBatch(): Promise<boolean> {
    const batch = this.#queue.splice(0, BATCH_LIMIT);
    const body = tracesRequest(this.#o.resource, batch);
    const answer = await this.#collector.send(body, REQUEST_MS, this.#abort.signal);
    if (answer.kind === 'accepted') this.#onAccepted(answer, batch.length);
    else this.#onFailed(answer, batch.length);
    return answer.kind === 'accepted';
  }

  #onAccepted({ rejectedSpans }: CollectorAnswer & { kind: 'accepted' }, count: number): void {
    const { log } = this.#o;
    const { place } = this.#collector;
    this.#counts.sent += count;
    if (this.#backoff.failures > 0) log.info(`${place} takes traces again; ${this.#lost - this.#lostBefore} were lost`);
    this.#backoff.reset();
    this.#lostBefore = this.#lost;
    if (rejectedSpans > 0 && !this.#complained) log.warn(`${place} rejected ${rejectedSpans} spans of ${count} traces`);
    this.#complained ||= rejectedSpans > 0;
  }

  #onFailed({ why }: CollectorAnswer & { kind: 'failed' }, count: number): void {
    this.#counts.failed += count;
    if (this.#backoff.failures === 0 && !this.#abort.signal.aborted)
      this.#o.log.warn(`${this.#collector.place} takes no traces (${why}): they are dropped until it does`);
    this.#notBeforeMs = this.#o.clock.nowMs() + this.#backoff.next();
  }

  get #lost(): number {
    return this.#counts.failed + this.#counts.dropped;
  }
}
