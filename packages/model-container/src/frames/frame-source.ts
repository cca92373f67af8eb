import type { ContainerErrorCode, FrameMetadata } from '@vigia/contracts';
import type { RawFrame } from './raw-frame.ts';

/** The members of an `infer` request that a frame source needs. */
export interface FrameRequest {
  readonly frame_reference: string;
  readonly frame_metadata: FrameMetadata;
}

/** Why a frame is unavailable. */
export interface FrameFailure {
  readonly status: 'error';
  readonly code: ContainerErrorCode;
  readonly message: string;
}

/** Outcome of reading a frame. With `error`, nothing read from the frame may be used. */
export type FrameUse = { readonly status: 'ok' } | FrameFailure;

/** Largest frame accepted, bytes: 8K in NV12 (48 MiB) fits, 8K in RGB24 does not. */
export const FRAME_BYTES_LIMIT: number = 64 * 1024 * 1024;

/** A failure. */
export function frameError(code: ContainerErrorCode, message: string): FrameFailure {
  return { status: 'error', code, message };
}

/**
 * Where pixels come from: one per connection, because it keeps the peer's segments mapped.
 *
 * Reading is synchronous on purpose: it copies from memory within milliseconds, and a frame must be read in one go.
 */
export interface FrameSource {
  /**
   * Lends the frame of a request to `look`, and reports afterwards whether it stayed whole meanwhile. Never throws
   * because of the peer; an exception of `look` itself passes through.
   */
  use(request: FrameRequest, look: (frame: RawFrame) => void): FrameUse;
  /** Releases all mappings. Idempotent; later use returns an error value. */
  close(): void;
}
