import { FakeClock, type Log } from '@vigia/base';
import type { Bbox, Detection, ResultMessage } from '@vigia/contracts';
import type { Frame } from 'node-av/lib';
import { beforeEach, expect, test } from 'vitest';
import { Picture } from '#core/media/libav';
import { type BedReport, BedWatch, type BedWatchOptions } from './bed-watch.ts';

const LOG = { error: () => undefined } as unknown as Log;
const BED: [number, number][] = [
  [0.3, 0.5],
  [0.7, 0.5],
  [0.72, 0.62],
  [0.28, 0.62],
];
const person = (bbox: Bbox): Detection => ({ class_id: 0, class_name: 'person', confidence: 0.9, bbox });
const ON_EDGE = person([0.4, 0.3, 0.6, 0.76]);
const SITTING = person([0.39, 0.3, 0.61, 0.58]);
const STANDING = person([0.43, 0.15, 0.57, 0.75]);

let clock: FakeClock;
let reports: BedReport[];
let alive: number;

beforeEach(() => {
  clock = new FakeClock();
  [reports, alive] = [[], 0];
});

function watching(more: Partial<BedWatchOptions> = {}): BedWatch {
  const onReport = (report: BedReport): unknown => reports.push(report);
  return new BedWatch({
    clock,
    log: LOG,
    bed: BED,
    zones: [],
    alarm: 'out',
    awayMs: 20_000,
    hours: undefined,
    onReport,
    ...more,
  });
}

/** Results for so long, five a second, each of a picture that was captured 30 ms ago. */
function see(watch: BedWatch, detections: Detection[], forMs: number, size = { width: 640, height: 480 }): void {
  for (let ms = 0; ms < forMs; ms += 200) {
    alive += 1;
    const stamps = {
      capturedMs: clock.nowMs() - 30,
      capturedWallMs: clock.wallMs() - 30,
      hiddenMs: 0,
      arrivedMs: 0,
      decodedMs: 0,
      ptsUs: 0,
    };
    const picture = new Picture(size as Frame, stamps, () => (alive -= 1));
    watch.seen({ detections } as unknown as ResultMessage, [], picture);
    picture.release();
    watch.watch();
    clock.advance(200);
  }
}

/** No results for so long. */
function wait(watch: BedWatch, forMs: number): void {
  for (let ms = 0; ms < forMs; ms += 500) {
    clock.advance(500);
    watch.watch();
  }
}

const said = (): string[] => reports.map(({ phase, state, reason }) => `${phase} ${state} ${reason}`);

test('each state is reported once, and what is an alarm', () => {
  const watch = watching();
  see(watch, [ON_EDGE], 2_000);
  see(watch, [SITTING], 3_000);
  see(watch, [], 4_000);
  see(watch, [ON_EDGE], 3_000);
  see(watch, [STANDING], 2_000);
  see(watch, [SITTING], 3_000);
  expect(said()).toEqual([
    'null unknown null',
    'null edge null',
    'null sitting null',
    'null in null',
    'null edge null',
    'start out out',
    'end sitting out',
  ]);
  expect(reports[5]).toMatchObject({ ageMs: 30, awayMs: reports[5]?.sinceMs });
  expect(reports[5]?.bbox?.map((one) => Math.round(one * 100))).toEqual([43, 15, 57, 75]);
  expect(alive).toBe(0);
});

test('when the time to be away is over: an alarm, on time, repeated', () => {
  const watch = watching({ alarm: 'away' });
  see(watch, [SITTING], 2_000);
  see(watch, [STANDING], 45_000);
  expect(said()).toEqual([
    'null unknown null',
    'null sitting null',
    'null out null',
    'start out away',
    'update out away',
    'update out away',
  ]);
  expect(reports[3]?.awayMs).toBeGreaterThanOrEqual(20_000);
  expect(reports[3]?.awayMs).toBeLessThan(20_200);
});

test('results stop: nobody knows, and an alarm goes on', () => {
  const watch = watching();
  see(watch, [SITTING], 2_000);
  wait(watch, 20_000);
  expect(said()).toEqual(['null unknown null', 'null sitting null', 'null blind null']);
  see(watch, [], 1_000);
  expect(said().slice(3)).toEqual(['null unknown null']);
  reports = [];
  see(watch, [SITTING], 2_000);
  see(watch, [STANDING], 1_000);
  wait(watch, 16_000);
  expect(said()).toEqual(['null sitting null', 'start out out', 'update blind out', 'update blind out']);
  expect(reports.at(-1)?.awayMs).toBeGreaterThan(10_000);
});

test('closing is the end of knowing, once', () => {
  const watch = watching();
  watch.close();
  expect(said()).toEqual([]);
  see(watch, [SITTING], 2_000);
  watch.close();
  watch.close();
  expect(said()).toEqual(['null unknown null', 'null sitting null', 'null blind null']);
});

test('alarms have hours, in local time', () => {
  const minute = (): number => new Date(clock.wallMs()).getHours() * 60 + new Date(clock.wallMs()).getMinutes();
  const soon = { from: (minute() + 10) % 1_440, to: (minute() + 20) % 1_440 };
  const watch = watching({ hours: soon });
  see(watch, [SITTING], 2_000);
  see(watch, [STANDING], 2_000);
  expect(said()).toEqual(['null unknown null', 'null sitting null', 'null out null']);
  clock.advance(600_000);
  watch.watch();
  reports = [];
  see(watch, [SITTING], 2_000);
  see(watch, [STANDING], 2_000);
  expect(said()).toEqual(['null unknown null', 'null sitting null', 'start out out']);
});

test('a picture of another shape begins anew', () => {
  const watch = watching();
  see(watch, [SITTING], 2_000);
  see(watch, [], 1_000, { width: 640, height: 360 });
  see(watch, [SITTING], 2_000, { width: 640, height: 360 });
  expect(said()).toEqual(['null unknown null', 'null sitting null', 'null unknown null', 'null sitting null']);
});

test('whoever listens and fails stops nothing', () => {
  let calls = 0;
  const watch = watching({
    onReport: () => {
      calls += 1;
      throw new Error('no');
    },
  });
  see(watch, [SITTING], 2_000);
  see(watch, [STANDING], 2_000);
  expect(calls).toBe(3);
});
