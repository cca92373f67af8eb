/** The runs of one batch size, as the measuring process tells them. */
export interface BatchRuns {
  readonly size: number;
  /** Milliseconds of each run, of all its pictures. */
  readonly runsMs: readonly number[];
  /** Most memory of the process so far, MiB. */
  readonly peakMib: number;
}

/** Measuring process → whoever started it. `done` is the last one. */
export type MeasureReport =
  | ({ readonly type: 'batch' } & BatchRuns)
  /** This size cannot be used: why. Larger ones are not tried. */
  | { readonly type: 'refused'; readonly size: number; readonly why: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'done' };

/** What was measured of one batch size. */
export interface BatchSpeed {
  readonly size: number;
  /** At the median. */
  readonly msPerPicture: number;
  readonly peakMib: number;
}

/** All of it. */
export interface Measurement {
  /** Sizes 1, 2, 4, as far as they are possible. */
  readonly batches: readonly BatchSpeed[];
  /** 99th percentile of a run of one picture, milliseconds. */
  readonly p99Ms: number;
  /** Most pictures of one run that are worth it. */
  readonly maxBatch: number;
  /** Peak of the process with that batch, MiB. */
  readonly memoryMib: number;
  /** Why a batch size was not possible. */
  readonly refused: string | undefined;
}

/** A larger batch must save so much per picture: every picture in it waits for all others. */
const WORTH_IT = 0.1;

/** Draws the conclusions. @param runs Of size 1 first, at least that. */
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

/** The value that a share of all does not exceed (nearest rank); 0 of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

// Microseconds; never 0, which would mean that nothing was measured.
function round(ms: number): number {
  return Math.max(0.001, Math.round(ms * 1000) / 1000);
}
