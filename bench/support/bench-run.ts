import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, Scope } from '@vigia/base';

/** Input of every measurement. */
export interface BenchRun {
  /** Aborts on Ctrl-C: every wait ends. */
  readonly signal: AbortSignal;
  /** Closed at the end in every case: processes started and files written are deferred here. */
  readonly scope: Scope;
  /** Duration of a measured window. */
  readonly seconds: number;
  /** Prints one line of progress. */
  readonly progress: (text: string) => void;
}

/** Describes machine and date of the measurement, without names of machines or people. */
export function headerLines(): string[] {
  const [cpu] = cpus();
  return [
    `${cpu?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, ${systemName()}`,
    `Node ${process.versions.node}, ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, revision ${revision()}`,
    `load average before: ${loadavg()
      .map((load) => load.toFixed(2))
      .join(' ')}`,
  ];
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown system';
  } catch {
    return 'unknown system';
  }
}

function revision(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty=, with changes', '--abbrev=10'], {
      cwd: dirname(fileURLToPath(import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    // No git, or not a checkout.
    return 'unknown';
  }
}

/**
 * Runs a benchmark as a program: options, Ctrl-C, cleaning up.
 *
 * @param readOptions Throws a sentence for the user of the command line.
 * @param measure Resolves with false when something failed.
 * @returns the exit code: 0, 1 when it failed, 2 for bad options, 130 when interrupted.
 */
export async function runBenchmark<O extends { readonly seconds: number }>(
  name: string,
  readOptions: (args: string[]) => O,
  measure: (run: BenchRun, options: O) => Promise<boolean>,
): Promise<number> {
  let options: O;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    // Node adds advice for programmers after the first sentence.
    process.stderr.write(`vigia: bench ${name}: ${messageOf(error).split('. ')[0]}\n`);
    return 2;
  }
  const ending = new AbortController();
  const interrupt = (): void => ending.abort(new Error('interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  // The reader of our output has closed it (`| head`).
  process.stdout.on('error', interrupt);
  const scope = new Scope();
  const progress = (text: string): void => void process.stderr.write(`· ${text}\n`);
  try {
    return (await measure({ signal: ending.signal, scope, seconds: options.seconds, progress }, options)) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`vigia: bench ${name}: ${messageOf(error)}\n`);
    return ending.signal.aborted ? 130 : 1;
  } finally {
    await scope.close();
  }
}
