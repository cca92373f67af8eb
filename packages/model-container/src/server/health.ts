import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Clock } from '@vigia/base';
import type { HealthResponse } from '@vigia/contracts';

/** This many failed runs in a row are not the fault of a single frame. */
const FAILING_AFTER = 3;

/** Counters of a container. Owns the numbers of the `health` answer; counters never decrease. */
export class Health {
  readonly #clock: Clock;
  readonly #startedMs: number;
  /** In microseconds: a histogram holds integers. */
  readonly #inferenceUs: RecordableHistogram = createHistogram();
  #requests = 0;
  #ok = 0;
  #errors = 0;
  #batches = 0;
  #failedRuns = 0;
  #lastError: string | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
  }

  /** An `infer` arrived. */
  request(): void {
    this.#requests += 1;
  }

  /** A request was answered with detections. */
  succeeded(): void {
    this.#ok += 1;
  }

  /** A run succeeded. */
  ran(inferenceMs: number): void {
    this.#batches += 1;
    this.#failedRuns = 0;
    this.#inferenceUs.record(Math.max(1, Math.round(inferenceMs * 1000)));
  }

  /** The model itself failed on a frame. */
  runFailed(): void {
    this.#batches += 1;
    this.#failedRuns += 1;
  }

  /** A request was answered with an error. */
  failed(message: string): void {
    this.#errors += 1;
    this.#lastError = message;
  }

  /** The numbers, without `request_id`. */
  snapshot(grants: { readonly grants: number; readonly grantsExpired: number }): Omit<HealthResponse, 'request_id'> {
    const percentile = (p: number): number =>
      this.#inferenceUs.count === 0 ? 0 : this.#inferenceUs.percentile(p) / 1000;
    return {
      state: this.#failedRuns >= FAILING_AFTER ? 'failing' : 'ready',
      uptime_ms: this.#clock.nowMs() - this.#startedMs,
      counters: {
        requests: this.#requests,
        ok: this.#ok,
        errors: this.#errors,
        batches: this.#batches,
        grants: grants.grants,
        grants_expired: grants.grantsExpired,
      },
      inference_ms: { p50: percentile(50), p99: percentile(99) },
      last_error: this.#lastError,
      error: null,
    };
  }
}
