import type { Detection } from '@vigia/contracts';
import type { RawFrame } from '#frames';
import type { Fit, ModelTask } from '#manifest';

/** The model's part of `describe`. */
export interface ModelFacts {
  readonly version: string;
  readonly task: ModelTask;
  /** Name per class id. */
  readonly classes: readonly string[];
  /** The frame size that consumers should send, pixels; others are converted. */
  readonly frame: { readonly width: number; readonly height: number; readonly fit: Fit };
  readonly maxBatch: number;
  readonly provider: string;
  /** 99th percentile of a run, measured when the model was added, milliseconds. */
  readonly p99Ms: number | undefined;
}

/** What a model sees in one frame. */
export interface Seen {
  /** From the model's own threshold on, in fractions 0..1 of the frame taken. */
  readonly detections: Detection[];
  /** Those below it that were wished for, best first; absent without a wish, and when the model cannot give them. */
  readonly faint?: Detection[];
}

/** A loaded model: frames in, detections out. Not for concurrent use; the opener closes it. */
export interface Model {
  readonly facts: ModelFacts;
  /**
   * Copies what a run needs of a frame into row `row` (0..maxBatch−1). The frame is not accessed afterwards.
   *
   * @param faintFrom Least confidence of the faint detections that are wanted of this frame, 0..1; undefined: none.
   * @throws VigiaError `frame_invalid` for a frame that this model cannot process.
   */
  take(row: number, frame: RawFrame, faintFrom?: number): void;
  /**
   * Runs rows 0..count−1.
   *
   * @returns One per row.
   * @throws the model's own exceptions.
   */
  run(count: number): Promise<Seen[]>;
  /** Releases its memory. */
  close(): Promise<void>;
}
