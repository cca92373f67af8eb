import type { RecentAnswers, ResultMessage } from '@vigia/contracts';

const KEPT = 256;
const WINDOW_MS = 10_000;

/** Results of one consumer in the last 10 s: bounded, and sorted only when somebody asks. */
export class RecentResults {
  readonly #ages = new Float64Array(KEPT);
  readonly #atMs = new Float64Array(KEPT).fill(Number.NEGATIVE_INFINITY);
  readonly #uncertain = new Uint8Array(KEPT);
  #count = 0;
  #last: ResultMessage | undefined;

  add(result: ResultMessage, nowMs: number): void {
    this.#last = result;
    if (result.status !== 'ok') return;
    const at = this.#count % KEPT;
    this.#ages[at] = result.age_ms;
    this.#atMs[at] = nowMs;
    this.#uncertain[at] = result.age_certain ? 0 : 1;
    this.#count += 1;
  }

  /** @param sinceMs When the node started: the window is shorter in its first 10 s. */
  summary(nowMs: number, sinceMs: number): RecentAnswers {
    const isRecent = (i: number): boolean => nowMs - (this.#atMs[i] as number) < WINDOW_MS;
    const ages = this.#ages.filter((_, i) => isRecent(i)).sort();
    const at = (quantile: number): number | null =>
      ages[Math.min(ages.length - 1, Math.floor(quantile * ages.length))] ?? null;
    return {
      per_s: this.#rate(ages.length, nowMs, sinceMs),
      age_p50_ms: at(0.5),
      age_p99_ms: at(0.99),
      age_certain: !this.#uncertain.some((uncertain, i) => uncertain === 1 && isRecent(i)),
      sees: this.#sees(),
    };
  }

  /** When all places hold results of the window, older ones of the window were overwritten. */
  #rate(count: number, nowMs: number, sinceMs: number): number {
    const oldestMs = count === KEPT ? (this.#atMs[this.#count % KEPT] as number) : nowMs - WINDOW_MS;
    const spanMs = nowMs - Math.max(oldestMs, sinceMs);
    return spanMs <= 0 ? 0 : (count / spanMs) * 1000;
  }

  #sees(): string | null {
    if (!this.#last) return null;
    if (!this.#last.detections) return this.#last.status;
    const counts = new Map<string, number>();
    for (const { class_name: name } of this.#last.detections) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts.size === 0 ? 'nothing' : [...counts].map(([name, n]) => `${n} ${name}`).join(', ');
  }
}
