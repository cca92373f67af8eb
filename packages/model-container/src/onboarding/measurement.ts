/** The runs of one batch size, as reported by the measuring process. */
export interface BatchRuns {
  readonly size: number;
  /** Milliseconds of each run, for all its frames. */
  readonly runsMs: readonly number[];
  /** Peak memory of the process so far, MiB. */
  readonly peakMib: number;
}

/** Measuring process → its parent. `done` is the last message. */
export type MeasureReport =
  | ({ readonly type: 'batch' } & BatchRuns)
  /** Why this batch size cannot be used. Larger ones are not tried. */
  | { readonly type: 'refused'; readonly size: number; readonly why: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'done' };

/** Measurements of one batch size. */
export interface BatchSpeed {
  readonly size: number;
  /** Median. */
  readonly msPerPicture: number;
  readonly peakMib: number;
}

/** All measurements. */
export interface Measurement {
  /** Sizes 1, 2, 4, as far as they work. */
  readonly batches: readonly BatchSpeed[];
  /** 99th percentile of a run of one frame, milliseconds. */
  readonly p99Ms: number;
  /** Largest batch size that pays off. */
  readonly maxBatch: number;
  /** Peak of the process with that batch, MiB. */
  readonly memoryMib: number;
  /** Why a batch size does not work. */
  readonly refused: string | undefined;
}

/** Least saving per frame of a larger batch: every frame in it waits for all others. */
const WORTH_IT = 0.1;

/** Draws conclusions from the runs. @param runs Size 1 first; at least that one. */
export function conclude(runs: readonly BatchRuns[], refused?: string): Measurement {
  const batches = runs.map(({ size, runsMs, peakMib }) => ({
    size,
    msPerPicture: round(percentile(runsMs, 0.5) / size),
    peakMib,
  }));
  const chosen = largestWorthwhile(batches);
  return {
    batches,
    p99Ms: round(percentile(runs[0]?.runsMs ?? [], 0.99)),
    maxBatch: chosen?.size ?? 1,
    memoryMib: Math.ceil(chosen?.peakMib ?? 0),
    refused,
  };
}

function largestWorthwhile(batches: readonly BatchSpeed[]): BatchSpeed | undefined {
  let chosen = batches[0];
  for (const [i, batch] of batches.entries()) {
    const before = batches[i - 1];
    if (!before) continue;
    if (batch.msPerPicture > before.msPerPicture * (1 - WORTH_IT)) break;
    chosen = batch;
  }
  return chosen;
}

/** Percentile by nearest rank; 0 for an empty list. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

// Microseconds; never 0, which would mean not measured.
function round(ms: number): number {
  return Math.max(0.001, Math.round(ms * 1000) / 1000);
}
