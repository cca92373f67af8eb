import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childEnvironment, type Clock, VigiaError } from '@vigia/base';

/** The compiled scripts, from sources and build alike: Node 20 cannot start a child from TypeScript. */
const ENTRIES = fileURLToPath(new URL('../../dist/onboarding/', import.meta.url));
/** Time limit of a process. Milliseconds. */
const LIMIT_MS = 10 * 60_000;

/** How a process's work ended. */
export type Ending<T> = { readonly value: T } | { readonly error: unknown };

/** Options of {@link inProcess}. */
export interface OwnProcess<Report, T> {
  /** File name of the compiled script. */
  readonly entry: string;
  readonly args: readonly string[];
  /** Names of environment variables that it needs besides those that every child gets. */
  readonly environment: readonly string[];
  /** Sent to it first, if there is one. */
  readonly request?: object;
  /** Completes "the model could not be". */
  readonly doing: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Called for every message of it. */
  readonly onReport: (report: Report, end: (ending: Ending<T>) => void) => void;
}

/**
 * Runs a part of adding a model in a process, which is killed when that is done, cancelled, or takes longer than 10
 * minutes. The process is gone when the promise settles.
 *
 * @throws VigiaError `measurement` when the process ends early or takes too long; the signal's reason; errors that
 *   `onReport` ends with.
 */
export function inProcess<Report, T>(options: OwnProcess<Report, T>): Promise<T> {
  const { entry, args, environment, request, doing, clock, signal, onReport } = options;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = start(entry, args, environment);
    let ending: Ending<T> | undefined;
    const end = (by: Ending<T>): void => {
      ending ??= by;
      child.kill('SIGKILL');
    };
    const failed = (why: string): void =>
      end({ error: new VigiaError('measurement', `the model could not be ${doing}: ${why}`) });
    const timer = clock.after(LIMIT_MS, () => failed(`it took longer than ${LIMIT_MS / 60_000} minutes`));
    const onAbort = (): void => end({ error: signal?.reason });
    signal?.addEventListener('abort', onAbort, { once: true });
    child.on('message', (report) => onReport(report as Report, end));
    const ended = (why: string): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      if (!ending) failed(why);
      if (ending && 'value' in ending) resolve(ending.value);
      else reject(ending?.error);
    };
    // A process that could not be started emits no exit.
    child.on('error', (error) => (child.pid === undefined ? ended(error.message) : failed(error.message)));
    child.on('exit', (code, by) => ended(`its process ended with ${by ?? code}`));
    // The channel of a process that died is closed: its exit says more.
    if (request) child.send(request, () => undefined);
  });
}

function start(entry: string, args: readonly string[], environment: readonly string[]): ChildProcess {
  return fork(`${ENTRIES}${entry}`, [...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
    env: childEnvironment(environment),
    execArgv: [],
  });
}
