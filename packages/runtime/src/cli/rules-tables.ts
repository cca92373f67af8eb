import type { Moment } from '#rehearsal';
import type { BedPictureNews, FallNews, VisitNews } from '#services/replay';
import type { FallChange, PersonView } from '@vigia/rules';
import { fit } from '#core/terminal';

/** A line of JSON: what began, went on or ended, and more. */
interface JsonLine {
  readonly alarms: readonly object[];
  readonly [key: string]: unknown;
}

/** Shows a rehearsal while it is played. */
export interface RulesTable<News> {
  /** Prints what is new with a picture. */
  add(moment: Moment<News>): void;
  /** A picture as a line of JSON. */
  json(moment: Moment<News>): JsonLine;
  /** `1 alarm`. */
  readonly summary: string;
}

type Print = (line: string) => void;

function alarmsText(count: number): string {
  if (count === 0) return 'no alarm';
  return `${count} ${count === 1 ? 'alarm' : 'alarms'}`;
}

/** How a table shows times. */
export interface TableTimes {
  /** Over the first column. */
  readonly head: string;
  /** In it, as wide as every other one. */
  at(ms: number): string;
  /** Elsewhere. */
  short(ms: number): string;
}

/** Seconds of a clip. */
const SECONDS: TableTimes = {
  head: 'SECOND'.padStart(7),
  at: (ms) => (ms / 1000).toFixed(1).padStart(7),
  short: (ms) => `${(ms / 1000).toFixed(1)} s`,
};

/** Times of the day on this machine. Milliseconds since 1970. */
export const DAY_TIMES: TableTimes = {
  head: fit('TIME', 19),
  at: (ms) => `${localDay(ms)} ${localTime(ms)}`,
  short: localTime,
};

function localDay(ms: number): string {
  const at = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function localTime(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}

/** A line per change in a person’s posture. */
export class FallTable implements RulesTable<FallNews> {
  readonly #line: Print;
  readonly #postures = new Map<number, string>();
  #alarms = 0;
  #isBegun = false;

  constructor(line: Print) {
    this.#line = line;
  }

  get summary(): string {
    return alarmsText(this.#alarms);
  }

  json({ atMs, looks, news }: Moment<FallNews>): JsonLine {
    return {
      at_ms: Math.round(atMs),
      people: news.flatMap(({ people }) =>
        people.map(({ person, posture, bbox, isSeen, looked }) => ({ person, posture, bbox, seen: isSeen, looked })),
      ),
      looks,
      alarms: news.flatMap(({ changes }) =>
        changes.map(({ person, phase, state, reason, downMs }) => ({ person, phase, state, reason, down_ms: downMs })),
      ),
    };
  }

  add({ atMs, news }: Moment<FallNews>): void {
    const at = SECONDS.at(atMs);
    for (const { people, changes } of news) {
      for (const view of people)
        if (this.#postures.get(view.person) !== view.posture && view.posture !== 'alarm') this.#row(at, view);
      for (const change of changes) this.#change(at, change);
      for (const { person, posture } of people) this.#postures.set(person, posture);
    }
  }

  #row(at: string, { person, posture, isSeen, looked }: PersonView): void {
    if (!this.#isBegun) this.#line(`${SECONDS.head}  ${fit('PERSON', 8)}${fit('POSTURE', 10)}SEEN`);
    this.#isBegun = true;
    const how = looked ? 'by a second look' : isSeen ? 'yes' : 'no';
    this.#line(`${at}  ${fit(String(person), 8)}${fit(posture, 10)}${how}`);
  }

  #change(at: string, { person, phase, state, reason, downMs, evidence }: FallChange): void {
    if (phase === 'start') this.#alarms += 1;
    const { drop, shape, sightings, looks } = evidence;
    const fell = drop === undefined ? '' : `the top fell by ${drop.toFixed(2)} body heights, `;
    const why = `${fell}${shape.toFixed(1)} times as wide as high, seen ${sightings} times, ${looks} of them by looks`;
    const word =
      phase === 'start' ? `ALARM ${reason}: down for ${(downMs / 1000).toFixed(1)} s; ${why}` : `${phase} ${state}`;
    this.#line(`${at}  ${fit(String(person), 8)}${word}`);
  }
}

/** A line per state of a bed, and per alarm. */
export class BedTable implements RulesTable<BedPictureNews> {
  readonly #line: Print;
  readonly #times: TableTimes;
  #alarms = 0;
  #isBegun = false;

  constructor(line: Print, times: TableTimes = SECONDS) {
    this.#line = line;
    this.#times = times;
  }

  get summary(): string {
    return alarmsText(this.#alarms);
  }

  json({ atMs, news }: Moment<BedPictureNews>): JsonLine {
    return {
      at_ms: Math.round(atMs),
      state: news.at(-1)?.phase,
      people: news.flatMap(({ people }) =>
        people.map(({ person, place, bbox, isSeen, isHelper }) => ({
          person,
          place,
          bbox,
          seen: isSeen,
          helper: isHelper,
        })),
      ),
      alarms: news.flatMap(({ alarm }) => (alarm ? [{ phase: alarm.phase, reason: alarm.reason }] : [])),
    };
  }

  add({ atMs, news }: Moment<BedPictureNews>): void {
    const at = this.#times.at(atMs);
    for (const { change, alarm, awayMs = 0 } of news) {
      if (!this.#isBegun) this.#line(`${this.#times.head}  ${fit('BED', 10)}SINCE`);
      this.#isBegun = true;
      if (change) this.#line(`${at}  ${fit(change.phase, 10)}${this.#times.short(change.sinceMs)}`);
      if (alarm?.phase === 'start') this.#alarms += 1;
      const why =
        alarm?.reason === 'away' && alarm.phase !== 'end' ? `away for ${(awayMs / 1000).toFixed(0)} s` : alarm?.reason;
      if (alarm) this.#line(`${at}  ${alarm.phase === 'start' ? 'ALARM' : alarm.phase} ${why}`);
    }
  }
}

/** A line per visit that begins or ends, and per alarm. */
export class VisitTable implements RulesTable<VisitNews> {
  readonly #line: Print;
  readonly #times: TableTimes;
  #alarms = 0;
  #visits = 0;
  #isBegun = false;

  constructor(line: Print, times: TableTimes = SECONDS) {
    this.#line = line;
    this.#times = times;
  }

  get summary(): string {
    return `${this.#visits} ${this.#visits === 1 ? 'visit' : 'visits'}, ${alarmsText(this.#alarms)}`;
  }

  json({ atMs, news }: Moment<VisitNews>): JsonLine {
    return {
      at_ms: Math.round(atMs),
      zones: news.map(({ zone, view: { state, sinceMs, people, visit, bbox } }) => ({
        zone,
        state,
        since_ms: Math.round(sinceMs),
        people,
        entered_ms: visit ? Math.round(visit.enteredMs) : null,
        last_seen_ms: visit ? Math.round(visit.lastSeenMs) : null,
        most_people: visit?.most ?? null,
        bbox: bbox ?? null,
      })),
      alarms: news.flatMap(({ zone, alarm }) => (alarm ? [{ zone, ...alarm }] : [])),
    };
  }

  add({ atMs, news }: Moment<VisitNews>): void {
    const at = this.#times.at(atMs);
    for (const { zone, view, isNew, alarm } of news) {
      if (isNew) this.#row(at, zone, view);
      if (!alarm) continue;
      if (alarm.phase === 'start') this.#alarms += 1;
      this.#line(`${at}  ${fit(zone, 16)}${alarm.phase === 'start' ? 'ALARM' : alarm.phase} ${alarm.reason}`);
    }
  }

  #row(at: string, zone: string, { state, sinceMs, visit }: VisitNews['view']): void {
    if (!this.#isBegun) this.#line(`${this.#times.head}  ${fit('ZONE', 16)}${fit('STATE', 10)}SINCE`);
    this.#isBegun = true;
    const since = state === 'unknown' ? '' : this.#times.short(sinceMs);
    const end =
      state === 'empty' && visit ? `, came at ${this.#times.short(visit.enteredMs)}, ${visit.most} at most` : '';
    this.#line(`${at}  ${fit(zone, 16)}${fit(state, 10)}${since}${end}`);
    if (state === 'occupied') this.#visits += 1;
  }
}
