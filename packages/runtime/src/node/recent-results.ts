import type { RecentAnswers, ResultMessage } from '@vigia/contracts';

const KEPT = 256;
const WINDOW_MS = 10_000;
/** The newest result is current for this long, or for so many intervals. */
const CURRENT = { ms: 1_000, intervals: 3, longestMs: 60_000 } as const;
/** Shown for a consumer whose newest result is outdated. */
export const NOT_CURRENT: RecentAnswers = {
  per_s: 0,
  age_p50_ms: null,
  age_p99_ms: null,
  age_certain: true,
  sees: null,
};

/** Results of one consumer in the last 10 s: bounded, and sorted only when somebody asks. */
export class RecentResults {
  readonly #ages = new Float64Array(KEPT);
  readonly #atMs = new Float64Array(KEPT).fill(Number.NEGATIVE_INFINITY);
  readonly #uncertain = new Uint8Array(KEPT);
  #count = 0;
  #last: ResultMessage | undefined;
  #lastMs = 0;
  /** Between the newest two results, and between the two before. */
  #spacingMs = 0;
  #spacingBeforeMs = 0;

  add(result: ResultMessage, nowMs: number): void {
    this.#spacingBeforeMs = this.#spacingMs;
    this.#spacingMs = this.#last ? nowMs - this.#lastMs : 0;
    this.#lastMs = nowMs;
    this.#last = result;
    if (result.status !== 'ok') return;
    const at = this.#count % KEPT;
    this.#ages[at] = result.age_ms;
    this.#atMs[at] = nowMs;
    this.#uncertain[at] = result.age_certain ? 0 : 1;
    this.#count += 1;
  }

  /**
   * Empty once the newest result is older than 1 s and three intervals, of the source and of the consumer itself: what was
   * seen then must not look like now.
   *
   * @param sinceMs When the node started: the window is shorter in its first 10 s. @param intervalMs Of the source.
   */
  summary(nowMs: number, sinceMs: number, intervalMs: number): RecentAnswers {
    if (!this.#isCurrent(nowMs, intervalMs)) return NOT_CURRENT;
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

  #isCurrent(nowMs: number, intervalMs: number): boolean {
    // One gap is no interval: a worker that was away for a minute does not look once a minute.
    const ownMs = Math.min(this.#spacingMs, this.#spacingBeforeMs);
    const spacingMs = Math.min(CURRENT.longestMs, Math.max(ownMs, intervalMs));
    return nowMs - this.#lastMs <= Math.max(CURRENT.ms, CURRENT.intervals * spacingMs);
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
