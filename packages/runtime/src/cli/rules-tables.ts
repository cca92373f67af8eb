import type { BedPictureNews, FallNews, Moment } from '#rehearsal';
import type { FallChange, PersonView } from '@vigia/rules';
import { fit } from '#core/terminal';

/** Shows a rehearsal while it is played. */
export interface RulesTable<News> {
  /** Prints what is new with a picture. */
  add(moment: Moment<News>): void;
  /** A picture as a line of JSON. */
  json(moment: Moment<News>): object;
  /** `1 alarm`. */
  readonly summary: string;
}

type Print = (line: string) => void;

function alarmsText(count: number): string {
  if (count === 0) return 'no alarm';
  return `${count} ${count === 1 ? 'alarm' : 'alarms'}`;
}

function secondsOf(atMs: number): string {
  return (atMs / 1000).toFixed(1).padStart(7);
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

  json({ atMs, looks, news }: Moment<FallNews>): object {
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
    const at = secondsOf(atMs);
    for (const { people, changes } of news) {
      for (const view of people)
        if (this.#postures.get(view.person) !== view.posture && view.posture !== 'alarm') this.#row(at, view);
      for (const change of changes) this.#change(at, change);
      for (const { person, posture } of people) this.#postures.set(person, posture);
    }
  }

  #row(at: string, { person, posture, isSeen, looked }: PersonView): void {
    if (!this.#isBegun) this.#line(`${'SECOND'.padStart(7)}  ${fit('PERSON', 8)}${fit('POSTURE', 10)}SEEN`);
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
  #alarms = 0;
  #isBegun = false;

  constructor(line: Print) {
    this.#line = line;
  }

  get summary(): string {
    return alarmsText(this.#alarms);
  }

  json({ atMs, news }: Moment<BedPictureNews>): object {
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
    const at = secondsOf(atMs);
    for (const { change, alarm, awayMs = 0 } of news) {
      if (!this.#isBegun) this.#line(`${'SECOND'.padStart(7)}  ${fit('BED', 10)}SINCE`);
      this.#isBegun = true;
      if (change) this.#line(`${at}  ${fit(change.phase, 10)}${(change.sinceMs / 1000).toFixed(1)} s`);
      if (alarm?.phase === 'start') this.#alarms += 1;
      const why =
        alarm?.reason === 'away' && alarm.phase !== 'end' ? `away for ${(awayMs / 1000).toFixed(0)} s` : alarm?.reason;
      if (alarm) this.#line(`${at}  ${alarm.phase === 'start' ? 'ALARM' : alarm.phase} ${why}`);
    }
  }
}
