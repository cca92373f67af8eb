import type { FrameSegmentWriter, SlotLease, SlotRing } from '#segment';

/** A segment with its writer. */
export interface WrittenSegment {
  readonly writer: FrameSegmentWriter;
  readonly slots: SlotRing;
  readonly path: string;
  /** The writer's epoch, as a number. */
  readonly epoch: number;
}

/** A frame in a slot. */
export interface Rendered {
  readonly lease: SlotLease;
  readonly segment: WrittenSegment;
}
