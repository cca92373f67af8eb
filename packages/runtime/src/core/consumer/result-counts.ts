import type { ConsumerReport, ResultMessage, ResultStatus } from '@vigia/contracts';

/** Class names that are counted separately: a worker that reads number plates reports a new one for each car. */
export const COUNTED_CLASSES = 256;
/** All further names count under this one. */
const OTHERS = '(others)';

/** How often each class was seen: at most {@link COUNTED_CLASSES} names, and `(others)`. */
export class ClassCounts {
  readonly #counts = new Map<string, number>();

  add(name: string, count = 1): void {
    const known = this.#counts.has(name) || this.#counts.size < COUNTED_CLASSES;
    const key = known ? name : OTHERS;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** A copy. */
  report(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}

/** The sum of two counts of classes, with the same limit. */
export function addClassCounts(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const out = new ClassCounts();
  for (const counts of [a, b]) for (const [name, count] of Object.entries(counts)) out.add(name, count);
  return out.report();
}

/** Counts a consumer's results by status and by class. */
export class ResultCounts {
  readonly #results: Record<ResultStatus, number> = { ok: 0, expired: 0, timeout: 0, unavailable: 0, error: 0 };
  readonly #detections = new ClassCounts();
  readonly #resultsWith = new ClassCounts();

  add(result: ResultMessage): void {
    this.#results[result.status] += 1;
    if (!result.detections) return;
    const seen = new Set<string>();
    for (const { class_name: name } of result.detections) {
      this.#detections.add(name);
      seen.add(name);
    }
    for (const name of seen) this.#resultsWith.add(name);
  }

  /** A copy. */
  report(): Pick<ConsumerReport, 'results' | 'detections' | 'results_with'> {
    return {
      results: { ...this.#results },
      detections: this.#detections.report(),
      results_with: this.#resultsWith.report(),
    };
  }
}
