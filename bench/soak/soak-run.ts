import { setMaxListeners } from 'node:events';
import { parseArgs } from 'node:util';
import { messageOf, Scope, systemClock } from '@vigia/base';
import { headerLines } from '../support/bench-run.ts';
import { asMarkdown, asText, type Table } from '../support/table.ts';

/** Input of every soak test. */
export interface SoakRun {
  /** Aborts on Ctrl-C: every wait ends. */
  readonly signal: AbortSignal;
  /** Closed at the end in every case: processes started and files written are deferred here. */
  readonly scope: Scope;
  /** The short form, for `npm test`: the same checks, fewer rounds. */
  readonly short: boolean;
  /** Parts of names: only cases with one of them are played. Empty: all. */
  readonly only: readonly string[];
  /** Prints one line of progress. */
  readonly progress: (text: string) => void;
}

/** The result. */
export interface SoakResult {
  readonly tables: readonly Table[];
  /** Failures, a sentence each. Empty: passed. */
  readonly failures: readonly string[];
}

/** Failures that are printed. */
const MOST_FAILURES = 12;
/** Time limit of a soak test, seconds: one that hangs has failed. */
const LIMIT_S = 2_700;
const SHORT_LIMIT_S = 300;
/** Exit code of an interrupted program. */
const INTERRUPTED = 130;

const OPTIONS = { short: { type: 'boolean' }, markdown: { type: 'boolean' }, only: { type: 'string' } } as const;

/** Runs one soak test as a program: `[--short] [--markdown] [--only PART[,PART]]`; exit code 0 when everything held. */
export async function runSoak(
  name: string,
  soak: (run: SoakRun) => Promise<SoakResult>,
  longLimitS: number = LIMIT_S,
): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  const limitS = values.short ? SHORT_LIMIT_S : longLimitS;
  const ending = endingController(limitS);
  const scope = new Scope();
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  const progress = (text: string): void => void process.stderr.write(`· ${name}: ${text}\n`);
  try {
    write(`${headerLines().join(values.markdown ? '  \n' : '\n')}\n`);
    const run: SoakRun = {
      signal: ending.signal,
      scope,
      short: values.short === true,
      only: values.only?.split(',') ?? [],
      progress,
    };
    const { tables, failures } = await Promise.race([soak(run), rejectedBy(ending.signal)]);
    for (const table of tables) write(values.markdown ? asMarkdown(table) : asText(table));
    for (const failure of shortened(failures)) process.stderr.write(`vigia: soak ${name}: ${failure}\n`);
    process.exitCode = failures.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`vigia: soak ${name}: ${messageOf(error)}\n`);
    process.exitCode = ending.signal.reason instanceof Interrupted ? INTERRUPTED : 1;
  } finally {
    await scope.close();
  }
  // After an interrupt, nothing waits for the operations in progress.
  if (ending.signal.aborted) process.exit(process.exitCode || 1);
}

/** What fails for one of many usually fails for all of them. */
function shortened(failures: readonly string[]): string[] {
  const more = failures.length - MOST_FAILURES;
  return more > 0 ? [...failures.slice(0, MOST_FAILURES), `and ${more} more`] : [...failures];
}

class Interrupted extends Error {}

/** Aborts on an interrupt, on a failure that nothing waits for, or at the time limit. */
function endingController(limitS: number): AbortController {
  const ending = new AbortController();
  // A soak test waits for many things at once, all of which end with it.
  setMaxListeners(0, ending.signal);
  const interrupt = (): void => ending.abort(new Interrupted('interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  process.on('uncaughtException', (error) => ending.abort(error));
  systemClock.after(limitS * 1000, () => ending.abort(new Error(`it hangs: ${limitS} s were not enough`)), {
    unref: true,
  });
  return ending;
}

/** A promise that never resolves; it rejects with the signal's reason. */
function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
