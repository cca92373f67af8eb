import { FakeClock, type Log } from '@vigia/base';
import type { Bbox, Detection, ResultMessage } from '@vigia/contracts';
import type { Frame } from 'node-av/lib';
import { beforeEach, expect, test } from 'vitest';
import { Picture } from '#core/media/libav';
import { type VisitReport, VisitWatch, type WatchedZone } from './visit-watch.ts';

const LOG = { error: () => undefined } as unknown as Log;
const KITCHEN: [number, number][] = [
  [0.5, 0.5],
  [1, 0.5],
  [1, 1],
  [0.5, 1],
];
const HALL: [number, number][] = [
  [0, 0.5],
  [0.45, 0.5],
  [0.45, 1],
  [0, 1],
];
const person = (bbox: Bbox): Detection => ({ class_id: 0, class_name: 'person', confidence: 0.9, bbox });
const IN_KITCHEN = person([0.7, 0.4, 0.8, 0.8]);
const IN_HALL = person([0.2, 0.4, 0.3, 0.8]);

let clock: FakeClock;
let reports: VisitReport[];
let alive: number;

beforeEach(() => {
  clock = new FakeClock();
  [reports, alive] = [[], 0];
});

function watching(alarm?: WatchedZone['alarm']): VisitWatch {
  const watched = new Map<string, WatchedZone>([
    ['kitchen', { points: KITCHEN, alarm }],
    ['hall', { points: HALL, alarm: undefined }],
  ]);
  return new VisitWatch({ clock, log: LOG, watched, zones: [], onReport: (report) => reports.push(report) });
}

/** Results for so long, five a second, each of a picture that was captured 30 ms ago. */
function see(watch: VisitWatch, detections: Detection[], forMs: number, size = { width: 640, height: 480 }): void {
  for (let ms = 0; ms < forMs; ms += 200) {
    alive += 1;
    const [capturedMs, capturedWallMs] = [clock.nowMs() - 30, clock.wallMs() - 30];
    const stamps = { capturedMs, capturedWallMs, hiddenMs: 0, arrivedMs: 0, decodedMs: 0, ptsUs: 0 };
    const picture = new Picture(size as Frame, stamps, () => (alive -= 1));
    watch.seen({ detections } as unknown as ResultMessage, [], picture);
    picture.release();
    watch.watch();
    clock.advance(200);
  }
}

/** No results for so long. */
function wait(watch: VisitWatch, forMs: number): void {
  for (let ms = 0; ms < forMs; ms += 500) {
    clock.advance(500);
    watch.watch();
  }
}

const said = (): string[] => reports.map(({ zone, phase, state }) => `${zone} ${phase} ${state}`);

test('who comes and goes is said once, of each zone, with the times of day', () => {
  const watch = watching();
  const beganMs = clock.wallMs();
  see(watch, [IN_KITCHEN], 3_000);
  see(watch, [IN_HALL], 13_000);
  expect(said()).toEqual(['kitchen null occupied', 'hall null occupied', 'kitchen null empty']);
  expect(reports[0]).toMatchObject({ people: 1, ageMs: 30, reason: null, bbox: IN_KITCHEN.bbox });
  const visit = { enteredMs: beganMs - 30, lastSeenMs: beganMs + 2_770, most: 1 };
  expect(reports[2]).toMatchObject({ people: 0, visit });
  expect(reports[2]?.unseenMs).toBeGreaterThan(10_000);
  expect(alive).toBe(0);
});

test('results that stop: nobody knows, once; afterwards, what is seen', () => {
  const watch = watching();
  see(watch, [IN_KITCHEN], 2_000);
  reports = [];
  wait(watch, 30_000);
  watch.close();
  expect(said()).toEqual(['kitchen null blind', 'hall null blind']);
  expect(reports[0]).toMatchObject({ people: 0, visit: { most: 1 } });
  expect(reports[0]?.ageMs).toBeGreaterThan(5_000);
  reports = [];
  see(watch, [IN_KITCHEN], 12_000);
  expect(said()).toEqual(['kitchen null occupied', 'hall null empty']);
});

test('an alarm in its zone: begins, is blind, goes on, ends', () => {
  const watch = watching({ when: 'occupied', afterMs: 1_000, people: 1, hours: undefined });
  see(watch, [IN_KITCHEN], 2_000);
  wait(watch, 12_000);
  see(watch, [IN_KITCHEN], 1_000);
  see(watch, [IN_HALL], 13_000);
  const kitchen = said().filter((line) => line.startsWith('kitchen'));
  expect(kitchen).toEqual([
    'kitchen null occupied',
    'kitchen start occupied',
    'kitchen update blind',
    'kitchen update blind',
    // Who is not detected is not gone yet; alarms are repeated.
    'kitchen update occupied',
    'kitchen update occupied',
    'kitchen end empty',
  ]);
  expect(reports.find(({ phase }) => phase === 'end')).toMatchObject({ reason: 'occupied' });
});

test('nobody has been seen for long: said while nothing is seen, too, with for how long', () => {
  const watch = watching({ when: 'empty', afterMs: 30_000, people: 1, hours: undefined });
  see(watch, [IN_KITCHEN], 2_000);
  wait(watch, 31_000);
  const start = reports.find(({ phase }) => phase === 'start');
  expect(start).toMatchObject({ zone: 'kitchen', state: 'blind', reason: 'empty' });
  expect(start?.unseenMs).toBeGreaterThanOrEqual(30_000);
  expect(start?.unseenMs).toBeLessThan(30_600);
});

test('only in its hours, in local time', () => {
  const local = new Date(clock.wallMs());
  const minute = local.getHours() * 60 + local.getMinutes();
  const hours = { from: (minute + 60) % 1_440, to: (minute + 120) % 1_440 };
  const watch = watching({ when: 'occupied', afterMs: 0, people: 1, hours });
  see(watch, [IN_KITCHEN], 3_000);
  expect(reports.every(({ phase }) => phase === null)).toBe(true);
});

test('when somebody was last seen is known also after pictures of another shape', () => {
  const watch = watching({ when: 'empty', afterMs: 30_000, people: 1, hours: undefined });
  see(watch, [IN_KITCHEN], 20_000);
  see(watch, [], 31_000, { width: 480, height: 640 });
  const start = reports.find(({ phase }) => phase === 'start');
  expect(start).toMatchObject({ zone: 'kitchen', state: 'empty', visit: { most: 1 } });
  expect(start?.unseenMs).toBeGreaterThanOrEqual(30_000);
  expect(start?.unseenMs).toBeLessThan(30_600);
});

test('a picture of another shape has other people', () => {
  const watch = watching();
  see(watch, [IN_KITCHEN], 2_000);
  see(watch, [], 2_000, { width: 480, height: 640 });
  expect(said()).toEqual(['kitchen null occupied']);
  see(watch, [], 9_000, { width: 480, height: 640 });
  expect(said()).toEqual(['kitchen null occupied', 'kitchen null empty', 'hall null empty']);
});
