import { createLog, FakeClock } from '@vigia/base';
import type { NodeItem, ResultMessage } from '@vigia/contracts';
import { beforeEach, expect, test } from 'vitest';
import { RESULT_LINE_LIMIT } from '#core/footage';
import { RESULTS_LIMIT, type ResultsNotice } from '#core/footage-link';
import { ResultLog } from './result-log.ts';

const NOON_MS = Date.UTC(2026, 10, 23, 12);
const BOX: NonNullable<ResultMessage['detections']>[number] = {
  class_id: 0,
  class_name: 'person',
  confidence: 1,
  bbox: [0, 0, 1, 1],
};

let clock: FakeClock;
let sent: ResultsNotice[];
let takes: boolean;
let said: string[];
let log: ResultLog;
let recorded: Record<string, { readonly mode: 'always' | 'on_event'; readonly beforeMs: number }>;
beforeEach(() => {
  clock = new FakeClock(1_000, NOON_MS);
  [sent, takes, said] = [[], true, []];
  recorded = { hall: { mode: 'always', beforeMs: 0 }, yard: { mode: 'on_event', beforeMs: 10_000 } };
  log = new ResultLog({
    clock,
    log: createLog('node', ({ message }) => said.push(message)),
    marksOf: (camera) => recorded[camera],
    send: (results) => {
      if (takes) sent.push(results);
      return takes;
    },
  });
  log.start();
});

interface Some extends Partial<ResultMessage> {
  readonly atMs?: number;
}

function result({ atMs = clock.wallMs(), ...more }: Some = {}): NodeItem {
  const captured_at = new Date(atMs).toISOString();
  const some = { camera: 'hall', consumer: 'people', status: 'ok', captured_at, detections: [], ...more };
  return { type: 'result', result: some as unknown as ResultMessage };
}
/** What was sent: milliseconds since noon. */
const times = (camera = 'hall'): number[] =>
  sent
    .filter((one) => one.camera === camera)
    .flatMap(({ lines }) => lines.trimEnd().split('\n'))
    .map((line) => Date.parse((JSON.parse(line) as ResultMessage).captured_at) - NOON_MS);

test('results with content are all kept; without, one a second of each consumer and kind; of recorded cameras only', () => {
  for (let i = 0; i < 25; i += 1) {
    log.handle(result());
    log.handle(result({ consumer: 'light' }));
    log.handle(result({ status: 'error', detections: null }));
    log.handle(result({ status: 'unavailable', detections: null }));
    log.handle(result({ camera: 'elsewhere', detections: [BOX] }));
    log.handle({ type: 'stats', stats: {} as never });
    clock.advance(100);
  }
  clock.advance(1_000);
  expect(times()).toHaveLength(9);
  for (let i = 0; i < 25; i += 1) {
    log.handle(result({ detections: [BOX] }));
    log.handle(result({ data: { brightness: 0 } }));
    log.handle(result({ detections: null, status: 'error', data: 1 }));
  }
  clock.advance(1_000);
  expect(times()).toHaveLength(9 + 51);
  expect(log.lost).toBe(0);
});

test('one timer; a notice per camera and hour, in order of capture; the rest at the end', () => {
  const [before, behind] = [NOON_MS + 3_599_999, NOON_MS + 3_600_000];
  for (const atMs of [behind, before, before - 50]) log.handle(result({ atMs, data: 1 }));
  log.handle(result({ captured_at: 'never', data: 1 }));
  log.start();
  expect(clock.pendingTimers).toBe(1);
  expect(sent).toEqual([]);
  clock.advance(1_000);
  expect(sent.map(({ hourMs }) => hourMs)).toEqual([NOON_MS, NOON_MS + 3_600_000]);
  expect(sent.map(({ lines }) => lines.match(/\n/g)?.length)).toEqual([2, 1]);
  expect(times()).toEqual([3_599_949, 3_599_999, 3_600_000]);
  log.handle(result({ data: 1 }));
  log.close();
  log.close();
  expect(times()).toHaveLength(4);
  expect(clock.pendingTimers).toBe(0);
});

test('what is not taken waits, up to its limit; then it is dropped, counted and said', () => {
  takes = false;
  const data = 'x'.repeat(1_000);
  for (let i = 0; i < 1_000; i += 1) log.handle(result({ data }));
  clock.advance(1_000);
  expect(log.lost).toBeGreaterThan(400);
  expect(log.lost).toBeLessThan(600);
  expect(said).toEqual([`${log.lost} results could not be kept beside recordings`]);
  const kept = 1_000 - log.lost;
  takes = true;
  clock.advance(1_000);
  // One flush sends so much; the rest follows.
  expect(sent).toHaveLength(1);
  expect(Buffer.byteLength(sent[0]!.lines)).toBeLessThanOrEqual(RESULTS_LIMIT);
  expect(times().length).toBeLessThan(kept);
  clock.advance(1_000);
  expect(times()).toHaveLength(kept);
  const lost = log.lost;
  log.handle(result({ data: 'x'.repeat(RESULT_LINE_LIMIT) }));
  clock.advance(1_000);
  expect(log.lost).toBe(lost + 1);
  log.lose(5);
  expect(log.lost).toBe(lost + 6);
  clock.advance(60_000);
  expect(said).toHaveLength(2);
});

test('on_event: from before the mark until its end, and nothing else', () => {
  const yard = (more: Some = {}): void => log.handle(result({ camera: 'yard', data: 1, ...more }));
  for (let i = 0; i < 60; i += 1) {
    yard();
    clock.advance(1_000);
  }
  expect(sent).toEqual([]);
  log.mark('yard', NOON_MS + 50_000, NOON_MS + 65_000);
  for (let i = 0; i < 20; i += 1) {
    yard();
    clock.advance(1_000);
  }
  expect(times('yard')).toEqual(Array.from({ length: 16 }, (_, i) => 50_000 + i * 1_000));
  // A result that comes late belongs to the mark.
  yard({ atMs: NOON_MS + 64_500 });
  clock.advance(1_000);
  expect(times('yard').at(-1)).toBe(64_500);
  // Marks that touch are one, and marks of the future wait.
  log.mark('yard', NOON_MS + 90_000, NOON_MS + 95_000);
  log.mark('yard', NOON_MS + 95_000, NOON_MS + 96_000);
  sent.length = 0;
  for (let i = 0; i < 30; i += 1) {
    yard();
    clock.advance(1_000);
  }
  expect(times('yard')).toEqual([90, 91, 92, 93, 94, 95, 96].map((s) => s * 1_000));
  // With `always` a mark changes nothing.
  log.mark('hall', 0, 8e15);
  log.handle(result());
  log.handle(result());
  clock.advance(1_000);
  expect(times('hall')).toHaveLength(1);
});

test('what one mark does not take, the next one still finds', () => {
  for (let s = 0; s < 10; s += 1) log.handle(result({ camera: 'yard', data: 1, atMs: NOON_MS + s * 1_000 }));
  log.mark('yard', NOON_MS, NOON_MS + 1_000);
  log.mark('yard', NOON_MS + 7_000, NOON_MS + 8_000);
  clock.advance(1_000);
  expect(times('yard')).toEqual([0, 1_000, 7_000, 8_000]);
});

test('the ring is bounded: of too much, the newest part is there at a mark', () => {
  const data = 'x'.repeat(10_000);
  for (let i = 0; i < 60; i += 1) log.handle(result({ camera: 'yard', data, atMs: NOON_MS + i }));
  log.mark('yard', NOON_MS, NOON_MS + 1_000);
  clock.advance(1_000);
  expect(times('yard').at(-1)).toBe(59);
  expect(times('yard').length).toBeGreaterThan(20);
  expect(times('yard').length * 10_000).toBeLessThan(RESULTS_LIMIT);
  expect(log.lost).toBe(0);
});

test('a camera that is not recorded any more keeps nothing new; what waited is sent', () => {
  log.handle(result({ data: 1 }));
  recorded = {};
  log.handle(result({ data: 2 }));
  log.mark('yard', 0, 1);
  clock.advance(1_000);
  expect(times()).toHaveLength(1);
});
