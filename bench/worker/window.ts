import type { WorkerTransport } from '@vigia/contracts';

/** Parameters of one window: a worker, and its transport. */
export interface WindowSetup {
  readonly command: readonly string[];
  readonly transport: WorkerTransport;
  /** Of the pictures, pixels; RGB24. */
  readonly width: number;
  readonly height: number;
  readonly jpeg: boolean;
  /** The worker reads pixels and returns their mean, which is compared with the painted one. */
  readonly touch: boolean;
  readonly fps: number;
  readonly seconds: number;
}

/** Outcome. Times in milliseconds. */
export interface WindowSample {
  readonly frames: number;
  /** CPU of the host's process, all threads. */
  readonly hostCpuMs: number;
  /** CPU of the worker's process, all threads. */
  readonly workerCpuMs: number;
  /** From the start of sending to the arrival at the worker. */
  readonly handOver: readonly number[];
  /** From the start of sending to the result. */
  readonly roundTrip: readonly number[];
}
