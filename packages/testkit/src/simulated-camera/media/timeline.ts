import { type AccessUnit, type Clip, TICKS_PER_SECOND } from './clip.ts';

/** One sending of an access unit. Times are 90 kHz ticks since the first unit of the first round. */
export interface TimelineEntry {
  readonly unit: AccessUnit;
  /** Units before this one, over all rounds. */
  readonly counter: number;
  readonly dtsTicks: number;
  readonly ptsTicks: number;
}

/** A clip repeated endlessly, at its own or another frame rate. Pure: position in, times out; no accumulated state. */
export class LoopTimeline {
  /** Frames per second. */
  readonly fps: number;
  /** Mean distance of frames, at least 1. */
  readonly intervalTicks: number;
  /** Longest time between sending and presentation; 0 without B-frames. */
  readonly reorderTicks: number;
  readonly #clip: Clip;
  readonly #scale: number;

  /** @param fps Frames per second, above 0. Default: the clip's own. */
  constructor(clip: Clip, fps: number = clip.fps) {
    this.#clip = clip;
    this.fps = fps;
    this.#scale = clip.fps / fps;
    this.intervalTicks = Math.max(1, Math.round(TICKS_PER_SECOND / fps));
    this.reorderTicks = Math.round(clip.reorderTicks * this.#scale);
  }

  /** @param counter From 0. */
  at(counter: number): TimelineEntry {
    const { units, periodTicks } = this.#clip;
    const unit = units[counter % units.length] as AccessUnit;
    const offset = Math.floor(counter / units.length) * periodTicks;
    // Scaled from the start each time: adding up rounded intervals would drift.
    const scaled = (ticks: number): number => Math.round((offset + ticks) * this.#scale);
    return { unit, counter, dtsTicks: scaled(unit.dtsTicks), ptsTicks: scaled(unit.ptsTicks) };
  }

  /** Counter of the first keyframe whose sending time is at or after `ticks`. */
  keyframeAtOrAfter(ticks: number): number {
    const round = Math.max(0, Math.floor(ticks / (this.#clip.periodTicks * this.#scale)));
    for (let counter = round * this.#clip.units.length; ; counter += 1) {
      const entry = this.at(counter);
      if (entry.unit.keyframe && entry.dtsTicks >= ticks) return counter;
    }
  }
}
