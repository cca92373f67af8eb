import type { HealthResponse, ModelReport } from '@vigia/contracts';

/** Counters that continue when one container takes over from another. */
export type ModelCounts = Pick<ModelReport, 'requests' | 'batches' | 'restarts'>;

/** Two answers on their way at the same time differ by at most this. Milliseconds. */
const DISORDER_MS = 2_000;

/** Adds up the counters of successive containers of one model. Each container starts at 0. */
export class ModelCounters {
  #before: { requests: number; batches: number };
  #now: HealthResponse | undefined;

  constructor(before: Partial<ModelCounts> = {}) {
    this.#before = { requests: before.requests ?? 0, batches: before.batches ?? 0 };
  }

  get counts(): Pick<ModelReport, 'requests' | 'batches' | 'inference_ms'> {
    const { counters, inference_ms } = this.#now ?? {
      counters: { requests: 0, batches: 0 },
      inference_ms: { p50: 0, p99: 0 },
    };
    return {
      requests: this.#before.requests + counters.requests,
      batches: this.#before.batches + counters.batches,
      inference_ms,
    };
  }

  /**
   * Takes a health report. A much smaller uptime than in the previous one means that the container was restarted; a
   * slightly smaller one, that two answers arrived in the wrong order: the older one is ignored.
   */
  heard(health: HealthResponse): void {
    const backMs = this.#now ? this.#now.uptime_ms - health.uptime_ms : 0;
    if (backMs > 0 && backMs <= DISORDER_MS) return;
    if (backMs > 0) this.died();
    this.#now = health;
  }

  /** The container is gone. The next one starts at 0. */
  died(): void {
    const { requests, batches } = this.counts;
    this.#before = { requests, batches };
    this.#now = undefined;
  }
}
