import { type Clock, REMOTE_TOKEN, VigiaError } from '@vigia/base';
import { type BatchRuns, conclude, type Measurement, type MeasureReport } from './measurement.ts';
import { inProcess } from './own-process.ts';

/** Options of {@link measure}. */
export interface MeasureOptions {
  /** Largest batch to try. */
  readonly largest: number;
  /** Whether the network is on a server, which may ask for a token. */
  readonly remote: boolean;
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
  const { largest, remote, clock, signal, onBatch } = options;
  const runs: BatchRuns[] = [];
  let refused: string | undefined;
  return inProcess<MeasureReport, Measurement>({
    entry: 'measure-entry.js',
    args: [dir, String(largest)],
    environment: remote ? [REMOTE_TOKEN] : [],
    doing: 'measured',
    clock,
    signal,
    onReport: (report, end) => {
      if (report.type === 'batch') {
        runs.push(report);
        onBatch(report);
      } else if (report.type === 'refused') refused = `${report.size} at a time: ${report.why}`;
      else if (report.type === 'failed') end({ error: new VigiaError(report.code, report.message, { path: dir }) });
      else end({ value: conclude(runs, refused) });
    },
  });
}
