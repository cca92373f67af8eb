import type { ResultMessage } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { LastMinute, NOT_CURRENT, RecentResults } from './recent-results.ts';

const thing = (name: string): NonNullable<ResultMessage['detections']>[number] => ({
  class_id: 0,
  class_name: name,
  confidence: 0.9,
  bbox: [0, 0, 1, 1],
});
const result = (ageMs: number, more: Partial<ResultMessage> = {}): ResultMessage => ({
  node: 'ward-3',
  boot: 'b',
  camera: 'hall',
  consumer: 'people',
  model: 'ssdlite',
  seq: 1,
  status: 'ok',
  captured_at: '2026-01-01T00:00:00.000Z',
  age_ms: ageMs,
  age_certain: true,
  age_bound_ms: ageMs,
  pts_us: 0,
  hops_ms: { decoded: 1, taken: 1, rendered: 2, sent: 2, received: ageMs, decided: ageMs },
  detections: [],
  error: null,
  ...more,
});

test('ages and rate of the last 10 s', () => {
  const recent = new RecentResults();
  recent.add(result(900), 0);
  for (let n = 0; n < 20; n += 1) recent.add(result(20 + n), 10_000 + n * 100);
  expect(recent.summary(12_000, 0, 100)).toEqual({
    per_s: 2,
    age_p50_ms: 30,
    age_p99_ms: 39,
    age_certain: true,
    sees: 'nothing',
  });
  const none = { per_s: 0, age_p50_ms: null, age_p99_ms: null, age_certain: true, sees: null };
  expect(recent.summary(12_900, 0, 100).sees).toBe('nothing');
  expect(recent.summary(12_901, 0, 100)).toEqual(none);
  // A source that sends every second is current for three.
  expect(recent.summary(14_900, 0, 1_000).sees).toBe('nothing');
  expect(recent.summary(14_901, 0, 1_000)).toEqual(none);
});

test('a node that has just started, and a consumer that is faster than what is kept', () => {
  const recent = new RecentResults();
  for (let n = 0; n < 10; n += 1) recent.add(result(20), 1_000 + n * 100);
  expect(recent.summary(2_000, 1_000, 100).per_s).toBeCloseTo(10, 5);
  for (let n = 0; n < 1_000; n += 1) recent.add(result(20), 20_000 + n * 10);
  expect(recent.summary(30_000, 1_000, 100).per_s).toBeCloseTo(100, 0);
});

test('what the newest result shows', () => {
  const recent = new RecentResults();
  expect(recent.summary(0, 0, 100).sees).toBeNull();
  recent.add(result(20, { detections: [thing('person'), thing('car'), thing('person')] }), 0);
  expect(recent.summary(1, 0, 100).sees).toBe('2 person, 1 car');
  recent.add(result(900, { status: 'timeout', detections: null }), 1);
  expect(recent.summary(2, 0, 100)).toMatchObject({ sees: 'timeout', age_p50_ms: 20, age_p99_ms: 20 });
});

test('a slow consumer is current for three of its own intervals', () => {
  const recent = new RecentResults();
  for (const at of [0, 4_000, 8_000]) recent.add(result(900), at);
  expect(recent.summary(20_000, 0, 100).sees).toBe('nothing');
  expect(recent.summary(20_001, 0, 100).sees).toBeNull();
});

test('a gap is no interval: after one, a result is current as before it', () => {
  const recent = new RecentResults();
  for (const at of [0, 100, 200, 60_000]) recent.add(result(900), at);
  expect(recent.summary(61_000, 0, 100).sees).toBe('nothing');
  expect(recent.summary(61_001, 0, 100)).toEqual(NOT_CURRENT);
});

describe('the last minute', () => {
  type Added = Pick<ResultMessage, 'status' | 'age_ms' | 'detections'>;
  const ok = (ageMs: number, objects = 0): Added => ({
    status: 'ok',
    age_ms: ageMs,
    detections: Array.from({ length: objects }) as ResultMessage['detections'],
  });

  test('ages, objects and how long ago, oldest first; what is not ok has no age; what is older is left out', () => {
    const minute = new LastMinute();
    minute.add(ok(40, 9), 1_000);
    minute.add(ok(41), 10_000);
    minute.add({ status: 'timeout', age_ms: 900, detections: null }, 20_000);
    minute.add(ok(42, 2), 61_500);
    expect(minute.summary(61_500, 0)).toEqual({
      complete_ms: 60_000,
      answers: [
        [41, 0, 51_500],
        [null, 0, 41_500],
        [42, 2, 0],
      ],
    });
    expect(minute.summary(200_000, 0).answers).toEqual([]);
  });

  test('a faster consumer is known for a whole minute: answers within 111 ms are one, with the older picture and more objects', () => {
    const minute = new LastMinute();
    for (let n = 0; n < 7_000; n += 1) minute.add(ok(n % 2 === 0 ? 40 : 90, n % 3), n * 10);
    minute.add({ status: 'timeout', age_ms: 900, detections: null }, 70_000);
    const { complete_ms: completeMs, answers } = minute.summary(70_000, 0);
    expect(completeMs).toBe(60_000);
    expect(answers.length).toBeGreaterThan(480);
    expect(answers.length).toBeLessThanOrEqual(540);
    expect(answers.slice(0, -1).every(([age, objects]) => age === 90 && objects === 2)).toBe(true);
  });

  test('what is not ok hides nothing that is; complete since the start of the node', () => {
    const minute = new LastMinute();
    minute.add(ok(40, 1), 5_000);
    minute.add({ status: 'timeout', age_ms: 900, detections: null }, 5_010);
    expect(minute.summary(8_000, 2_000)).toEqual({ complete_ms: 6_000, answers: [[40, 1, 3_000]] });
    expect([minute.isOver(65_000), minute.isOver(65_001)]).toEqual([false, true]);
  });
});
