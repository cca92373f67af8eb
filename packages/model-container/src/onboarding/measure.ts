import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Clock, VigiaError } from '@vigia/base';
import { type BatchRuns, conclude, type Measurement, type MeasureReport } from './measurement.ts';

/** The compiled script, from sources and build alike: a child cannot be started from TypeScript (Node 20). */
const ENTRY = fileURLToPath(new URL('../../dist/onboarding/measure-entry.js', import.meta.url));
/** A model whose three sizes take longer is not measured to the end. Milliseconds. */
const LIMIT_MS = 10 * 60_000;

/** Options of {@link measure}. */
export interface MeasureOptions {
  /** Largest batch that is tried. */
  readonly largest: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Called with each size that is done. */
  readonly onBatch: (runs: BatchRuns) => void;
}

/**
 * Measures a model's folder in a process of its own, which does what a container does: the inference thread, frames from
 * a file, batches. The model proves itself on its golden picture there first.
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
    // One that could not be started has no exit.
    child.on('error', (error) => (child.pid === undefined ? ended(error.message) : failed(error.message)));
    child.on('exit', (code, by) => ended(`its process ended with ${by ?? code}`));
  });
}
