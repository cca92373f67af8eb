import type { Clock } from '@vigia/base';
import type { ConsumerReport, NodeItem, RecentAnswers, SummaryMessage } from '@vigia/contracts';
import { AgeHistogram } from '#node/children';
import { LastMinute, RecentResults } from './recent-results.ts';

/** The results of one consumer. */
interface Results {
  /** Undefined before the first ok result: a histogram is large. */
  ages: AgeHistogram | undefined;
  /** Of them: how many ages were uncertain. */
  uncertain: number;
  readonly recent: RecentResults;
}

/** Ages of the ok results of every consumer, for report and status. Subscribes to the node's stream. */
export class ResultAges {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #results = new Map<string, Results>();
  /** A consumer that is replaced has answered before, too. */
  readonly #minutes = new Map<string, LastMinute>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
  }

  /** Handles an item of the stream. */
  readonly handle = (item: NodeItem): void => {
    if (item.type !== 'result') return;
    const { result } = item;
    const key = `${result.camera}/${result.consumer}`;
    const results = this.#of(key);
    const nowMs = this.#clock.nowMs();
    results.recent.add(result, nowMs);
    let minute = this.#minutes.get(key);
    if (!minute) this.#minutes.set(key, (minute = new LastMinute()));
    minute.add(result, nowMs);
    if (result.status !== 'ok') return;
    results.ages ??= new AgeHistogram();
    results.ages.record(result.age_ms);
    if (!result.age_certain) results.uncertain += 1;
  };

  /** Null before the first ok result. */
  of(camera: string, consumer: string): ConsumerReport['age_ms'] {
    const results = this.#results.get(`${camera}/${consumer}`);
    const quantiles = results?.ages?.quantiles();
    return results && quantiles ? { ...quantiles, uncertain: results.uncertain } : null;
  }

  /** The last 10 s; undefined before the first result. @param intervalMs Of the camera. */
  recent(camera: string, consumer: string, intervalMs: number): RecentAnswers | undefined {
    const recent = this.#results.get(`${camera}/${consumer}`)?.recent;
    return recent?.summary(this.#clock.nowMs(), this.#startedMs, intervalMs);
  }

  /** What each consumer answered in the last minute. */
  lastMinute(): SummaryMessage[] {
    const nowMs = this.#clock.nowMs();
    const at = new Date(this.#clock.wallMs()).toISOString();
    this.#forgetMinutes();
    return [...this.#minutes].map(([key, minute]) => {
      const [camera = '', consumer = ''] = key.split('/');
      return Object.assign({ type: 'summary' as const, camera, consumer, at }, minute.summary(nowMs, this.#startedMs));
    });
  }

  /** The consumer was replaced or removed. */
  forget(camera: string, consumer: string): void {
    this.#results.delete(`${camera}/${consumer}`);
    this.#forgetMinutes();
  }

  /** The camera was removed. */
  forgetCamera(camera: string): void {
    for (const key of this.#results.keys()) if (key.startsWith(`${camera}/`)) this.#results.delete(key);
  }

  /** Those without an answer in it. */
  #forgetMinutes(): void {
    const nowMs = this.#clock.nowMs();
    for (const [key, minute] of this.#minutes) if (minute.isOver(nowMs)) this.#minutes.delete(key);
  }

  #of(key: string): Results {
    const known = this.#results.get(key);
    if (known) return known;
    const made: Results = { ages: undefined, uncertain: 0, recent: new RecentResults() };
    this.#results.set(key, made);
    return made;
  }
}
