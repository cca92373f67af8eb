import type { AnswerSummary, RecentAnswers, ResultMessage } from '@vigia/contracts';

const KEPT = 256;
const WINDOW_MS = 10_000;
/** The newest result is current for this long, or for so many intervals. */
const CURRENT = { ms: 1_000, intervals: 3, longestMs: 60_000 } as const;
const MINUTE_MS = 60_000;
const ANSWERS = 540;
/** Answers that follow each other faster are one. */
const SPACING_MS = MINUTE_MS / ANSWERS;
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

/** The answers of one consumer in the last minute: bounded, and put together only when somebody asks. */
export class LastMinute {
  /** When each was decided, by a clock that never jumps. */
  readonly #atMs = new Float64Array(ANSWERS);
  /** NaN: not `ok`. */
  readonly #ages = new Float64Array(ANSWERS);
  readonly #objects = new Uint16Array(ANSWERS);
  #count = 0;
  #newestMs = Number.NEGATIVE_INFINITY;

  /** Of answers that are one, the older picture and more objects prevail, and what is `ok`. */
  add(
    { status, age_ms: ageMs, detections }: Pick<ResultMessage, 'status' | 'age_ms' | 'detections'>,
    nowMs: number,
  ): void {
    const isNew = this.#count === 0 || nowMs - this.#newestMs >= SPACING_MS;
    if (isNew) {
      this.#newestMs = nowMs;
      this.#count += 1;
    }
    const at = (this.#count - 1) % ANSWERS;
    const before = isNew ? Number.NaN : (this.#ages[at] as number);
    const age = status === 'ok' ? ageMs : Number.NaN;
    const objects = Math.min(detections?.length ?? 0, 65_535);
    this.#atMs[at] = this.#newestMs;
    this.#ages[at] = Number.isNaN(before) || age > before ? age : before;
    this.#objects[at] = isNew ? objects : Math.max(objects, this.#objects[at] as number);
  }

  /** Whether none was in the last minute. */
  isOver(nowMs: number): boolean {
    return nowMs - this.#newestMs > MINUTE_MS;
  }

  /** Oldest first. @param sinceMs Since when anything is known: the start of the node. */
  summary(nowMs: number, sinceMs: number): AnswerSummary {
    const answers: AnswerSummary['answers'] = [];
    for (let i = Math.max(0, this.#count - ANSWERS); i < this.#count; i += 1) {
      const at = i % ANSWERS;
      const agoMs = nowMs - (this.#atMs[at] as number);
      const age = this.#ages[at] as number;
      if (agoMs > MINUTE_MS) continue;
      answers.push([Number.isNaN(age) ? null : age, this.#objects[at] as number, Math.round(agoMs)]);
    }
    return { complete_ms: Math.round(Math.min(MINUTE_MS, nowMs - sinceMs)), answers };
  }
}
