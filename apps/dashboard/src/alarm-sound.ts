/** What is to be heard. `urgent`: as `alarm`, and louder. */
export type Tone = 'alarm' | 'urgent' | 'blind';

/** What the page knows that may be heard. */
export interface Heard {
  /** Alarms that nobody has acknowledged. */
  readonly alarms: readonly { readonly subject: string; readonly forMs: number }[];
  /** Some camera is not seen though it should be, or nothing is known at all. */
  readonly isBlind: boolean;
}

/** Between two alarm tones. */
const ALARM_EVERY_MS = 5000;
/** An alarm that nobody has acknowledged for so long is louder. */
const URGENT_MS = 60_000;
const BLIND_EVERY_MS = 60_000;
/** What is not seen for less than this is not heard: a camera that connects again. */
const BLIND_AFTER_MS = 10_000;
/** How long {@link AlarmSound.mute} lasts. */
export const MUTE_MS = 120_000;

/**
 * When which tone is due: two tones every 5 s while an alarm is open, louder after a minute; a low one each minute while
 * vigia cannot look. Pure: `localMs` is the time now by a clock that never jumps.
 */
export class AlarmSound {
  #known: ReadonlySet<string> = new Set();
  #alarmMs = -Infinity;
  #blindMs = -Infinity;
  /** Since when something is not seen; null: all is seen. */
  #blindSinceMs: number | null = null;
  #mutedUntilMs = -Infinity;

  /** Silence for two minutes, or until there is a new alarm. */
  mute(localMs: number): void {
    this.#mutedUntilMs = localMs + MUTE_MS;
  }

  /** Ends that silence. */
  unmute(): void {
    this.#mutedUntilMs = -Infinity;
  }

  /** How long the silence still lasts; 0: none. */
  mutedFor(localMs: number): number {
    return Math.max(0, this.#mutedUntilMs - localMs);
  }

  /** The tone that is due now; null: none. The caller plays it. */
  next({ alarms, isBlind }: Heard, localMs: number): Tone | null {
    const isNew = alarms.some(({ subject }) => !this.#known.has(subject));
    this.#known = new Set(alarms.map(({ subject }) => subject));
    if (isNew) {
      this.#mutedUntilMs = -Infinity;
      this.#alarmMs = -Infinity;
    }
    if (!isBlind) this.#blindSinceMs = null;
    else this.#blindSinceMs ??= localMs;
    if (this.mutedFor(localMs) > 0) return null;
    if (alarms.length > 0) {
      if (localMs - this.#alarmMs < ALARM_EVERY_MS) return null;
      this.#alarmMs = localMs;
      return alarms.some(({ forMs }) => forMs >= URGENT_MS) ? 'urgent' : 'alarm';
    }
    if (this.#blindSinceMs === null || localMs - this.#blindSinceMs < BLIND_AFTER_MS) return null;
    if (localMs - this.#blindMs < BLIND_EVERY_MS) return null;
    this.#blindMs = localMs;
    return 'blind';
  }
}
