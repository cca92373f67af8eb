import type { ContainerErrorCode, FrameMetadata, PixelFormat } from '@vigia/contracts';

/** What a frame source needs of an `infer` request. */
export interface FrameRequest {
  readonly frame_reference: string;
  readonly frame_metadata: FrameMetadata;
}

/** What the model wants to see. */
export interface FrameGeometry {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
}

/** How a read ended. With `error` the destination's content must not be used. */
export type FrameRead =
  | { readonly status: 'ok' }
  | { readonly status: 'error'; readonly code: ContainerErrorCode; readonly message: string };

/**
 * Where pixels come from. One per connection: it may cache what the peer refers to, and is closed with it.
 *
 * Reading is synchronous on purpose: what is copied is memory (or a small file in memory), takes tens of microseconds,
 * and a frame must be looked at in one go.
 */
export interface FrameSource {
  /**
   * Copies the frame of a request into `into` as tightly packed RGB24, `width * height * 3` bytes. Never throws for
   * anything the peer can cause.
   */
  read(request: FrameRequest, into: Uint8Array): FrameRead;
  /** Releases what was cached. Idempotent; reading afterwards is an error value. */
  close(): void;
}

/** A failed read. */
export function frameError(code: ContainerErrorCode, message: string): FrameRead {
  return { status: 'error', code, message };
}

/** The formats that {@link checkGeometry} accepts. */
export const FRAME_FORMATS: readonly PixelFormat[] = ['RGB24', 'BGR24'];

/**
 * Whether a frame is what the model wants: its size, three bytes per pixel, no padding.
 *
 * @returns undefined when it is, else the error to answer with.
 */
export function checkGeometry(frame: FrameMetadata, wanted: FrameGeometry): FrameRead | undefined {
  const { width, height, format, strides, offset } = frame;
  if (!FRAME_FORMATS.includes(format) || width !== wanted.width || height !== wanted.height) {
    const size = `${wanted.width}x${wanted.height} ${FRAME_FORMATS.join(' or ')}`;
    return frameError('frame_invalid', `the frame is ${width}x${height} ${format}, this model takes ${size}`);
  }
  const stride = strides?.[0];
  if (stride !== undefined && stride !== width * 3) {
    return frameError(
      'frame_invalid',
      `lines of ${stride} bytes were announced, packed lines of ${width * 3} are expected`,
    );
  }
  if (offset !== undefined && frame.slot === undefined) {
    return frameError('frame_invalid', 'an offset goes with a slot only');
  }
  return undefined;
}

/** Turns BGR24 into RGB24, or back, in place. */
export function swapRedAndBlue(pixels: Uint8Array): void {
  for (let i = 0; i + 2 < pixels.length; i += 3) {
    const first = pixels[i] ?? 0;
    pixels[i] = pixels[i + 2] ?? 0;
    pixels[i + 2] = first;
  }
}
