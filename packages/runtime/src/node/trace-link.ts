import type { Clock, Log } from '@vigia/base';
import type { TraceCounts, Tracer } from '#services/tracing';
import type { EventHub, Subscription } from '#core/event-hub';
import type { PlannedTracing } from '#node/plan';

/** Options of {@link TraceLink}. */
export interface TraceLinkOptions {
  readonly node: string;
  /** The run of the node. */
  readonly boot: string;
  /** The version of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly hub: EventHub;
}

const NONE: TraceCounts = { sent: 0, failed: 0, dropped: 0, limited: 0 };

/**
 * The node's traces. A reload may start, change and end them. While they are off there is no subscription, and the code
 * of the tracer is not loaded.
 */
export class TraceLink {
  readonly #o: TraceLinkOptions;
  #tracer: Tracer | undefined;
  #subscription: Subscription | undefined;
  /** Counts of earlier tracers. */
  #before = NONE;
  #closed = false;

  constructor(options: TraceLinkOptions) {
    this.#o = options;
  }

  /** How many traces had which end, since the node started; null while traces are off. */
  get counts(): TraceCounts | null {
    return this.#tracer ? sumOf(this.#before, this.#tracer.counts) : null;
  }

  /**
   * Sends traces to another collector, or with other settings. Resolves when the previous tracer has ended, at most a
   * second later.
   *
   * @param tracing Undefined: no traces.
   */
  async use(tracing: PlannedTracing | undefined): Promise<void> {
    const left = this.#leave();
    if (tracing) await this.#begin(tracing);
    await left;
  }

  /** Sends the waiting traces, in at most a second. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#leave();
  }

  async #begin(tracing: PlannedTracing): Promise<void> {
    const { Tracer: Loaded } = await import('#services/tracing');
    if (this.#closed) return;
    const { hub, node, boot, version, clock } = this.#o;
    const log = this.#o.log.child('tracing');
    const tracer = new Loaded({ ...tracing, node, boot, version, clock, log });
    this.#tracer = tracer;
    this.#subscription = hub.subscribe({ name: 'tracing', wants: (item) => item.type === 'result' }, (item) => {
      if (item.type === 'result') tracer.take(item.result);
    });
    log.info(`${tracing.sample * 100} % of the frames are traced`);
  }

  async #leave(): Promise<void> {
    this.#subscription?.close();
    const tracer = this.#tracer;
    this.#tracer = undefined;
    if (!tracer) return;
    await tracer.close();
    this.#before = sumOf(this.#before, tracer.counts);
  }
}

function sumOf(a: TraceCounts, b: TraceCounts): TraceCounts {
  return {
    sent: a.sent + b.sent,
    failed: a.failed + b.failed,
    dropped: a.dropped + b.dropped,
    limited: a.limited + b.limited,
  };
}
