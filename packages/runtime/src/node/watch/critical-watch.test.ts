import { FakeClock } from '@vigia/base';
import type { CameraReport, ConsumerReport } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { CriticalWatch } from './critical-watch.ts';
import type { Plan } from '#node/plan';

const OK = { camera: 'ward', consumer: 'falls', status: 'ok' } as const;

function plan(sla: string, fps = 5): Plan {
  return { cameras: [{ camera: 'ward', consumers: [{ id: 'falls', sla, fps }] }] } as unknown as Plan;
}

function report(more: Partial<ConsumerReport> = {}, state = 'live', breaching = true): CameraReport {
  const falls = { state: 'running', reason: null, sla_window: { breaching }, ...more };
  return { state, consumers: { falls } } as unknown as CameraReport;
}

describe('a blind critical consumer', () => {
  test('is reported after 10 s without an ok result, with the reason', () => {
    const clock = new FakeClock();
    const watch = new CriticalWatch(clock);
    watch.record(OK);
    clock.advance(9_999);
    expect(watch.blind(plan('critical'), () => report())).toEqual([]);
    clock.advance(1);
    watch.record({ ...OK, status: 'error' });
    expect(watch.blind(plan('critical'), () => report({ reason: 'answers none, though frames come' }))).toMatchObject([
      {
        code: 'blind',
        message:
          'ward/falls: critical, and has seen nothing for 10 s though its camera is live; it answers none, though frames come',
      },
    ]);
    watch.record(OK);
    expect(watch.blind(plan('critical'), () => report())).toEqual([]);
  });

  test('with a slow gate has three intervals', () => {
    const clock = new FakeClock();
    const watch = new CriticalWatch(clock);
    watch.record(OK);
    clock.advance(29_999);
    expect(watch.blind(plan('critical', 0.1), () => report())).toEqual([]);
    clock.advance(1);
    expect(watch.blind(plan('critical', 0.1), () => report())).toHaveLength(1);
  });

  test.each([
    ['stalled', { ...report({}, 'stalled', false), reason: 'stalled' }, 'is stalled (stalled)'],
    ['refused', { ...report({}, 'waiting', false), reason: 'refused' }, 'is waiting (refused)'],
    ['connecting', { ...report({}, 'connecting', false), reason: null }, 'is connecting'],
    ['silent', undefined, 'is silent'],
  ])('is reported after 10 s when its camera is %s, whether or not it has seen anything', (_, seen, text) => {
    for (const before of [false, true]) {
      const clock = new FakeClock();
      const watch = new CriticalWatch(clock);
      const of = plan('critical');
      if (before) watch.record(OK);
      expect(watch.blind(of, () => seen)).toEqual([]);
      clock.advance(9_999);
      expect(watch.blind(of, () => seen)).toEqual([]);
      clock.advance(1);
      const since = before ? 'has last seen something 10 s ago' : 'has never seen anything';
      const message = `ward/falls: critical, and ${since}: its camera ${text}, and was not steady for 10 s`;
      expect(watch.blind(of, () => seen)).toMatchObject([{ code: 'blind', message }]);
      expect(watch.blind(of, () => report({}, 'live', false))).toEqual([]);
    }
  });

  test('is reported while its camera is live only for a moment after each connection, and not after one loss', () => {
    const clock = new FakeClock();
    const watch = new CriticalWatch(clock);
    const blind = (state: string, ms: number): number => {
      let count = 0;
      for (let at = 0; at < ms; at += 1_000) {
        if (state === 'live') watch.record(OK);
        count = watch.blind(plan('critical'), () => report({}, state, false)).length;
        clock.advance(1_000);
      }
      return count;
    };
    expect([blind('connecting', 8_000), blind('live', 20_000)]).toEqual([0, 0]);
    expect([blind('stalled', 8_000), blind('live', 5_000)]).toEqual([0, 0]);
    expect([blind('stalled', 3_000), blind('live', 5_000), blind('waiting', 1_000)]).toEqual([1, 1, 1]);
    expect([blind('live', 10_000), blind('live', 1_000)]).toEqual([1, 0]);
  });

  test.each([2_000, 9_000])('counts from the first loss of a camera that was live for %i ms at first', (liveMs) => {
    const clock = new FakeClock();
    const watch = new CriticalWatch(clock);
    const blind = (state: string): number => watch.blind(plan('critical'), () => report({}, state, false)).length;
    expect(blind('connecting')).toBe(0);
    clock.advance(5_000);
    expect(blind('live')).toBe(0);
    clock.advance(liveMs);
    expect(blind('connecting')).toBe(0);
    clock.advance(9_999);
    expect(blind('connecting')).toBe(0);
    clock.advance(1);
    expect(blind('connecting')).toBe(1);
  });

  test('is reported when it has never had a result', () => {
    const [problem] = new CriticalWatch(new FakeClock()).blind(plan('critical'), () => report());
    expect(problem?.message).toContain('has never seen anything');
  });

  test.each([
    ['another class', plan('high'), report()],
    ['its SLA is kept', plan('critical'), report({}, 'live', false)],
    ['its camera has given nothing for a moment', plan('critical'), report({}, 'stalled')],
    ['its worker has failed, which is told already', plan('critical'), report({ state: 'failed' })],
    ['its camera is gone', plan('critical'), undefined],
  ])('is none: %s', (_, of, seen) => {
    expect(new CriticalWatch(new FakeClock()).blind(of, () => seen)).toEqual([]);
  });
});
