import type { ContainerErrorCode, FrameMetadata } from '@vigia/contracts';
import type { RawFrame } from './raw-frame.ts';

/** What a frame source needs of an `infer` request. */
export interface FrameRequest {
  readonly frame_reference: string;
  readonly frame_metadata: FrameMetadata;
}

/** Why a frame cannot be had. */
export interface FrameFailure {
  readonly status: 'error';
  readonly code: ContainerErrorCode;
  readonly message: string;
}

/** How a look at a frame ended. With `error` nothing that was taken of the frame may be used. */
export type FrameUse = { readonly status: 'ok' } | FrameFailure;

/** Largest frame that is looked at, bytes: 8K in NV12 (48 MiB) fits, 8K in RGB24 does not. */
export const FRAME_BYTES_LIMIT: number = 64 * 1024 * 1024;

/** A failure. */
export function frameError(code: ContainerErrorCode, message: string): FrameFailure {
  return { status: 'error', code, message };
}

/**
 * Where pixels come from: one per connection, because it keeps what the peer refers to mapped.
 *
 * Looking is synchronous on purpose: what is taken is memory, takes at most milliseconds, and a frame must be looked at in
 * one go.
 */
export interface FrameSource {
  /**
   * Lends the frame of a request to `look`, and tells afterwards whether it stayed whole meanwhile. Never throws for
   * anything the peer can cause; an error of `look` itself passes through.
   */
  use(request: FrameRequest, look: (frame: RawFrame) => void): FrameUse;
  /** Releases what was mapped. Idempotent; using it afterwards is an error value. */
  close(): void;
}
