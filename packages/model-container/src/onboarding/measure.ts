import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Clock, VigiaError } from '@vigia/base';
import { type BatchRuns, conclude, type Measurement, type MeasureReport } from './measurement.ts';

/** The compiled script, from sources and build alike: Node 20 cannot start a child from TypeScript. */
const ENTRY = fileURLToPath(new URL('../../dist/onboarding/measure-entry.js', import.meta.url));
/** Time limit of measuring three batch sizes; measuring stops there. Milliseconds. */
const LIMIT_MS = 10 * 60_000;

/** Options of {@link measure}. */
export interface MeasureOptions {
  /** Largest batch to try. */
  readonly largest: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch size. */
  readonly onBatch: (runs: BatchRuns) => void;
}

/**
 * Measures a model's folder in a separate process, which works like a container: the inference thread, frames from a
 * file, batches. It checks the model against its golden picture first.
 *
 * @throws VigiaError of the model, `measurement` when the process ends early or takes too long; the signal's reason.
 */
export async function measure(dir: string, options: MeasureOptions): Promise<Measurement> {
  const { largest, clock, signal, onBatch } = options;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = fork(ENTRY, [dir, String(largest)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
    const runs: BatchRuns[] = [];
    let refused: string | undefined;
    let outcome: (() => void) | undefined;
    const end = (act: () => void): void => {
      outcome ??= act;
      child.kill('SIGKILL');
    };
    const failed = (why: string): void =>
      end(() => reject(new VigiaError('measurement', `the model could not be measured: ${why}`, { path: dir })));
    const timer = clock.after(LIMIT_MS, () => failed(`it took longer than ${LIMIT_MS / 60_000} minutes`));
    const onAbort = (): void => end(() => reject(signal?.reason as Error));
    signal?.addEventListener('abort', onAbort, { once: true });
    child.on('message', (report: MeasureReport) => {
      if (report.type === 'batch') {
        runs.push(report);
        onBatch(report);
      } else if (report.type === 'refused') refused = `${report.size} at a time: ${report.why}`;
      else if (report.type === 'failed') end(() => reject(new VigiaError(report.code, report.message, { path: dir })));
      else end(() => resolve(conclude(runs, refused)));
    });
    const ended = (why: string): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      if (!outcome) failed(why);
      outcome?.();
    };
    // A process that could not be started emits no exit.
    child.on('error', (error) => (child.pid === undefined ? ended(error.message) : failed(error.message)));
    child.on('exit', (code, by) => ended(`its process ended with ${by ?? code}`));
  });
}
