import { type ChildProcess, spawn } from 'node:child_process';
import { codeOf, systemClock } from '@vigia/base';

/** Outcome of a program. */
export interface ProgramEnd {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link runProgram}. */
export interface ProgramOptions {
  /** Ends the program. */
  readonly signal: AbortSignal;
  /** Time limit, after which it is ended and counts as failed. */
  readonly limitMs: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called when it runs, for cleaning up after it in every case. */
  readonly onStart?: (pid: number) => void;
}

/** From SIGTERM to SIGKILL. */
const LEAVE_MS = 1_000;
/** Enough to report a failure. */
const OUTPUT_LIMIT = 1_000_000;

/**
 * Runs a program to its end; nothing of it is left when this settles.
 *
 * @returns undefined when there is no such program.
 * @throws the signal's reason when it aborted, Error when the limit passed.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramEnd | undefined> {
  options.signal.throwIfAborted();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) options.onStart?.(child.pid);
  const limit = AbortSignal.timeout(options.limitMs);
  const either = AbortSignal.any([options.signal, limit]);
  const stop = (): void => terminate(child);
  either.addEventListener('abort', stop, { once: true });
  try {
    const end = await endOf(child);
    options.signal.throwIfAborted();
    if (limit.aborted) throw new Error(`${command}: took longer than ${options.limitMs / 1000} s`);
    return end;
  } finally {
    either.removeEventListener('abort', stop);
  }
}

/** A program's output as an error message. */
export function stdoutOf(what: string, end: ProgramEnd | undefined): string {
  if (!end) throw new Error(`${what}: there is no such program`);
  if (end.code === 0) return end.stdout;
  const words = end.stderr.trim().split('\n').at(-1);
  throw new Error(`${what}: ${words || `ended with ${end.code ?? 'a signal'}`}`);
}

function terminate(child: ChildProcess): void {
  child.kill('SIGTERM');
  const kill = systemClock.after(LEAVE_MS, () => child.kill('SIGKILL'));
  child.once('close', () => kill.cancel());
}

function endOf(child: ChildProcess): Promise<ProgramEnd | undefined> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      output[name] = (output[name] + chunk).slice(-OUTPUT_LIMIT);
    });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => (codeOf(error) === 'ENOENT' ? resolve(undefined) : reject(error)));
    child.once('close', (code) => resolve({ code: code ?? undefined, ...output }));
  });
}
