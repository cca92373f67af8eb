import type { FrameSegmentWriter, SlotLease, SlotRing } from '#segment';

/** A segment that is written. */
export interface WrittenSegment {
  readonly writer: FrameSegmentWriter;
  readonly slots: SlotRing;
  readonly path: string;
  /** The writer's, as a number. */
  readonly epoch: number;
}

/** A frame in a slot. */
export interface Rendered {
  readonly lease: SlotLease;
  readonly segment: WrittenSegment;
}
