import type { Clock, Timer } from '@vigia/base';
import { TICKS_PER_MS } from './clip.ts';
import type { LoopTimeline, TimelineEntry } from './timeline.ts';

/** A unit at the moment of sending. */
export interface PlayedUnit extends TimelineEntry {
  /** RTP time relative to the player's first, in 90 kHz ticks; not wrapped. */
  readonly rtpTicks: number;
}

/** How sending is triggered, and which RTP time a unit carries. */
export type Pacing = 'real-time' | 'lock-step-elapsed' | 'lock-step-clip';

/** Input of a {@link Player}. */
export interface PlayerOptions {
  readonly clock: Clock;
  readonly timeline: LoopTimeline;
  readonly pacing: Pacing;
  /** When counter 0 of the timeline is due, `clock.nowMs`. */
  readonly epochMs: number;
  /** Counter of the first unit; it must be a keyframe. */
  readonly firstCounter: number;
  /** Called once per unit, in order, never inside the constructor. It may stop the player. */
  readonly onUnit: (unit: PlayedUnit) => void;
}

/**
 * The position of one session in the clip. In real time a unit is due at `epoch + dts`, computed from the start, so
 * that late timers do not add up; overdue units are sent at once. Times continue during a freeze, like a camera's.
 */
export class Player {
  readonly #options: PlayerOptions;
  #next: number;
  #timer: Timer | undefined;
  #state: 'new' | 'running' | 'frozen' | 'stopped' = 'new';
  #frozenAtMs = 0;
  #frozenTicks = 0;
  #lastRtpTicks = -1;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#next = options.firstCounter;
  }

  /** RTP time of the next unit; with elapsed time, of this moment. */
  get nextRtpTicks(): number {
    if (this.#options.pacing === 'lock-step-elapsed') return this.#elapsedTicks();
    return this.#options.timeline.at(this.#next).ptsTicks + this.#frozenTicks;
  }

  /** The RTP clock at this moment, for sender reports; undefined when RTP time is unrelated to real time. */
  get nowRtpTicks(): number | undefined {
    if (this.#options.pacing === 'lock-step-clip') return undefined;
    // With B-frames RTP time runs ahead of sending: the picture presented now was sent `reorderTicks` ago.
    const ahead = this.#options.pacing === 'real-time' ? this.#options.timeline.reorderTicks : 0;
    return this.#elapsedTicks() + ahead;
  }

  /** An RTP time after all used ones: where the next player of the session continues. */
  get endRtpTicks(): number {
    const { intervalTicks, reorderTicks } = this.#options.timeline;
    return Math.max(this.#elapsedTicks(), this.#lastRtpTicks + intervalTicks) + reorderTicks;
  }

  /** Starts sending. In real time a due unit is sent before this returns. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.#pump();
  }

  /** Stops sending until {@link resume}. */
  freeze(): void {
    if (this.#state !== 'running') return;
    this.#state = 'frozen';
    this.#frozenAtMs = this.#options.clock.nowMs();
    this.#timer?.cancel();
  }

  /** Continues with the next unit, its times shifted by the length of the freeze. */
  resume(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    this.#frozenTicks += Math.round((this.#options.clock.nowMs() - this.#frozenAtMs) * TICKS_PER_MS);
    this.#pump();
  }

  /** Ends permanently. Idempotent. */
  stop(): void {
    this.#state = 'stopped';
    this.#timer?.cancel();
  }

  /** In lock-step: sends the next unit, unless not running. */
  step(): void {
    if (this.#state === 'running' && this.#options.pacing !== 'real-time') this.#emit();
  }

  #pump(): void {
    const { clock, pacing } = this.#options;
    if (pacing !== 'real-time') return;
    while (this.#isRunning()) {
      const waitMs = this.#dueMs() - clock.nowMs();
      if (waitMs > 0) {
        // Rounded up, because timers count whole milliseconds and a unit is never early.
        this.#timer = clock.after(Math.ceil(waitMs), () => this.#pump());
        return;
      }
      this.#emit();
    }
  }

  // A method, because the compiler does not know that `#emit` may stop or freeze the player.
  #isRunning(): boolean {
    return this.#state === 'running';
  }

  #dueMs(): number {
    const { epochMs, timeline } = this.#options;
    return epochMs + (timeline.at(this.#next).dtsTicks + this.#frozenTicks) / TICKS_PER_MS;
  }

  #elapsedTicks(): number {
    return Math.round((this.#options.clock.nowMs() - this.#options.epochMs) * TICKS_PER_MS);
  }

  #emit(): void {
    const entry = this.#options.timeline.at(this.#next);
    const elapsed = this.#options.pacing === 'lock-step-elapsed';
    // Two steps within one tick (11 µs) still differ.
    const rtpTicks = elapsed
      ? Math.max(this.#elapsedTicks(), this.#lastRtpTicks + 1)
      : entry.ptsTicks + this.#frozenTicks;
    this.#next += 1;
    this.#lastRtpTicks = Math.max(this.#lastRtpTicks, rtpTicks);
    this.#options.onUnit({ ...entry, rtpTicks });
  }
}
