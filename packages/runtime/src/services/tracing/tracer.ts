import type { Clock, Log } from '@vigia/base';
import type { ResultMessage } from '@vigia/contracts';
import type { PostAddress } from '#core/posting';
import { frameTraceOf } from './frame-trace.ts';
import type { TraceResource } from './otlp.ts';
import { Sampler } from './sampler.ts';
import { type ExportCounts, TraceExporter } from './trace-exporter.ts';

/** Options of {@link Tracer}. */
export interface TracerOptions extends PostAddress, TraceResource {
  /** The share of frames, 0..1. */
  readonly sample: number;
  /** The most traces per second. */
  readonly perSecond: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** How many sampled results had which end. Those that wait are not among them. */
export interface TraceCounts extends ExportCounts {
  /** Not traced because there were too many in a second. */
  readonly limited: number;
}

/** Turns a share of the results into traces, one span tree each, and sends them to a collector. */
export class Tracer {
  readonly #sampler: Sampler;
  readonly #exporter: TraceExporter;
  #limited = 0;

  constructor({ url, headers, node, boot, version, sample, perSecond, clock, log }: TracerOptions) {
    this.#sampler = new Sampler(sample, perSecond, clock);
    this.#exporter = new TraceExporter({ address: { url, headers }, resource: { node, boot, version }, clock, log });
  }

  /** A copy of the counters. */
  get counts(): TraceCounts {
    return { ...this.#exporter.counts, limited: this.#limited };
  }

  /** Traces a result, if it is to be traced. Called for every result: it allocates nothing for the others. */
  take(result: ResultMessage): void {
    if (!this.#sampler.includes(result)) return;
    if (!this.#sampler.admits()) {
      this.#limited += 1;
      return;
    }
    const frame = frameTraceOf(result);
    if (frame) this.#exporter.offer(frame);
  }

  /** Sends the waiting traces. Resolves within a second. Idempotent. */
  close(): Promise<void> {
    return this.#exporter.close();
  }
}
