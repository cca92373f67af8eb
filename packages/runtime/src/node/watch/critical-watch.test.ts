import { FakeClock } from '@vigia/base';
import type { CameraReport, ConsumerReport } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import type { Plan } from '#node/plan';
import { CriticalWatch, type WatchedCamera } from './critical-watch.ts';

const OK = { camera: 'ward', consumer: 'falls', status: 'ok', error: null } as const;
const TIMEOUT = { ...OK, status: 'timeout', error: { code: 'timeout', message: 'no answer within 1 s' } } as const;

function plan(sla: string, fps = 5): Plan {
  return { cameras: [{ camera: 'ward', consumers: [{ id: 'falls', sla, fps }] }] } as unknown as Plan;
}

function camera(
  state: string,
  { message = null, ...more }: Partial<ConsumerReport> & { message?: string | null } = {},
): WatchedCamera {
  const falls = { state: 'running', reason: null, ...more };
  return { report: { state, reason: null, consumers: { falls } } as unknown as CameraReport, message };
}

/** A watch, what is said of the one consumer, and time. */
class Stage {
  readonly clock = new FakeClock();
  readonly watch = new CriticalWatch(this.clock);
  plan = plan('critical');
  seen: WatchedCamera | undefined = camera('live');

  look(): string | undefined {
    return this.watch.blind(this.plan, () => this.seen)[0]?.message;
  }

  /** Looks once a second. @returns how often it was blind. */
  run(seconds: number, answers: boolean): number {
    let count = 0;
    for (let i = 0; i < seconds; i += 1) {
      if (answers) this.watch.record(OK);
      count += this.look() === undefined ? 0 : 1;
      this.clock.advance(1_000);
    }
    return count;
  }
}

describe('a blind critical consumer', () => {
  test('is reported after 10 s without an ok result, with the reason; one answer ends it', () => {
    const stage = new Stage();
    stage.watch.record(OK);
    stage.clock.advance(9_999);
    stage.watch.record(TIMEOUT);
    expect(stage.look()).toBeUndefined();
    stage.clock.advance(1);
    expect(stage.look()).toBe('ward/falls: critical, and without an answer for 10 s: timeout, no answer within 1 s');
    stage.seen = camera('live', { reason: 'answers none, though frames come' });
    expect(stage.look()).toBe(
      'ward/falls: critical, and without an answer for 10 s: it answers none, though frames come',
    );
    stage.seen = camera('live', { reason: 'it went away' });
    expect(stage.look()).toMatch(/: its model went away$/);
    stage.seen = camera('live', { reason: 'nothing listens on its socket' });
    expect(stage.look()).toMatch(/: of its model nothing listens on its socket$/);
    stage.watch.record(OK);
    expect(stage.look()).toBeUndefined();
  });

  test('with a slow gate has three turns', () => {
    const stage = new Stage();
    stage.plan = plan('critical', 0.1);
    stage.watch.record(OK);
    stage.clock.advance(29_999);
    expect(stage.look()).toBeUndefined();
    stage.clock.advance(1);
    expect(stage.look()).toBeDefined();
  });

  test('is counted from its first moment, before which nobody expected an answer', () => {
    const stage = new Stage();
    stage.clock.advance(60_000);
    expect(stage.run(10, false)).toBe(0);
    expect(stage.look()).toBe(
      'ward/falls: critical, and without an answer since it began 10 s ago: its camera is live, and nothing comes',
    );
  });

  test('says what happened to its camera at first, and what it does now', () => {
    const stage = new Stage();
    stage.watch.record(OK);
    stage.seen = camera('stalled', { message: 'no video for 2.7 s' });
    expect(stage.look()).toBeUndefined();
    stage.clock.advance(10_000);
    stage.seen = camera('connecting');
    const blind = 'ward/falls: critical, and without an answer for 10 s: its camera is';
    expect(stage.look()).toBe(`${blind} connecting; at first it was stalled (no video for 2.7 s)`);
    stage.seen = camera('waiting', { message: 'refused' });
    expect(stage.look()).toBe(`${blind} waiting (refused); at first it was stalled (no video for 2.7 s)`);
    stage.seen = camera('stalled', { message: 'no video for 2.7 s' });
    expect(stage.look()).toBe(`${blind} stalled (no video for 2.7 s)`);
    stage.seen = undefined;
    expect(stage.look()).toBe('ward/falls: critical, and without an answer for 10 s: its camera has no process');
  });

  test('is explained by what came since the last answer and since the camera was live, not by what was before', () => {
    const stage = new Stage();
    stage.watch.record(TIMEOUT);
    stage.seen = camera('stalled', { message: 'no video for 3 s' });
    stage.look();
    stage.seen = camera('live');
    stage.watch.record(OK);
    stage.look();
    stage.clock.advance(10_000);
    expect(stage.look()).toMatch(/for 10 s: its camera is live, and nothing comes$/);
    stage.seen = camera('connecting', { message: 'no answer to OPTIONS' });
    expect(stage.look()).toMatch(/for 10 s: its camera is connecting \(no answer to OPTIONS\)$/);
  });

  test('is none while answers come, also when its camera is lost again and again', () => {
    const stage = new Stage();
    let blind = 0;
    for (const state of ['live', 'stalled', 'connecting', 'live', 'waiting', 'live']) {
      stage.seen = camera(state);
      blind += stage.run(5, true) + stage.run(3, false);
    }
    expect(blind).toBe(0);
  });

  test('who sees only now and then is blind until it sees without a gap: one alarm, not one each time', () => {
    const stage = new Stage();
    expect(stage.run(5, true) + stage.run(10, false)).toBe(1);
    let before = true;
    let starts = 0;
    for (let round = 0; round < 5; round += 1)
      for (const [seconds, answers] of [
        [5, true],
        [12, false],
      ] as const)
        for (let i = 0; i < seconds; i += 1) {
          const now = stage.run(1, answers) > 0;
          starts += now && !before ? 1 : 0;
          before = now;
        }
    // It ended with the first answers, and began again once.
    expect(starts).toBe(1);
    expect(stage.look()).toMatch(/critical, and with answers only now and then, the last one 1\d s ago:/);
    expect([stage.run(10, true), stage.run(20, true)]).toEqual([10, 0]);
  });

  test.each([
    ['another class', plan('high'), camera('live')],
    ['its worker has failed, which is said already', plan('critical'), camera('live', { state: 'failed' })],
  ])('is none: %s', (_, of, seen) => {
    const stage = new Stage();
    Object.assign(stage, { plan: of, seen });
    expect(stage.run(30, false)).toBe(0);
  });

  test('stays blind when its worker fails then; one that had failed has its time again', () => {
    const stage = new Stage();
    stage.run(11, false);
    stage.seen = camera('live', { state: 'failed', reason: 'exited with code 3' });
    expect(stage.look()).toContain('it exited with code 3');
    const other = new Stage();
    other.seen = camera('live', { state: 'failed' });
    expect(other.run(30, false)).toBe(0);
    other.seen = camera('live', { state: 'starting' });
    expect([other.run(9, false), other.run(2, false)]).toEqual([0, 2]);
  });
});
