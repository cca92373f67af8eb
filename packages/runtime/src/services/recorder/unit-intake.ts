import type { RecordedItem } from './event-ring.ts';

type Video = Extract<RecordedItem, { kind: 'video' }>;

/** Takes access units as they come from the tap: notices what it has lost, and waits for proof of a unit in doubt. */
export class UnitIntake {
  /** The tap has lost units since this was last set to false. */
  holed = false;
  /** When the newest keyframe came. Monotonic milliseconds. */
  lastKeyframeMs: number = Number.NEGATIVE_INFINITY;
  #index: number | undefined;
  #unproved: Video | undefined;

  /** The units that are complete now, in order: none, one, or two. */
  take(item: Video): Video[] {
    this.holed ||= this.#index !== undefined && item.index !== this.#index + 1;
    this.#index = item.index;
    if (item.keyframe) this.lastKeyframeMs = item.arrivedMs;
    // A unit that was incomplete comes again, complete.
    const before = item.doubt === 'repeated' ? [] : this.rest();
    this.#unproved = item.doubt === 'unproved' ? item : undefined;
    return item.doubt === 'unproved' ? before : [...before, item];
  }

  /** What still waits for its proof: nothing more comes. */
  rest(): Video[] {
    const rest = this.#unproved ? [this.#unproved] : [];
    this.#unproved = undefined;
    return rest;
  }

  /** Another connection counts from somewhere else. */
  restart(): void {
    this.#index = undefined;
    this.#unproved = undefined;
  }
}
