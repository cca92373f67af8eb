import type { AlarmOutcome, NodeEvent, NodeStatus } from '@vigia/contracts';
import type { Figures } from './figures.ts';

/** What may have been found, in the order of the choice. */
export const OUTCOMES = [
  'helped_up',
  'no_pain',
  'injured',
  'doctor_called',
  'not_a_fall',
  'other',
] as const satisfies readonly AlarmOutcome[];

/** An alarm that has not ended. */
export interface Alarm {
  /** As in its events. */
  readonly subject: string;
  readonly camera: string;
  /** Id of one of its events: what `acknowledge` takes. */
  readonly event: string;
  readonly kind: 'fall' | 'bed' | 'visit';
  /** `down`, `blind`, `out` … */
  readonly state: string;
  /** Why there is an alarm, where the node says so: `long_lie`, `away` … */
  readonly reason: string | null;
  /** One sentence of the node. */
  readonly message: string;
  /** Milliseconds since 1970 on the server. */
  readonly startedMs: number;
  /** Who goes; null: nobody has acknowledged. */
  readonly by: string | null;
  /** How somebody fell, without a picture; empty: this page did not hear it. */
  readonly figures: Figures;
  /** What was found; null: nobody said it. */
  readonly outcome: AlarmOutcome | null;
}

/** Somebody goes to see, or says what was found. */
export type Go = (alarm: Alarm, outcome?: AlarmOutcome) => void;

interface Known {
  readonly alarm: Alarm;
  /** When this was last heard, by the page's clock. */
  readonly heardMs: number;
}

/** Most alarms that are kept; the newest are left out. */
const ALARMS_LIMIT = 256;
/** As long as an answer may travel. A beginning that is further off was computed with another clock. */
const SAME_START_MS = 6000;

/** Open alarms: from the status, which is complete and up to a second old, and from events, which come at once. */
export class Alarms {
  #open = new Map<string, Known>();
  /** Ended by an event, so that an older status does not revive them. By subject, with the time. */
  readonly #ended = new Map<string, number>();

  /**
   * A status arrived. What events said after it was asked for is newer, and stays.
   *
   * @param askedMs By the page's clock.
   * @param serverMs The server's time now.
   */
  fromStatus(alarms: NodeStatus['alarms'], askedMs: number, serverMs: number): void {
    const next = new Map<string, Known>();
    for (const found of alarms.slice(0, ALARMS_LIMIT)) {
      const known = this.#open.get(found.subject);
      if ((this.#ended.get(found.subject) ?? -Infinity) >= askedMs) continue;
      // `since_ms` counts from the start; the first value is kept, so that the seconds do not jump to and fro.
      const startedMs = serverMs - found.since_ms;
      const same = known?.alarm.event === found.event ? known.alarm : undefined;
      const isKept = same !== undefined && Math.abs(same.startedMs - startedMs) < SAME_START_MS;
      next.set(found.subject, {
        heardMs: askedMs,
        alarm: {
          subject: found.subject,
          camera: found.camera,
          event: found.event,
          kind: found.kind,
          state: found.state,
          reason: found.reason,
          message: found.message,
          startedMs: isKept ? same.startedMs : startedMs,
          figures: known?.alarm.figures ?? [],
          by: found.acknowledged?.by ?? null,
          outcome: found.acknowledged?.outcome ?? null,
        },
      });
    }
    for (const [subject, known] of this.#open) if (known.heardMs >= askedMs) next.set(subject, known);
    for (const [subject, endedMs] of this.#ended) if (endedMs < askedMs) this.#ended.delete(subject);
    this.#open = next;
  }

  /** An event arrived; those that are not about an alarm change nothing. @param figures Of how it began, if it did now. */
  fromEvent(event: NodeEvent, localMs: number, figures: Figures = []): void {
    if (event.kind !== 'fall' && event.kind !== 'bed' && event.kind !== 'visit') return;
    const { phase, subject, camera, data } = event;
    if (phase === null || subject === null || camera === null) return;
    if (phase === 'end') {
      this.#open.delete(subject);
      this.#ended.set(subject, localMs);
      return;
    }
    const known = this.#open.get(subject)?.alarm;
    if (known === undefined && this.#open.size >= ALARMS_LIMIT) return;
    // An update is not the beginning; a fall says since when the body has been down.
    const before = event.kind === 'fall' && phase === 'update' ? event.data.down_ms : 0;
    this.#ended.delete(subject);
    this.#open.set(subject, {
      heardMs: localMs,
      alarm: {
        subject,
        camera,
        event: known?.event ?? event.id,
        kind: event.kind,
        state: data.state,
        reason: data.reason,
        message: data.message,
        startedMs: known?.startedMs ?? Date.parse(event.at) - before,
        figures: phase === 'start' && figures.length > 0 ? figures : (known?.figures ?? []),
        by: data.acknowledged?.by ?? known?.by ?? null,
        outcome: data.acknowledged?.outcome ?? known?.outcome ?? null,
      },
    });
  }

  /** The node took an acknowledgement of this page; the next status confirms it. */
  acknowledged(event: string, by: string, outcome: AlarmOutcome | null, localMs: number): void {
    for (const [subject, { alarm }] of this.#open) {
      if (alarm.event !== event) continue;
      const known = { ...alarm, by: alarm.by ?? by, outcome: outcome ?? alarm.outcome };
      this.#open.set(subject, { heardMs: localMs, alarm: known });
    }
  }

  /** Those that nobody has acknowledged first, each oldest first. */
  all(): readonly Alarm[] {
    const byAge = [...this.#open.values()].map(({ alarm }) => alarm).sort((a, b) => a.startedMs - b.startedMs);
    return [...byAge.filter(({ by }) => by === null), ...byAge.filter(({ by }) => by !== null)];
  }
}
