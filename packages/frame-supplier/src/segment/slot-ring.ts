import { VigiaError } from '@vigia/base';
import type { FrameSegmentWriter, FrameStamp } from './frame-segment-writer.ts';

/** A written slot with at least one reference. The slot is not reused before the last holder has released it. */
export interface SlotLease {
  readonly slot: number;
  readonly generation: number;
  /** Publish sequence of the frame in it. */
  readonly frameId: number;
  /** Adds a holder of the same slot. */
  retain(): SlotLease;
  /** Gives the slot back. Releasing twice throws `lease_released`. */
  release(): void;
}

/**
 * Allocates the slots of a segment so that none is rewritten while a request in flight refers to it. With max(4,
 * consumers + 2) slots and one request in flight per consumer there is always a free one.
 */
export class SlotRing {
  readonly #writer: FrameSegmentWriter;
  readonly #holders: Int32Array;
  /** Sequence of the frame in each slot; 0 before the first. */
  readonly #generations: number[];
  #next = 0;

  constructor(writer: FrameSegmentWriter) {
    this.#writer = writer;
    this.#holders = new Int32Array(writer.slots);
    this.#generations = Array.from({ length: writer.slots }, () => 0);
  }

  /** Number of slots with references. */
  get heldSlots(): number {
    return this.#holders.reduce((n, holders) => n + (holders > 0 ? 1 : 0), 0);
  }

  /**
   * Writes a frame into a free slot: `fill` receives the slot's pixels. The caller announces the lease afterwards.
   *
   * @returns a lease with one reference, or undefined when no slot is free.
   * @throws what `fill` throws; the slot stays marked as being written, so that half a frame is never read.
   */
  write(fill: (pixels: Buffer) => void, stamp: FrameStamp): SlotLease | undefined {
    const slot = this.#free();
    if (slot === undefined) return undefined;
    this.#writer.begin(slot);
    this.#generations[slot] = 0;
    fill(this.#writer.view(slot));
    const generation = this.#writer.commit(slot, stamp);
    this.#holders[slot] = 1;
    this.#generations[slot] = generation;
    return new HeldSlot(this.#holders, slot, generation, stamp.frameId);
  }

  /** Whether the slot of a lease, released or not, still contains its frame. */
  has({ slot, generation }: SlotLease): boolean {
    return this.#generations[slot] === generation;
  }

  /** Publishes a frame to readers that follow the head of the segment. */
  announce({ slot, frameId }: SlotLease): void {
    this.#writer.announce(slot, frameId);
  }

  #free(): number | undefined {
    for (let i = 0; i < this.#holders.length; i += 1) {
      const slot = (this.#next + i) % this.#holders.length;
      if (this.#holders[slot] === 0) {
        this.#next = slot + 1;
        return slot;
      }
    }
    return undefined;
  }
}

class HeldSlot implements SlotLease {
  readonly slot: number;
  readonly generation: number;
  readonly frameId: number;
  readonly #holders: Int32Array;
  #released = false;

  constructor(holders: Int32Array, slot: number, generation: number, frameId: number) {
    this.#holders = holders;
    this.slot = slot;
    this.generation = generation;
    this.frameId = frameId;
  }

  retain(): SlotLease {
    this.#holders[this.slot] = (this.#holders[this.slot] ?? 0) + 1;
    return new HeldSlot(this.#holders, this.slot, this.generation, this.frameId);
  }

  release(): void {
    if (this.#released) throw new VigiaError('lease_released', `slot ${this.slot}: released twice`);
    this.#released = true;
    this.#holders[this.slot] = (this.#holders[this.slot] ?? 1) - 1;
  }
}
