import type { Detection } from '@vigia/contracts';
import type { RawFrame } from '#frames';
import type { Fit, ModelTask } from '#manifest';

/** What is said about a model in `describe`. */
export interface ModelFacts {
  readonly version: string;
  readonly task: ModelTask;
  /** Name per class id. */
  readonly classes: readonly string[];
  /** The frame that consumers best send, pixels; others are brought to it. */
  readonly frame: { readonly width: number; readonly height: number; readonly fit: Fit };
  readonly maxBatch: number;
  readonly provider: string;
  /** 99th percentile of a run as measured when the model was added, milliseconds. */
  readonly p99Ms: number | undefined;
}

/** A loaded model: frames in, detections out. Not for concurrent use; whoever opened it closes it. */
export interface Model {
  readonly facts: ModelFacts;
  /**
   * Takes from a frame what a run needs of it, into place `row` (0..maxBatch−1). The frame is not looked at afterwards.
   *
   * @throws VigiaError `frame_invalid` for a frame that this model cannot look at.
   */
  take(row: number, frame: RawFrame): void;
  /**
   * Looks at places 0..count−1.
   *
   * @returns Detections per place, in shares 0..1 of the frame that was taken.
   * @throws whatever the model throws.
   */
  run(count: number): Promise<Detection[][]>;
  /** Releases its memory. */
  close(): Promise<void>;
}
