import type { Detection } from '@vigia/contracts';
import { BLIND_MS } from '@vigia/rules';
import type { Judgement, ResultJudge } from './judges.ts';

/** What comes of a result, or of the time without one. */
export type Step<News> =
  /** Results stopped for so long. Milliseconds since 1970. */
  | { readonly kind: 'gap'; readonly fromMs: number; readonly toMs: number }
  | {
      readonly kind: 'moment';
      readonly atMs: number;
      /** Of a result; else only time has passed. */
      readonly hasResult: boolean;
      readonly judged: Judgement<News>;
    };

/** Without results, alarms are looked at so often. Milliseconds. */
const TICK_MS = 1_000;

/** Plays stored results to a rule, in order of their time. Pure: each step is one look of the rule, so that others may come in between. */
export class Replay<News> {
  readonly #judge: ResultJudge<News>;
  #lastMs: number;
  #results = 0;
  #gaps = 0;

  /** @param fromMs When it begins. Milliseconds since 1970. */
  constructor(judge: ResultJudge<News>, fromMs: number) {
    this.#judge = judge;
    this.#lastMs = fromMs;
  }

  /** Results that were played. */
  get results(): number {
    return this.#results;
  }

  /** Times without results. */
  get gaps(): number {
    return this.#gaps;
  }

  /** A result, and the time before it. One that is not later than the last one is left out. Read it to its end. */
  *see(atMs: number, detections: readonly Detection[]): Generator<Step<News>> {
    if (atMs <= this.#lastMs) return;
    yield* this.end(atMs);
    this.#lastMs = atMs;
    this.#results += 1;
    this.#judge.see(atMs, detections);
    yield { kind: 'moment', atMs, hasResult: true, judged: this.#judge.settle() };
  }

  /** No result comes until then. Read it to its end. */
  *end(toMs: number): Generator<Step<News>> {
    const fromMs = this.#lastMs;
    if (toMs - fromMs < BLIND_MS) return;
    this.#gaps += 1;
    yield { kind: 'gap', fromMs, toMs };
    this.#judge.blind();
    // Alarms may begin while nobody looks.
    for (let waitMs = fromMs + BLIND_MS; waitMs < toMs; waitMs += TICK_MS) {
      this.#judge.wait(waitMs);
      yield { kind: 'moment', atMs: waitMs, hasResult: false, judged: this.#judge.settle() };
    }
  }
}
