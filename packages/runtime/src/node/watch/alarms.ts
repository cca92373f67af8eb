import type { Clock } from '@vigia/base';
import type { Acknowledged, Finding, OpenAlarm } from '@vigia/contracts';
import type { LeftAlarm } from './left-alarms.ts';
import { type BedNotice, type RuleNotice, ruleSubject, type VisitNotice } from '#core/camera-link';

/** Open alarms of one camera; a process that names more is broken. The oldest are forgotten. */
const OPEN_LIMIT = 256;
/** Whom nobody watches any more is named again so often. Milliseconds. */
const REPEAT_MS = 10_000;
/** And for so long after the process ended, unless somebody acknowledges it. Milliseconds. */
const GONE_MS = 600_000;

/** What is said of a place, with or without an alarm. */
type PlaceNotice = BedNotice | VisitNotice;

/** An alarm from its start to its end. */
interface Open {
  readonly camera: string;
  /** Of its start, or of the first one in this run of the node. */
  event: string;
  /** Of its start, in whichever run: events before it are about another alarm. */
  first: string;
  /** As last reported; a person with a number that nobody else has. */
  notice: RuleNotice;
  readonly startedMs: number;
  /** When the camera last reported it, and when it was last announced. Monotonic. */
  heardMs: number;
  saidMs: number;
  /** Its process has ended: nobody watches. */
  goneMs: number | undefined;
  acknowledged: Acknowledged | undefined;
}

/** Options of {@link Alarms}. */
export interface AlarmsOptions {
  readonly clock: Clock;
  /** Returns the id of the event. */
  readonly announce: (camera: string, notice: RuleNotice) => string;
}

/**
 * The node’s open alarms about people and places. Passes on what cameras’ processes report, repeats what nobody watches any more, and stops
 * repeating what somebody has acknowledged. No alarm may end in silence.
 */
export class Alarms {
  readonly #o: AlarmsOptions;
  /** By subject, the latest report last. */
  readonly #open = new Map<string, Open>();
  /** What was last said of each bed and each zone, by subject. */
  readonly #places = new Map<
    string,
    { readonly camera: string; readonly notice: PlaceNotice; readonly heardMs: number }
  >();
  /** Each process of a camera numbers people from the start: what is added to its numbers, and the highest one so far. */
  readonly #numbers = new Map<string, { offset: number; highest: number }>();

  constructor(options: AlarmsOptions) {
    this.#o = options;
  }

  /** Oldest first. */
  get open(): readonly OpenAlarm[] {
    const { clock } = this.#o;
    const all = [...this.#open].map(([subject, { camera, event, notice, startedMs, acknowledged }]) => ({
      subject,
      event,
      camera,
      kind: notice.kind,
      state: notice.data.state,
      reason: notice.data.reason,
      message: notice.data.message,
      since_ms: Math.round(clock.nowMs() - startedMs),
      acknowledged: acknowledged ?? null,
    }));
    return all.sort((a, b) => b.since_ms - a.since_ms);
  }

  /** An earlier run of the node left an alarm open: nobody knows how they are. Before any camera reports. */
  left({ camera, notice, first, startedMs, atMs }: LeftAlarm): void {
    const nowMs = this.#o.clock.nowMs();
    const agoMs = (wallMs: number): number => Math.max(0, this.#o.clock.wallMs() - wallMs);
    const message = `the node ended while ${whoOf(notice)} in ${camera}: ${doubtOf(notice)}, somebody must look`;
    // Persons of this run have other numbers.
    if (notice.kind === 'fall') this.#numberOf(camera, notice.person);
    const numbers = this.#numbers.get(camera);
    if (numbers) numbers.offset = numbers.highest;
    const open: Open = {
      camera,
      event: '',
      first,
      notice: withData(notice, { state: 'blind', message }),
      startedMs: nowMs - agoMs(startedMs),
      saidMs: nowMs,
      heardMs: nowMs - agoMs(atMs),
      goneMs: nowMs,
      acknowledged: notice.data.acknowledged,
    };
    this.#remember(ruleSubject(camera, notice), open);
    this.#say(open, this.#blind(open, message));
  }

  /** A camera's process reports an alarm, that it lasts, or its end; or another state of a bed or a zone. */
  told(camera: string, told: RuleNotice): void {
    const notice = told.kind === 'fall' ? { ...told, person: this.#numberOf(camera, told.person) } : told;
    const subject = ruleSubject(camera, notice);
    // A new alarm of a place is not the one that somebody knows of.
    const before = notice.phase === 'start' ? undefined : this.#open.get(subject);
    const nowMs = this.#o.clock.nowMs();
    if (notice.kind !== 'fall') this.#places.set(subject, { camera, notice, heardMs: nowMs });
    const { acknowledged, event = '', first = '', saidMs = nowMs, startedMs = nowMs } = before ?? {};
    const open: Open = {
      camera,
      event,
      first,
      notice,
      startedMs,
      saidMs,
      heardMs: nowMs,
      goneMs: undefined,
      acknowledged,
    };
    if (notice.phase === null) {
      this.#sayState(subject, open, before, notice);
      return;
    }
    this.#open.delete(subject);
    if (notice.phase !== 'end') this.#remember(subject, open);
    const isRepeated = notice.phase === 'update' && isSame(before?.notice, notice);
    if (!(isRepeated && acknowledged)) this.#say(open, notice);
  }

  /**
   * A camera's process has ended, killed or stopped. Announces for everybody for whom there is an alarm, for each bed and each zone, that
   * nobody knows how they are. The next process counts people from the start again.
   */
  cameraGone(camera: string): void {
    const numbers = this.#numbers.get(camera);
    if (numbers) numbers.offset = numbers.highest;
    for (const open of this.#open.values()) {
      if (open.camera !== camera || open.goneMs !== undefined) continue;
      open.goneMs = this.#o.clock.nowMs();
      const why = `the process of camera ${camera} ended while ${whoOf(open.notice)}`;
      const message = `${why}: ${doubtOf(open.notice)}, somebody must look`;
      open.notice = withData(open.notice, { state: 'blind', message });
      this.#say(open, this.#blind(open, message));
    }
    for (const [subject, place] of this.#places) {
      if (place.camera !== camera) continue;
      this.#places.delete(subject);
      if (!this.#open.has(subject) && place.notice.data.state !== 'blind') this.#placeGone(place);
    }
  }

  /** Repeats what nobody watches. Call it about once a second. */
  look(): void {
    const nowMs = this.#o.clock.nowMs();
    for (const [subject, open] of this.#open) {
      const { camera, goneMs, acknowledged, notice } = open;
      if (goneMs !== undefined && nowMs - goneMs >= GONE_MS) {
        this.#open.delete(subject);
        const how = acknowledged ? `${acknowledged.by} acknowledged it` : 'nobody acknowledged it';
        const since = `${whoOf(notice)} when the process of camera ${camera} ended, ${GONE_MS / 60_000} minutes ago`;
        this.#say(open, ended(this.#blind(open, `${since}, and ${missedOf(notice)}; ${how}`)));
      } else if (notice.data.state === 'blind' && !acknowledged && nowMs - open.saidMs >= REPEAT_MS) {
        this.#say(open, this.#blind(open, notice.data.message));
      }
    }
  }

  /**
   * Somebody knows: from now on only changes are announced. Who it was first, stays; what was found is what was said last.
   *
   * @param by Who, for people.
   * @param more `id`: of the event that they know: of this alarm, or of an earlier one of the same bed; undefined: of this one.
   * @returns false when no such alarm is open.
   */
  acknowledge(
    subject: string,
    by: string,
    { id, found = {} }: { readonly id?: string | undefined; readonly found?: Finding } = {},
  ): boolean {
    const open = this.#open.get(subject);
    // Ids sort by time.
    if (!open || (id !== undefined && id < open.first)) return false;
    const first = open.acknowledged ?? { at: new Date(this.#o.clock.wallMs()).toISOString(), by };
    open.acknowledged = { ...first, ...found };
    return true;
  }

  #numberOf(camera: string, person: number): number {
    const numbers = this.#numbers.get(camera) ?? { offset: 0, highest: 0 };
    this.#numbers.set(camera, numbers);
    const number = numbers.offset + person;
    numbers.highest = Math.max(numbers.highest, number);
    return number;
  }

  #remember(subject: string, open: Open): void {
    this.#open.set(subject, open);
    const own = [...this.#open].filter(([, { camera }]) => camera === open.camera);
    const [oldest] = own;
    if (own.length > OPEN_LIMIT && oldest) this.#open.delete(oldest[0]);
  }

  #say(open: Open, notice: RuleNotice): void {
    const { acknowledged, camera } = open;
    open.saidMs = this.#o.clock.nowMs();
    const event = this.#o.announce(camera, acknowledged ? withData(notice, { acknowledged }) : notice);
    open.event ||= event;
    open.first ||= event;
  }

  /** Another state of a place. One that is as it should be again ends an alarm of a process that is gone: nobody else can. */
  #sayState(subject: string, open: Open, before: Open | undefined, notice: RuleNotice): void {
    const over = before?.goneMs === undefined ? undefined : endOf(before.notice, notice);
    if (over) this.#open.delete(subject);
    this.#say(open, over ?? notice);
  }

  #placeGone({ camera, notice, heardMs }: { camera: string; notice: PlaceNotice; heardMs: number }): void {
    const message = `the process of camera ${camera} ended: nobody knows whether somebody is in ${notice.zone}`;
    const sinceMs = Math.round(this.#o.clock.nowMs() - heardMs);
    const blind = { state: 'blind', reason: null, message, age_ms: notice.data.age_ms + sinceMs } as const;
    const gone =
      notice.kind === 'bed'
        ? withData({ ...notice, phase: null }, { ...blind, since_ms: null })
        : withData({ ...notice, phase: null }, { ...blind, people: 0, unseen_ms: notice.data.unseen_ms + sinceMs });
    this.#o.announce(camera, gone);
  }

  /** What was known is older now. */
  #blind({ notice, heardMs }: Open, message: string): RuleNotice {
    const sinceMs = Math.round(this.#o.clock.nowMs() - heardMs);
    const blind = { state: 'blind', message, age_ms: notice.data.age_ms + sinceMs } as const;
    if (notice.kind === 'fall') {
      const downMs = notice.data.down_ms + sinceMs;
      return withData({ ...notice, phase: 'update' }, { ...blind, down_ms: downMs });
    }
    if (notice.kind === 'visit') {
      const unseenMs = notice.data.unseen_ms + sinceMs;
      return withData({ ...notice, phase: 'update' }, { ...blind, people: 0, unseen_ms: unseenMs });
    }
    const { away_ms: awayMs } = notice.data;
    return withData({ ...notice, phase: 'update' }, { ...blind, away_ms: awayMs === null ? null : awayMs + sinceMs });
  }
}

/** Whether a report repeats the one before. */
function isSame(before: RuleNotice | undefined, now: RuleNotice): boolean {
  if (before?.data.reason !== now.data.reason) return false;
  return before?.data.state === now.data.state;
}

function whoOf(notice: RuleNotice): string {
  if (notice.kind === 'fall') return `person-${notice.person} was down`;
  if (notice.kind === 'visit') return VISITED[notice.data.reason ?? 'occupied'](notice.zone);
  const { reason } = notice.data;
  const isOut = reason === 'out' || reason === 'away';
  return isOut ? `somebody was out of ${notice.zone}` : `somebody was about to get out of ${notice.zone}`;
}

const VISITED = {
  occupied: (zone) => `somebody was in ${zone}`,
  crowded: (zone) => `too many people were in ${zone}`,
  empty: (zone) => `nobody had been seen in ${zone} for too long`,
} as const satisfies Record<string, (zone: string) => string>;

function doubtOf({ kind }: RuleNotice): string {
  return kind === 'visit' ? 'nobody knows who is there' : 'nobody knows how they are';
}

/** What was not seen to happen. */
function missedOf({ kind, data }: RuleNotice): string {
  if (kind === 'fall') return 'was not seen to get up';
  if (kind === 'bed') return 'was not seen to get in again';
  return data.reason === 'empty' ? 'nobody was seen since' : 'it was not seen to end';
}

/** The end of an alarm that a state of the same place shows; undefined: it shows none. */
function endOf(before: RuleNotice, now: RuleNotice): RuleNotice | undefined {
  if (before.kind === 'bed' && now.kind === 'bed') {
    const { state } = now.data;
    if (state !== 'in' && state !== 'sitting') return undefined;
    return withData({ ...now, phase: 'end' }, { reason: before.data.reason });
  }
  if (before.kind !== 'visit' || now.kind !== 'visit') return undefined;
  const { reason } = before.data;
  const isOver = reason === 'empty' ? now.data.state === 'occupied' : now.data.state === 'empty';
  return isOver ? withData({ ...now, phase: 'end' }, { reason }) : undefined;
}

/** Nobody knows any more, and the alarm is given up. */
function ended(notice: RuleNotice): RuleNotice {
  const over = { ...notice, phase: 'end' as const };
  return over.kind === 'fall' ? withData(over, { state: 'gone' }) : over;
}

function withData<N extends RuleNotice>(notice: N, data: Partial<N['data']>): N {
  return { ...notice, data: { ...notice.data, ...data } };
}
