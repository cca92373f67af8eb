import type { FrameMetadata } from '@vigia/contracts';
import type { SlotLease } from '@vigia/frame-supplier';
import type { Geometry } from '#core/media';

/** A picture as one consumer wants it, in a slot of shared memory that is not rewritten before the lease is released. */
export interface RenderedPicture {
  readonly lease: SlotLease;
  /** How the picture was cropped and scaled; used to map results back. */
  readonly geometry: Geometry;
  /** Path of the segment. */
  readonly reference: string;
  readonly metadata: FrameMetadata;
}
