import type { BenchRun } from '../support/bench-run.ts';

/** Of the values of one run, in nanoseconds. */
export interface Quantiles {
  /** How many values. */
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * What is timed. `publish`: the call itself. `latency`: from right before the call until a consumer holds the frame, all
 * consumers together. `last`: the same until the last of the consumers holds it, once per frame.
 */
export type Metric = 'publish' | 'latency' | 'last';

/** What one run of a variant measured. */
export interface Sample {
  /** Absent where the variant does not measure it. */
  readonly quantiles: { readonly [M in Metric]?: Quantiles };
  /** Frames per second as they really came. */
  readonly perSecond: number;
}

/** A ratio that is told: this p50 divided by that of another variant in the same round. */
export interface Comparison {
  /** The other variant's {@link Variant.name}. */
  readonly peer: string;
  readonly metric: Metric;
  /** The largest ratio that is fine. Absent: none is wanted, it is just told. */
  readonly most?: number;
}

/** A line of the result: one metric of a variant. */
export interface Row {
  readonly metric: Metric;
  readonly against?: readonly Comparison[];
}

/** What a variant may use. */
export interface Setup {
  readonly run: BenchRun;
  /** Folder of the peers' sources. Read only. */
  readonly peersDir: string;
  /** Removed at the end. */
  readonly tempDir: string;
  /** Versions of what is measured, for the head of the result. */
  readonly versions: Set<string>;
}

/** One way from a publisher to its consumers, measured in processes of its own that end with the run. */
export interface Variant {
  /** As typed after `--only`. */
  readonly name: string;
  /** What people read. */
  readonly title: string;
  readonly rows: readonly Row[];
  /** Builds what it needs, once, before the first round. Resolves to why it cannot be measured here, or undefined. */
  readonly prepare?: (setup: Setup) => Promise<string | undefined>;
  /**
   * Measures one window of `setup.run.seconds`.
   *
   * @throws Error when the program fails, the signal's reason when aborted.
   */
  readonly run: (setup: Setup) => Promise<Sample>;
}
