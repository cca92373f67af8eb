import { type Clock, FakeClock, systemClock } from '@vigia/base';
import type { Detection, ResultMessage } from '@vigia/contracts';
import { PREVIEW_LIMITS, type RulesPreview } from '@vigia/contracts/api';
import { beforeEach, expect, test } from 'vitest';
import type { ResultLine } from '#core/footage';
import type { PreviewRule, PreviewTask } from '#core/footage-link';
import { previewRules } from './preview.ts';

const START = new Date(2026, 10, 23, 20, 0).getTime();
const STEP_MS = 200;
const LEFT: [number, number][] = [
  [0, 0],
  [0.5, 0],
  [0.5, 1],
  [0, 1],
];
const RIGHT: [number, number][] = [
  [0.5, 0],
  [1, 0],
  [1, 1],
  [0.5, 1],
];
type Hours = { readonly from: number; readonly to: number } | null;

let results: ResultLine[];
beforeEach(() => {
  results = [];
});

/** Somebody stands at `x` of the picture; null: nobody is seen. Seconds since {@link START}. */
function store(fromS: number, toS: number, x: number | null, more: Partial<ResultMessage> = {}): void {
  for (let atMs = START + fromS * 1000; atMs < START + toS * 1000; atMs += STEP_MS) {
    const person: Detection = {
      class_id: 0,
      class_name: 'person',
      confidence: 0.9,
      bbox: [(x ?? 0) - 0.05, 0.3, (x ?? 0) + 0.05, 0.8],
    };
    const result: ResultMessage = {
      node: 'n',
      boot: 'b',
      camera: 'hall',
      consumer: 'people',
      model: 'm',
      seq: 1,
      status: 'ok',
      captured_at: new Date(atMs).toISOString(),
      age_ms: 1,
      age_certain: true,
      age_bound_ms: 1,
      pts_us: 1,
      hops_ms: { decoded: 1, taken: 1, rendered: 1, sent: 1, received: 1, decided: 1 },
      detections: x === null ? [] : [person],
      error: null,
      ...more,
    };
    results.push({ atMs, result });
  }
}

const visits = (points: [number, number][], hours: Hours = null): PreviewRule => ({
  visits: {
    from: 'people',
    watched: { spot: { points, alarm: { when: 'occupied', afterMs: 3_000, people: 1, hours } } },
    zones: [],
  },
});

async function preview(
  task: Pick<PreviewTask, 'now' | 'would'> & { readonly toS: number },
  clock: Clock = systemClock,
  signal = new AbortController().signal,
): Promise<RulesPreview> {
  async function* read(): AsyncGenerator<readonly ResultLine[]> {
    for (let at = 0; at < results.length; at += 100) yield results.slice(at, at + 100);
    await Promise.resolve();
  }
  const { toS, ...rules } = task;
  const whole = { camera: 'hall', rule: 'visits', fromMs: START, toMs: START + toS * 1000, aspect: 16 / 9 } as const;
  return previewRules({ task: { ...whole, ...rules }, results: read(), signal, clock });
}

const second = (ms: number | null): number | null => (ms === null ? null : (ms - START) / 1000);

test('what the zones in use reported, and what others would have', async () => {
  store(0, 12, null);
  store(12, 20, 0.25);
  store(20, 40, null);
  const { now, would, ...about } = await preview({ now: visits(RIGHT), would: visits(LEFT), toS: 40 });
  expect(about).toEqual({ camera: 'hall', rule: 'visits', from_ms: START, to_ms: START + 40_000 });
  // The first result is at the beginning of the range, which has no time before it.
  expect(now).toMatchObject({ consumer: 'people', results: 199, gaps: [], alarms: [] });
  expect(now?.changes.map(({ state }) => state)).toEqual(['empty']);
  expect(would?.alarms.map(({ zone, reason, from_ms }) => [zone, reason, second(from_ms)])).toEqual([
    ['spot', 'occupied', 15],
  ]);
  expect(second(would?.alarms[0]?.to_ms ?? null)).toBeGreaterThan(20);
  expect(would?.changes.map(({ state, visit }) => [state, visit?.most_people])).toEqual([
    ['empty', undefined],
    ['occupied', 1],
    ['empty', 1],
  ]);
  expect(second(would?.changes[1]?.since_ms ?? null)).toBe(12);
  expect(would?.left_out).toEqual({ gaps: 0, alarms: 0, changes: 0 });
});

test('a bed, and an alarm that gets worse and lasts', async () => {
  // Sits up in it, walks away.
  store(0, 8, 0.25);
  for (let step = 0; step < 20; step += 1) store(8 + step * 0.2, 8.2 + step * 0.2, 0.25 + step * 0.03);
  store(12, 30, 0.82);
  const bed = { from: 'people', zone: 'bed', bed: LEFT, zones: [], awayMs: 4_000, hours: null };
  const { would } = await preview({ now: null, would: { bed: { ...bed, alarm: 'sitting' } }, toS: 30 });
  expect(would?.changes.map(({ zone, state }) => [zone, state])).toEqual([
    ['bed', 'sitting'],
    ['bed', 'out'],
  ]);
  expect(would?.alarms).toEqual([{ zone: 'bed', reason: 'away', from_ms: expect.any(Number), to_ms: null }]);
  expect(second(would?.alarms[0]?.from_ms ?? null)).toBeLessThan(3);
});

test('results of other consumers, and those that are not ok or no results, show nothing', async () => {
  store(0, 20, 0.25, { consumer: 'pose' });
  store(20, 40, 0.25, { status: 'timeout', detections: null });
  store(40, 60, 0.25, { seq: -1 });
  const { now } = await preview({ now: visits(LEFT), would: null, toS: 60 });
  expect(now).toMatchObject({ results: 0, gaps: [{ from_ms: START, to_ms: START + 60_000 }], alarms: [], changes: [] });
});

test('times without results: blind, and known again afterwards', async () => {
  store(0, 12, null);
  store(30, 60, 0.25);
  const { now } = await preview({ now: visits(LEFT), would: null, toS: 120 });
  expect(now?.gaps.map(({ from_ms, to_ms }) => [second(from_ms), second(to_ms)])).toEqual([
    [11.8, 30],
    [59.8, 120],
  ]);
  expect(now?.changes.map(({ state, at_ms }) => `${state} ${second(at_ms)}`)).toEqual([
    expect.stringMatching(/^empty 10/),
    'blind 16.8',
    expect.stringMatching(/^occupied 30/),
    'blind 64.8',
  ]);
  // Nobody saw them leave.
  expect(now?.alarms).toMatchObject([{ reason: 'occupied', to_ms: null }]);
});

test('alarms begin in their hours only, by the clock of the node', async () => {
  store(0, 60, 0.25);
  const at = (hours: Hours): Promise<RulesPreview> => preview({ now: visits(LEFT, hours), would: null, toS: 60 });
  const from = 20 * 60;
  expect((await at({ from, to: from + 10 })).now?.alarms).toHaveLength(1);
  expect((await at({ from: from - 60, to: from })).now?.alarms).toEqual([]);
});

test('lists have an end, and say how much was left out', async () => {
  const comings = PREVIEW_LIMITS.listed + 10;
  for (let n = 0; n < comings; n += 1) {
    store(n * 20, n * 20 + 4, 0.25);
    store(n * 20 + 4, n * 20 + 20, null);
  }
  const { now } = await preview({ now: visits(LEFT), would: null, toS: comings * 20 });
  expect([now?.alarms.length, now?.changes.length]).toEqual([PREVIEW_LIMITS.listed, PREVIEW_LIMITS.listed]);
  expect(now?.alarms.every(({ to_ms }) => to_ms !== null)).toBe(true);
  expect(now?.left_out).toEqual({ gaps: 0, alarms: 10, changes: 2 * comings - PREVIEW_LIMITS.listed });
});

/** A clock on which each look takes a millisecond, and each pause as long as it should. */
class BusyClock extends FakeClock {
  readonly pausesMs: number[] = [];
  #looks = 0;

  override nowMs(): number {
    this.#looks += 1;
    return super.nowMs() + this.#looks;
  }

  override after(ms: number, fn: () => void): { cancel(): void } {
    this.pausesMs.push(ms);
    const soon = setImmediate(fn);
    return { cancel: () => clearImmediate(soon) };
  }
}

test('it works in slices, with pauses as long, also while no results come', async () => {
  store(0, 20, 0.25);
  const clock = new BusyClock();
  await preview({ now: visits(LEFT), would: visits(RIGHT), toS: 20 });
  await preview({ now: visits(LEFT), would: visits(RIGHT), toS: 20 }, clock);
  // Two rules, 99 results: after two looks at the clock it is time for a pause.
  expect(clock.pausesMs.length).toBeGreaterThan(40);
  expect(Math.max(...clock.pausesMs)).toBeLessThan(10);
  results = [];
  const idle = new BusyClock();
  await preview({ now: visits(LEFT), would: null, toS: 3_600 }, idle);
  expect(idle.pausesMs.length).toBeGreaterThan(500);
});

test('who does not wait any more ends it', async () => {
  store(0, 20, 0.25);
  const abort = new AbortController();
  const clock = new BusyClock();
  const asked = preview({ now: visits(LEFT), would: null, toS: 20 }, clock, abort.signal);
  abort.abort(new Error('gone'));
  await expect(asked).rejects.toThrow('gone');
  expect(clock.pausesMs.length).toBeLessThan(3);
});
