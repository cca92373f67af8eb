import { type PlayedRules, PREVIEW_LIMITS } from '@vigia/contracts/api';

type Alarm = PlayedRules['alarms'][number];
type Change = PlayedRules['changes'][number];

/** What a rule reported, in the form of the API: the first of each kind, and how many more there were. */
export class Listing {
  readonly #gaps: PlayedRules['gaps'] = [];
  readonly #alarms: Alarm[] = [];
  readonly #changes: Change[] = [];
  readonly #leftOut = { gaps: 0, alarms: 0, changes: 0 };
  /** Alarms of the list that last, by zone. */
  readonly #open = new Map<string, Alarm>();
  /** State of each zone as last listed. */
  readonly #states = new Map<string, Change['state']>();

  gap(fromMs: number, toMs: number): void {
    this.#list('gaps', this.#gaps, { from_ms: Math.round(fromMs), to_ms: Math.round(toMs) });
  }

  /** Lists a state that differs from the one before. */
  state({ zone, state, ...more }: Change): void {
    if (state === (this.#states.get(zone) ?? 'unknown')) return;
    this.#states.set(zone, state);
    this.#list('changes', this.#changes, { ...more, zone, state });
  }

  alarm(atMs: number, zone: string, phase: 'start' | 'update' | 'end', reason: Alarm['reason']): void {
    const open = this.#open.get(zone);
    if (phase === 'start') {
      const alarm = { zone, reason, from_ms: Math.round(atMs), to_ms: null };
      if (this.#list('alarms', this.#alarms, alarm)) this.#open.set(zone, alarm);
    } else if (open && phase === 'update') open.reason = reason;
    else if (open) {
      open.to_ms = Math.round(atMs);
      this.#open.delete(zone);
    }
  }

  /** What was listed. */
  get lists(): Pick<PlayedRules, 'gaps' | 'alarms' | 'changes' | 'left_out'> {
    return { gaps: this.#gaps, alarms: this.#alarms, changes: this.#changes, left_out: this.#leftOut };
  }

  /** Whether there was room. */
  #list<T>(kind: keyof PlayedRules['left_out'], list: T[], entry: T): boolean {
    const isRoom = list.length < PREVIEW_LIMITS.listed;
    if (isRoom) list.push(entry);
    else this.#leftOut[kind] += 1;
    return isRoom;
  }
}
