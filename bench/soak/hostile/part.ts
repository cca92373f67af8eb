import { codeOf, messageOf, type Scope, sleep, systemClock, VigiaError } from '@vigia/base';
import { Random } from '../container-fuzz/random.ts';
import { wrongIn } from './planted.ts';

/** A boundary that is attacked in one process, a case at a time. */
export interface Part {
  /** Cases at the same time. */
  readonly lanes: number;
  /** A case that takes longer hangs. Milliseconds. */
  readonly limitMs: number;
  /** Plays a case. Returns its outcome, in a word. What it throws is a failure. */
  play(random: Random, judge: CaseJudge): Promise<string> | string;
}

/** Opens a part. @param folder An empty one, for its files. @param scope Closed at the end. */
export type PartMaker = (scope: Scope, folder: string) => Promise<Part> | Part;

/** Which cases are played. */
export interface Cases {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
}

/** What became of the cases. */
export interface Tally {
  readonly cases: number;
  readonly outcomes: Record<string, number>;
  /** Undefined: its clock is simulated. */
  readonly slowestMs?: number;
  readonly failures: readonly string[];
}

const MOST_FAILURES = 20;
/** A refusal is a sentence, or one for each problem of a document. */
const SENTENCES = 51;
const SENTENCE_LENGTH = 2_000;
/** Cases without a wait between two turns of the event loop. */
const TURN = 50;
const EXCERPT = 300;

/** Judges one case. */
export class CaseJudge {
  readonly number: number;
  readonly faults: string[] = [];

  constructor(number: number) {
    this.number = number;
  }

  /** Something that the product shows, logs or passes on. */
  output(text: string): void {
    this.faults.push(...wrongIn(text));
  }

  /** An error of the product: typed, with one sentence for each problem. @returns its code. */
  refusal(error: unknown): string {
    const text = messageOf(error);
    this.output(text);
    const lines = text.split('\n');
    if (!(error instanceof VigiaError)) this.faults.push(`an error without a type: ${excerpt(error)}`);
    else if (lines.length > SENTENCES || lines.some((line) => line.length > SENTENCE_LENGTH))
      this.faults.push(`a long error: ${lines.length} lines, ${text.length} characters`);
    else if (text.trim() === '') this.faults.push('an error without a sentence');
    const code = codeOf(error) ?? 'untyped';
    return /^\w{1,40}$/.test(code) ? code : 'a foreign code';
  }
}

function excerpt(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return JSON.stringify(text.slice(0, EXCERPT));
}

/** Plays the cases of a part. @param onCase Called before each, with its number. */
export async function playCases(part: Part, cases: Cases, onCase: (number: number) => void): Promise<Tally> {
  const tally = { cases: 0, outcomes: {} as Record<string, number>, slowestMs: 0, failures: [] as string[] };
  let next = cases.first;
  const lane = async (): Promise<void> => {
    while (next < cases.first + cases.count && tally.failures.length < MOST_FAILURES) {
      const judge = new CaseJudge(next);
      next += 1;
      onCase(judge.number);
      const { outcome, tookMs } = await playOne(part, cases.seed, judge);
      tally.cases += 1;
      tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1;
      tally.slowestMs = Math.max(tally.slowestMs, tookMs);
      tally.failures.push(...judge.faults.map((fault) => `case ${judge.number} (${outcome}): ${fault}`));
      if (judge.number % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: part.lanes }, lane));
  return tally;
}

async function playOne(
  part: Part,
  seed: number,
  judge: CaseJudge,
): Promise<{ readonly outcome: string; readonly tookMs: number }> {
  const startMs = systemClock.nowMs();
  const late = new AbortController();
  const limit = sleep(systemClock, part.limitMs, late.signal).then(
    () => 'hangs',
    () => 'in time',
  );
  let outcome = 'failed';
  try {
    outcome = await Promise.race([part.play(Random.ofCase(seed, judge.number), judge), limit]);
  } catch (error) {
    judge.faults.push(`an exception: ${excerpt(error)}`);
  }
  late.abort();
  const tookMs = systemClock.nowMs() - startMs;
  if (outcome === 'hangs' || tookMs > part.limitMs)
    judge.faults.push(`it hangs: ${tookMs.toFixed(0)} ms, ${part.limitMs} are allowed`);
  return { outcome, tookMs };
}
