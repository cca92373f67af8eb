import type { NodeItem, ResultMessage } from '@vigia/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CountedCamera, MetricCounts } from './metric-counts.ts';

const HALL: CountedCamera = { camera: 'hall', consumers: [{ id: 'people' }, { id: 'falls' }] };
const YARD: CountedCamera = { camera: 'yard', consumers: [{ id: 'people' }] };
const HOPS_MS = { decoded: 2, taken: 3, rendered: 4, sent: 5, received: 60, decided: 61 };

function item(more: Partial<ResultMessage> = {}): NodeItem {
  const result = { camera: 'hall', consumer: 'people', status: 'ok', age_ms: 61, hops_ms: HOPS_MS, ...more };
  return { type: 'result', result: result as ResultMessage };
}

function following(...cameras: CountedCamera[]): MetricCounts {
  const counts = new MetricCounts();
  counts.follow(cameras);
  return counts;
}

/** How many results are in the histogram of ages, and of how many the age is not known, by consumer. */
function countsOf(counts: MetricCounts): Record<string, readonly [known: number, unknown: number]> {
  const rows = counts.consumers.map((c) => {
    return [`${c.camera}/${c.consumer}`, [c.age.cumulative().at(-1) ?? 0, c.agesUnknown] as const] as const;
  });
  return Object.fromEntries(rows);
}

function hopsOf(counts: MetricCounts): Record<string, readonly [count: number, sum: number]> {
  const rows = counts.consumers[0]?.hops.map(({ hop, times }) => {
    return [hop, [times.cumulative().at(-1) ?? 0, times.sum] as const] as const;
  });
  return Object.fromEntries(rows ?? []);
}

test('an ok result is counted with its age and each of its hops, in seconds', () => {
  const counts = following(HALL);
  counts.handle(item());
  expect(countsOf(counts)).toEqual({ 'hall/people': [1, 0], 'hall/falls': [0, 0] });
  expect(counts.consumers[0]?.age.sum).toBe(0.061);
  expect(hopsOf(counts)).toEqual({
    decoded: [1, 0.002],
    taken: [1, 0.003],
    rendered: [1, 0.004],
    sent: [1, 0.005],
    received: [1, 0.06],
    decided: [1, 0.061],
  });
});

test('a hop that was not reached is not counted', () => {
  const counts = following(HALL);
  counts.handle(item({ hops_ms: { ...HOPS_MS, rendered: null } }));
  expect(hopsOf(counts)).toMatchObject({ taken: [1, 0.003], rendered: [0, 0], sent: [1, 0.005] });
});

test.each(['expired', 'timeout', 'unavailable', 'error'] as const)('a result that is %s has no age here', (status) => {
  const counts = following(HALL);
  counts.handle(item({ status }));
  counts.handle(item({ status, age_ms: Number.NaN }));
  expect(countsOf(counts)['hall/people']).toEqual([0, 0]);
});

test.each([
  ['no age', { age_ms: null as never }],
  ['no number', { age_ms: Number.NaN }],
  ['an endless age', { age_ms: Number.POSITIVE_INFINITY }],
  ['an age below zero', { age_ms: -1 }],
  ['a hop before its capture', { hops_ms: { ...HOPS_MS, decoded: -0.001 } }],
  ['a hop without a number', { hops_ms: { ...HOPS_MS, sent: Number.NaN } }],
])('a result with %s is in no bucket, but in a counter of its own', (_, more) => {
  const counts = following(HALL);
  counts.handle(item(more));
  expect(countsOf(counts)['hall/people']).toEqual([0, 1]);
  expect(Object.values(hopsOf(counts))).toEqual(Array.from({ length: 6 }, () => [0, 0]));
});

test('only what the plan names is counted', () => {
  const counts = following(HALL);
  for (const more of [{ camera: 'attic' }, { consumer: 'cats' }, { camera: '__proto__' }]) counts.handle(item(more));
  counts.handle({ type: 'event', event: {} as never });
  expect(countsOf(counts)).toEqual({ 'hall/people': [0, 0], 'hall/falls': [0, 0] });
});

test('another plan: what stays goes on, what left is forgotten, also when it returns', () => {
  const counts = following(HALL, YARD);
  counts.handle(item());
  counts.handle(item({ consumer: 'falls' }));
  counts.handle(item({ camera: 'yard' }));
  counts.follow([{ camera: 'hall', consumers: [{ id: 'people' }, { id: 'cats' }] }]);
  expect(countsOf(counts)).toEqual({ 'hall/people': [1, 0], 'hall/cats': [0, 0] });
  counts.follow([HALL, YARD]);
  expect(countsOf(counts)).toEqual({ 'hall/people': [1, 0], 'hall/falls': [0, 0], 'yard/people': [0, 0] });
});

test('a replaced consumer starts from zero, the others go on', () => {
  const counts = following(HALL);
  for (const consumer of ['people', 'falls']) {
    counts.handle(item({ consumer }));
    counts.handle(item({ consumer, age_ms: -1 }));
  }
  counts.forget('hall', 'people');
  counts.forget('attic', 'people');
  expect(countsOf(counts)).toEqual({ 'hall/people': [0, 0], 'hall/falls': [1, 1] });
  expect(hopsOf(counts)['sent']).toEqual([0, 0]);
});

test('every ok result of the plan is counted once: in the histograms, or as unknown', () => {
  const results = fc.record({
    camera: fc.constantFrom('hall', 'yard', 'attic'),
    consumer: fc.constantFrom('people', 'falls'),
    status: fc.constantFrom('ok', 'timeout'),
    age_ms: fc.oneof(fc.double(), fc.double({ min: 0, max: 20_000, noNaN: true })),
  });
  fc.assert(
    fc.property(fc.array(results, { maxLength: 100 }), (all) => {
      const counts = following(HALL, YARD);
      for (const one of all) counts.handle(item(one as Partial<ResultMessage>));
      for (const [key, [known, unknown]] of Object.entries(countsOf(counts))) {
        const ok = all.filter((r) => r.status === 'ok' && `${r.camera}/${r.consumer}` === key);
        const good = ok.filter(({ age_ms: age }) => Number.isFinite(age) && age >= 0);
        expect([known, known + unknown]).toEqual([good.length, ok.length]);
      }
    }),
  );
});
