import type { ConsumerReport, ResultMessage, ResultStatus } from '@vigia/contracts';

/** What a consumer's results were, for its report. */
export class ResultCounts {
  readonly #results: Record<ResultStatus, number> = { ok: 0, expired: 0, timeout: 0, unavailable: 0, error: 0 };
  readonly #detections: Record<string, number> = {};
  readonly #resultsWith: Record<string, number> = {};

  add(result: ResultMessage): void {
    this.#results[result.status] += 1;
    if (!result.detections) return;
    const seen = new Set<string>();
    for (const { class_name: name } of result.detections) {
      this.#detections[name] = (this.#detections[name] ?? 0) + 1;
      seen.add(name);
    }
    for (const name of seen) this.#resultsWith[name] = (this.#resultsWith[name] ?? 0) + 1;
  }

  /** A copy. */
  report(): Pick<ConsumerReport, 'results' | 'detections' | 'results_with'> {
    return {
      results: { ...this.#results },
      detections: { ...this.#detections },
      results_with: { ...this.#resultsWith },
    };
  }
}
