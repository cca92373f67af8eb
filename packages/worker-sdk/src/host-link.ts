import type { FromWorker, WorkerFormat } from '@vigia/contracts';
import type { Plane } from './planes.ts';

/** Metadata of a frame. */
export interface FrameFacts {
  readonly cameraId: string;
  /** Publish sequence of the camera's process: increasing, with gaps. */
  readonly seq: number;
  /** Capture in wall time. For display; ages are computed from `capturedMonotonicNs`. */
  readonly capturedAt: Date;
  /** Capture on CLOCK_MONOTONIC, in nanoseconds. */
  readonly capturedMonotonicNs: bigint;
  /** Age when it was sent to this worker (in a thread: when it was taken), milliseconds. */
  readonly sentAgeMs: number;
  /** Microseconds of the stream's own clock. */
  readonly ptsUs: number;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly format: WorkerFormat;
  /** Offset of each plane in `pixels`, and its bytes per line. Empty for JPEG. */
  readonly planes: readonly Plane[];
}

/** A frame as a link lends it: the host leaves its pixels untouched until `release`. */
export interface LentFrame {
  readonly facts: FrameFacts;
  /** Not a copy; must not be written in shared memory. */
  readonly pixels: Uint8Array;
  /** Whether all that was read from `pixels` so far belongs to this frame. */
  whole(): boolean;
  /** Called once, after the frame's answer has been sent. */
  release(): void;
}

/**
 * The connection to the host, over any transport. One caller at a time: a frame is answered and released before the
 * next one is requested.
 */
export interface HostLink {
  /** @throws VigiaError `bad_result` when the message cannot be sent. Nothing was sent then. */
  send(message: FromWorker): void;
  /**
   * The next frame; undefined when the host sent stop, or has died.
   *
   * @throws VigiaError `bad_message`, `frame_too_large` when the host violates the protocol, `frame_invalid` when its
   *   shared memory does.
   */
  next(): Promise<LentFrame | undefined>;
  /** Releases everything that keeps this program running. Call it once, not while `next` waits. */
  close(): Promise<void>;
}
