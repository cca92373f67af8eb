import type { BenchRun } from '../support/bench-run.ts';

/** Quantiles of one run, in nanoseconds. */
export interface Quantiles {
  /** How many values. */
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * The timed interval. `publish`: the call itself. `latency`: from right before the call until a consumer has the frame,
 * all consumers together. `last`: the same until the last of the consumers has it, once per frame.
 */
export type Metric = 'publish' | 'latency' | 'last';

/** Measurements of one run of a variant. */
export interface Sample {
  /** Absent where the variant does not measure it. */
  readonly quantiles: { readonly [M in Metric]?: Quantiles };
  /** Actual frames per second. */
  readonly perSecond: number;
}

/** A ratio in the report: this p50 divided by that of another variant in the same round. */
export interface Comparison {
  /** The other variant's {@link Variant.name}. */
  readonly peer: string;
  readonly metric: Metric;
  /** The largest acceptable ratio. Absent: no aim, for information only. */
  readonly most?: number;
}

/** A line of the result: one metric of a variant. */
export interface Row {
  readonly metric: Metric;
  readonly against?: readonly Comparison[];
}

/** Resources of a variant. */
export interface Setup {
  readonly run: BenchRun;
  /** Folder of the peers' sources. Read only. */
  readonly peersDir: string;
  /** Removed at the end. */
  readonly tempDir: string;
  /** Versions of the measured software, for the head of the result. */
  readonly versions: Set<string>;
}

/** One way from a publisher to its consumers, measured in separate processes that end with the run. */
export interface Variant {
  /** The name for `--only`. */
  readonly name: string;
  /** The name in the report. */
  readonly title: string;
  readonly rows: readonly Row[];
  /**
   * Builds prerequisites, once, before the first round. Resolves with the reason why it cannot be measured here, or
   * undefined.
   */
  readonly prepare?: (setup: Setup) => Promise<string | undefined>;
  /**
   * Measures one window of `setup.run.seconds`.
   *
   * @throws Error when the program fails, the signal's reason when aborted.
   */
  readonly run: (setup: Setup) => Promise<Sample>;
}
