import type { Detection } from '@vigia/contracts';

/** What one run saw. */
export interface RunResult {
  readonly detections: Detection[];
  /** Milliseconds in the model and its decoder. */
  readonly inferenceMs: number;
}

/** Runs a model on one picture at a time, off the caller's thread. The server knows models by this only. */
export interface ModelRunner {
  /** The picture of the next run, packed RGB24. Written by the caller, never while a run is going on. */
  readonly pixels: Uint8Array;
  /**
   * Runs the model on `pixels`. One at a time: calling it during a run is a mistake of the caller and rejects.
   *
   * @throws VigiaError `inference_failed`, or `closed` after `close` or the thread's death.
   */
  run(): Promise<RunResult>;
  /** Ends the thread, waiting for a run in progress at most as long as the caller does. Idempotent. */
  close(): Promise<void>;
}

/** What the thread is told at its start. */
export interface WorkerSettings {
  readonly dir: string;
  readonly threads: number;
  /** The memory behind {@link ModelRunner.pixels}. */
  readonly pixels: SharedArrayBuffer;
}

/** Main thread → inference thread. */
export type WorkerCommand = 'run' | 'close';

/** Inference thread → main thread. `ready` or `failed` comes first, then one `result` or `error` per `run`. */
export type WorkerReport =
  | { readonly type: 'ready'; readonly probe: RunResult }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'result'; readonly result: RunResult }
  | { readonly type: 'error'; readonly message: string };
