import type { Exhibit } from './clips.ts';
import { type Combination, includes, simpler } from './combination.ts';
import { judge, type Wrong } from './judge.ts';
import { visited } from './visit.ts';

/** A combination, and what was wrong with it. */
export interface Failure {
  readonly combination: Combination;
  readonly wrong: Wrong;
}

/** Plays and judges one combination. */
export type Play = (combination: Combination) => Promise<readonly Wrong[]>;

/** Causes that are looked for, and combinations that are played again before one is found. */
const MOST_CAUSES = 8;
const MOST_REPLAYS = 100;
/** Of these kinds, a failure counts only when it comes again on a machine that has nothing else to do. */
const OF_LOAD: ReadonlySet<Wrong['kind']> = new Set(['age', 'state']);

/** How combinations are played again. */
export function playing(exhibitOf: (combination: Combination) => Promise<Exhibit>, signal: AbortSignal): Play {
  return async (combination) => {
    const exhibit = await exhibitOf(combination);
    return judge(combination, exhibit, await visited(combination, exhibit, signal));
  };
}

/** Explains what was wrong in a run. */
export class Explanation {
  /** A sentence for each cause, with the smallest combination that shows it. */
  readonly sentences: string[] = [];
  /** Ages and states that were right when their combination was played again alone. */
  passed = 0;
  readonly #play: Play;
  #left: readonly Failure[];
  #replays = 0;

  constructor(failures: readonly Failure[], play: Play) {
    this.#left = failures;
    this.#play = play;
  }

  /** Plays again, one after the other, what was wrong; finds the cause, and leaves out what else has that cause. */
  async find(): Promise<void> {
    for (let [first] = this.#left; first; [first] = this.#left) {
      if (this.sentences.length === MOST_CAUSES || this.#replays === MOST_REPLAYS) break;
      this.#left = this.#left.slice(1);
      if (await this.#comesAgain(first)) await this.#explain(first);
      else this.passed += 1;
    }
    const { length } = this.#left;
    if (length > 0) this.sentences.push(`${length} more things were wrong, and were not played again`);
  }

  async #comesAgain({ combination, wrong }: Failure): Promise<boolean> {
    if (!OF_LOAD.has(wrong.kind)) return true;
    this.#replays += 1;
    return (await again(combination, wrong.kind, this.#play)) !== undefined;
  }

  async #explain(failure: Failure): Promise<void> {
    const smallest = await smallestOf(failure, this.#play);
    const before = this.#left.length;
    this.#left = this.#left.filter(
      (one) => one.wrong.kind !== failure.wrong.kind || !includes(one.combination, smallest.combination),
    );
    this.sentences.push(sentenceOf(smallest, before - this.#left.length));
  }
}

/** What is wrong of that kind when it is played again. Ages and states must be wrong twice. */
async function again(combination: Combination, kind: Wrong['kind'], play: Play): Promise<Failure | undefined> {
  let wrong: Wrong | undefined;
  for (let times = OF_LOAD.has(kind) ? 2 : 1; times > 0; times -= 1) {
    wrong = (await play(combination)).find((one) => one.kind === kind);
    if (!wrong) return undefined;
  }
  return wrong && { combination, wrong };
}

/** Removes one property after another, for as long as the same kind of failure comes. */
async function smallestOf(failure: Failure, play: Play): Promise<Failure> {
  let smallest = failure;
  for (;;) {
    const found = await Promise.all(
      simpler(smallest.combination).map((combination) => again(combination, failure.wrong.kind, play)),
    );
    const next = found.find((one) => one !== undefined);
    if (!next) return smallest;
    smallest = next;
  }
}

function sentenceOf({ combination, wrong }: Failure, more: number): string {
  const others = more === 0 ? '' : ` (and ${more} more that have the same properties)`;
  return `${wrong.kind}: ${wrong.sentence}${others}: --only='${JSON.stringify(combination)}'`;
}
