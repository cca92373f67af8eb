import type { ContainerErrorCode, Detection } from '@vigia/contracts';
import type { FrameFailure, FrameRequest } from '#frames';
import type { ModelFacts, ModelSettings } from '#model';

/** A frame to look at: whose, and where it is. */
export interface FrameJob {
  /** Number of the connection that asked. */
  readonly connection: number;
  readonly request: FrameRequest;
}

/** How a look at one frame ended. */
export type JobResult = { readonly status: 'ok'; readonly detections: Detection[] } | FrameFailure;

/** What one run saw: a result per job, in their order. */
export interface RunResult {
  readonly results: readonly JobResult[];
  /** How many frames the model looked at: those that could be had. */
  readonly batchSize: number;
  /** Milliseconds of taking the frames: reading, scaling, colours. */
  readonly prepareMs: number;
  /** Milliseconds in the model and its decoder; 0 when there was no frame to look at. */
  readonly inferenceMs: number;
}

/** Runs a model on frames, off the caller's thread. The server knows models by this only. */
export interface ModelRunner {
  readonly facts: ModelFacts;
  /**
   * Looks at 1..`facts.maxBatch` frames, after the run that is going on. At most one may wait so: more is a mistake and
   * rejects.
   *
   * @throws VigiaError `inference_failed` or another code of the container protocol, or `closed` after `close` or the thread's death.
   */
  run(jobs: readonly FrameJob[]): Promise<RunResult>;
  /** A connection is gone: what was kept of it (mapped segments) is let go. */
  forget(connection: number): void;
  /** Ends the thread, waiting for a run in progress at most as long as the caller does. Idempotent. */
  close(): Promise<void>;
}

/** What the first run, on a picture of the model's own or a grey one, was like. */
export interface Probe {
  readonly inferenceMs: number;
}

/** What the thread is told at its start. */
export interface WorkerSettings {
  readonly model: ModelSettings;
  /** Folders, besides /dev/shm, that plain frame files may come from. */
  readonly allowDirs: readonly string[];
}

/** Main thread → inference thread. */
export type WorkerCommand =
  | { readonly type: 'run'; readonly jobs: readonly FrameJob[] }
  | { readonly type: 'forget'; readonly connection: number }
  | { readonly type: 'close' };

/** Inference thread → main thread. `ready` or `failed` comes first, then one `result` or `error` per `run`. */
export type WorkerReport =
  | { readonly type: 'ready'; readonly facts: ModelFacts; readonly probe: Probe }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'result'; readonly result: RunResult }
  | { readonly type: 'error'; readonly code: ContainerErrorCode; readonly message: string };
