import type { ContainerErrorCode, InferRequest } from '@vigia/contracts';
import type { FrameFailure, FrameRequest } from '#frames';
import type { ModelFacts, ModelSettings, Seen } from '#model';

/** A frame to analyse: its connection, its location, and the faint detections that are wanted. */
export interface FrameJob {
  /** Number of the requesting connection. */
  readonly connection: number;
  readonly request: FrameRequest & Pick<InferRequest, 'faint_from'>;
}

/** Outcome of one frame. */
export type JobResult = ({ readonly status: 'ok' } & Seen) | FrameFailure;

/** Outcome of one run: a result per job, in order. */
export interface RunResult {
  readonly results: readonly JobResult[];
  /** Number of frames that were available and analysed. */
  readonly batchSize: number;
  /** Milliseconds spent reading, scaling and converting the frames. */
  readonly prepareMs: number;
  /** Milliseconds in the model and its decoder; 0 when no frame was available. */
  readonly inferenceMs: number;
}

/** Runs a model on frames, off the caller's thread. The server's only view of a model. */
export interface ModelRunner {
  readonly facts: ModelFacts;
  /**
   * Analyses 1..`facts.maxBatch` frames, after the current run. At most one run may wait; a further one is a mistake
   * and rejects.
   *
   * @throws VigiaError `inference_failed` or another code of the container protocol, or `closed` after `close` or the
   *   thread's death.
   */
  run(jobs: readonly FrameJob[]): Promise<RunResult>;
  /** A connection has closed: releases its mapped segments. */
  forget(connection: number): void;
  /** Ends the thread after the current run. A caller with a deadline applies it itself. Idempotent. */
  close(): Promise<void>;
}

/** Result of the first run, on a picture of the model's own or a grey one. */
export interface Probe {
  readonly inferenceMs: number;
}

/** Settings of the inference thread. */
export interface WorkerSettings {
  readonly model: ModelSettings;
  /** Folders, besides /dev/shm, from which plain frame files are accepted. */
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
