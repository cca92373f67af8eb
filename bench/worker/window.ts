import type { WorkerTransport } from '@vigia/contracts';

/** What is measured in one window: a worker, and how its pictures get to it. */
export interface WindowSetup {
  readonly command: readonly string[];
  readonly transport: WorkerTransport;
  /** Of the pictures, pixels; RGB24. */
  readonly width: number;
  readonly height: number;
  readonly jpeg: boolean;
  /** The worker reads pixels, and says their mean: it is compared with what was painted. */
  readonly touch: boolean;
  readonly fps: number;
  readonly seconds: number;
}

/** What came of it. Times in milliseconds. */
export interface WindowSample {
  readonly frames: number;
  /** CPU of the host's process, all threads. */
  readonly hostCpuMs: number;
  /** CPU of the worker's process, all threads. */
  readonly workerCpuMs: number;
  /** From when the host begins to send, to when the worker has the frame. */
  readonly handOver: readonly number[];
  /** From when the host begins to send, to when it has made a result of the answer. */
  readonly roundTrip: readonly number[];
}
