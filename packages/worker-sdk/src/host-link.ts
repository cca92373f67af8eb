import type { FromWorker, WorkerFormat } from '@vigia/contracts';
import type { Plane } from './planes.ts';

/** What stands beside the pixels of a frame. */
export interface FrameFacts {
  readonly cameraId: string;
  /** Publish sequence of the camera's process: grows, with gaps. */
  readonly seq: number;
  /** When the scene was seen, in wall time. For people; ages go by `capturedMonotonicNs`. */
  readonly capturedAt: Date;
  /** The same moment on CLOCK_MONOTONIC, in nanoseconds. */
  readonly capturedMonotonicNs: bigint;
  /** Age when it was sent to this worker (a thread: when it took it), in milliseconds. */
  readonly sentAgeMs: number;
  /** Microseconds of the stream's own clock. */
  readonly ptsUs: number;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly format: WorkerFormat;
  /** Where each plane begins in `pixels`, and its bytes per line. Empty for JPEG. */
  readonly planes: readonly Plane[];
}

/** A frame as a link lends it: the host leaves its pixels alone until `release`. */
export interface LentFrame {
  readonly facts: FrameFacts;
  /** Not a copy; in shared memory not to be written. */
  readonly pixels: Uint8Array;
  /** Whether all that was read from `pixels` so far belongs to this frame. */
  whole(): boolean;
  /** Called once, after the frame's answer was sent. */
  release(): void;
}

/**
 * The way to the host, whatever carries it. One caller at a time: a frame is answered and released before the next one is
 * asked for.
 */
export interface HostLink {
  /** @throws VigiaError `bad_result` when the message cannot be carried. Nothing was sent then. */
  send(message: FromWorker): void;
  /**
   * The next frame; undefined when the host said stop, or is gone.
   *
   * @throws VigiaError `bad_message`, `frame_too_large` when the host speaks something else, `frame_invalid` when its shared
   *   memory does.
   */
  next(): Promise<LentFrame | undefined>;
  /** Lets go of whatever keeps this program running. To be called once, not while `next` waits. */
  close(): Promise<void>;
}
