import type { Clock } from '@vigia/base';
import type { Acknowledged, Finding, OpenAlarm } from '@vigia/contracts';
import type { LeftAlarm } from './left-alarms.ts';
import { type BedNotice, type RuleNotice, ruleSubject } from '#core/camera-link';

/** Open alarms of one camera; a process that names more is broken. The oldest are forgotten. */
const OPEN_LIMIT = 256;
/** Whom nobody watches any more is named again so often. Milliseconds. */
const REPEAT_MS = 10_000;
/** And for so long after the process ended, unless somebody acknowledges it. Milliseconds. */
const GONE_MS = 600_000;

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
 * The node’s open alarms about people. Passes on what cameras’ processes report, repeats what nobody watches any more, and stops
 * repeating what somebody has acknowledged. No alarm may end in silence.
 */
export class Alarms {
  readonly #o: AlarmsOptions;
  /** By subject, the latest report last. */
  readonly #open = new Map<string, Open>();
  /** What was last said of each bed, by subject. */
  readonly #beds = new Map<string, { readonly camera: string; readonly notice: BedNotice; readonly heardMs: number }>();
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
    const message = `the node ended while ${whoOf(notice)} in ${camera}: nobody knows how they are, somebody must look`;
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

  /** A camera's process reports an alarm, that it lasts, or its end; or another state of a bed. */
  told(camera: string, told: RuleNotice): void {
    const notice = told.kind === 'fall' ? { ...told, person: this.#numberOf(camera, told.person) } : told;
    const subject = ruleSubject(camera, notice);
    // A new alarm of a bed is not the one that somebody knows of.
    const before = notice.phase === 'start' ? undefined : this.#open.get(subject);
    const nowMs = this.#o.clock.nowMs();
    if (notice.kind === 'bed') this.#beds.set(subject, { camera, notice, heardMs: nowMs });
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
   * A camera's process has ended, killed or stopped. Announces for everybody for whom there is an alarm, and for each bed, that
   * nobody knows how they are. The next process counts people from the start again.
   */
  cameraGone(camera: string): void {
    const numbers = this.#numbers.get(camera);
    if (numbers) numbers.offset = numbers.highest;
    for (const open of this.#open.values()) {
      if (open.camera !== camera || open.goneMs !== undefined) continue;
      open.goneMs = this.#o.clock.nowMs();
      const why = `the process of camera ${camera} ended while ${whoOf(open.notice)}`;
      const message = `${why}: nobody knows how they are, somebody must look`;
      open.notice = withData(open.notice, { state: 'blind', message });
      this.#say(open, this.#blind(open, message));
    }
    for (const [subject, bed] of this.#beds) {
      if (bed.camera !== camera) continue;
      this.#beds.delete(subject);
      if (!this.#open.has(subject) && bed.notice.data.state !== 'blind') this.#bedGone(bed);
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
        this.#say(open, ended(this.#blind(open, `${since}, and was not seen to get ${wayOf(notice)}; ${how}`)));
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

  /** Another state of a bed. Who is in it again ends an alarm of a process that is gone: nobody else can. */
  #sayState(subject: string, open: Open, before: Open | undefined, notice: RuleNotice): void {
    const { state } = notice.data;
    const old = before?.notice;
    if (old?.kind === 'bed' && before?.goneMs !== undefined && (state === 'in' || state === 'sitting')) {
      this.#open.delete(subject);
      const { reason } = old.data;
      this.#say(open, notice.kind === 'bed' ? withData({ ...notice, phase: 'end' }, { reason }) : notice);
    } else this.#say(open, notice);
  }

  #bedGone({ camera, notice, heardMs }: { camera: string; notice: BedNotice; heardMs: number }): void {
    const message = `the process of camera ${camera} ended: nobody knows whether somebody is in ${notice.zone}`;
    const sinceMs = Math.round(this.#o.clock.nowMs() - heardMs);
    const blind = withData(notice, { state: 'blind', reason: null, message, since_ms: null });
    this.#o.announce(camera, withData({ ...blind, phase: null }, { age_ms: notice.data.age_ms + sinceMs }));
  }

  /** What was known is older now. */
  #blind({ notice, heardMs }: Open, message: string): RuleNotice {
    const sinceMs = Math.round(this.#o.clock.nowMs() - heardMs);
    const blind = { state: 'blind', message, age_ms: notice.data.age_ms + sinceMs } as const;
    if (notice.kind === 'fall') {
      const downMs = notice.data.down_ms + sinceMs;
      return withData({ ...notice, phase: 'update' }, { ...blind, down_ms: downMs });
    }
    const { away_ms: awayMs } = notice.data;
    return withData({ ...notice, phase: 'update' }, { ...blind, away_ms: awayMs === null ? null : awayMs + sinceMs });
  }
}

/** Whether a report repeats the one before. */
function isSame(before: RuleNotice | undefined, now: RuleNotice): boolean {
  if (before?.kind === 'bed' && now.kind === 'bed' && before.data.reason !== now.data.reason) return false;
  return before?.data.state === now.data.state;
}

function whoOf(notice: RuleNotice): string {
  if (notice.kind === 'fall') return `person-${notice.person} was down`;
  const { reason } = notice.data;
  const isOut = reason === 'out' || reason === 'away';
  return isOut ? `somebody was out of ${notice.zone}` : `somebody was about to get out of ${notice.zone}`;
}

function wayOf({ kind }: RuleNotice): string {
  return kind === 'fall' ? 'up' : 'in again';
}

/** Nobody knows any more, and the alarm is given up. */
function ended(notice: RuleNotice): RuleNotice {
  const over = { ...notice, phase: 'end' as const };
  return over.kind === 'fall' ? withData(over, { state: 'gone' }) : over;
}

function withData<N extends RuleNotice>(notice: N, data: Partial<N['data']>): N {
  return { ...notice, data: { ...notice.data, ...data } };
}
