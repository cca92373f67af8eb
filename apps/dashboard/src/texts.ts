// Words for what the page knows. The catalogues are in texts-en.ts and texts-de.ts.
import type { AlarmOutcome } from '@vigia/contracts';
import type { Alarm } from './alarms.ts';
import { DE } from './texts-de.ts';
import { EN, type TextKey } from './texts-en.ts';
import type { Reason, Verdict } from './ward.ts';

export type { TextKey } from './texts-en.ts';

let language = 'en';

/** Chooses `de`, or English for anything else. Returns the language in force. */
export function chooseLanguage(wanted: string | null): string {
  language = wanted === 'de' ? 'de' : 'en';
  return language;
}

/** A text with its placeholders filled in; in English where the catalogue lacks it. */
export function text(key: TextKey, values: Readonly<Record<string, string | number>> = {}): string {
  return textOf(EN, DE, key, values);
}

/** The same, from the catalogue of a view that brings its own words. */
export function textOf<Key extends string>(
  english: Readonly<Record<Key, string>>,
  german: Readonly<Partial<Record<Key, string>>>,
  key: Key,
  values: Readonly<Record<string, string | number>> = {},
): string {
  const found: string = (language === 'de' ? german[key] : undefined) ?? english[key];
  return found.replaceAll(/\{(\w+)\}/g, (placeholder, name: string) => String(values[name] ?? placeholder));
}

/** `0.2 s`, `34 s`, `2:48`, `33 min`, `5 h`. Rounded down: an age is never shown larger than the clock says. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (ms < 10_000) {
    const tenths = (Math.floor(ms / 100) / 10).toFixed(1);
    return `${language === 'de' ? tenths.replace('.', ',') : tenths} s`;
  }
  return whole(seconds);
}

/** As {@link duration}, in whole seconds: `4 s`. */
export function wholeDuration(ms: number): string {
  return whole(Math.floor(ms / 1000));
}

function whole(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

/** `03:14:19`, in the time zone of this screen. */
export function clockTime(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB', { hour12: false });
}

/** The same with the day, if that is another one than now: `22 Nov 03:14:19`. */
export function dayTime(ms: number, nowMs: number): string {
  const isToday = new Date(ms).toDateString() === new Date(nowMs).toDateString();
  if (isToday) return clockTime(ms);
  const locale = language === 'de' ? 'de-DE' : 'en-GB';
  return `${new Date(ms).toLocaleDateString(locale, { day: 'numeric', month: 'short' })} ${clockTime(ms)}`;
}

/** `3 May 2026`. */
export function dayText(ms: number): string {
  const locale = language === 'de' ? 'de-DE' : 'en-GB';
  return new Date(ms).toLocaleDateString(locale, { day: 'numeric', month: 'short', year: 'numeric' });
}

let names: ReadonlyMap<string, string> = new Map();

/** What cameras are called, by id. */
export function nameCameras(called: ReadonlyMap<string, string>): void {
  names = called;
}

/** What a camera is called; `room-4`, which has no name of its own, is `Room 4`. */
export function roomName(camera: string): string {
  const called = names.get(camera);
  if (called !== undefined) return called;
  const words = camera.replaceAll(/[-_]+/g, ' ').trim();
  return words === '' ? camera : words[0]?.toUpperCase() + words.slice(1);
}

/** `anna (127.0.0.1)` is `anna`. */
export function personName(by: string): string {
  return by.replace(/ \([^)]*\)$/, '');
}

/** The headline of an alarm. */
export function alarmName({ kind, reason, state }: Alarm): string {
  const key = `a.${reason ?? (kind === 'fall' ? 'fall' : state)}`;
  const unknown = { fall: 'a.fall', bed: 'a.unknown', visit: 'a.visit' } as const;
  return text(key in EN ? (key as TextKey) : unknown[kind]);
}

/** What was found. Only a fall can turn out to be none; other alarms are false. */
export function outcomeName(kind: Alarm['kind'], outcome: AlarmOutcome): string {
  return text(outcome === 'not_a_fall' && kind !== 'fall' ? 'a.o.false' : `a.o.${outcome}`);
}

/** What an answer says; empty where a tile says it elsewhere. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'people':
      return verdict.count === 1 ? text('v.person') : text('v.people', { n: verdict.count });
    case 'things':
      return text('v.things', { n: verdict.count, name: verdict.name });
    case 'bed':
      return text(`v.bed.${verdict.state}`);
    case 'off':
      return '';
    default:
      return text(`v.${verdict.kind}`);
  }
}

/** Why a camera is not seen properly. `serverMs`: now. */
export function reasonText(reason: Reason, serverMs: number): string {
  switch (reason.kind) {
    case 'camera':
      return cameraText(reason, serverMs);
    case 'result':
      return text(`r.result.${reason.status}`);
    case 'consumer': {
      const key = `r.consumer.${reason.state}`;
      return text(key in EN ? (key as TextKey) : 'r.silent');
    }
    case 'missed':
    case 'late':
      return text(`r.${reason.kind}`, { n: reason.percent });
    case 'other':
      return text('r.other', { name: reason.consumer });
    case 'no_consumer':
      return text('r.none');
    default:
      return text(`r.${reason.kind}`);
  }
}

function cameraText({ state, code, retryMs }: Extract<Reason, { kind: 'camera' }>, serverMs: number): string {
  const byCode = `r.code.${code}`;
  const byState = `r.camera.${state}`;
  const why = text(
    state !== 'stopped' && byCode in EN ? (byCode as TextKey) : byState in EN ? (byState as TextKey) : 'r.silent',
  );
  if (retryMs === null || retryMs <= serverMs) return why;
  return text('r.retry', { why, s: wholeDuration(retryMs - serverMs + 999) });
}
