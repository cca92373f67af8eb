import { describe, expect, test } from 'vitest';
import type { ClockReport } from '#core/media';
import { CameraClock } from './camera-clock.ts';
import { Lateness } from './lateness.ts';

const S = 100;

function newLateness(clock = new CameraClock()): Lateness {
  return new Lateness(clock);
}

describe('sender reports', () => {
  /** A report that says: at this moment the stream's clock stood here. */
  const reportAt = (ms: number, ptsMs: number, wallMs = ms, roundTripMs: number | undefined = 2): ClockReport => ({
    ptsMs,
    wallMs,
    arrivedMs: ms,
    roundTripMs,
  });

  test('show the delay inside the camera: its encoder is part of the age', () => {
    const lateness = newLateness();
    // Pictures leave 80 ms after they were made; the report is as old as the way, which is nothing here.
    expect(lateness.observe(0, 1080)).toBe(0);
    lateness.report(reportAt(1100, 100));
    expect(lateness.observe(100, 1180)).toBeCloseTo(80, 1);
  });

  test('a burst of old pictures after connecting is old', () => {
    const lateness = newLateness();
    lateness.observe(0, 10_000);
    lateness.report(reportAt(10_000, 390));
    expect(lateness.observe(100, 10_000)).toBeCloseTo(290, 0);
    expect(lateness.observe(1000, 10_100)).toBeCloseTo(0, 0);
  });

  test('that are unrelated to the pictures are ignored', () => {
    const lateness = newLateness();
    lateness.observe(0, 1000);
    lateness.report(reportAt(1000, 990));
    lateness.report(reportAt(1000, 5_000_000));
    lateness.report(reportAt(1001, -5_000_000));
    expect(lateness.observe(100, 1100)).toBeLessThan(0.1);
  });

  test.each([450, 1500, 3000, 9000])('show a constant delay of %d ms in full', (delayMs) => {
    const lateness = newLateness();
    for (let ms = 0; ms <= 20_000; ms += S) {
      const late = lateness.observe(ms - delayMs, ms);
      if (ms > 0) expect([late, lateness.hiddenMs]).toEqual([expect.closeTo(delayMs, -1), 0]);
      if (ms % 5000 === 0) lateness.report(reportAt(ms, ms));
    }
  });

  test('one wrong report is contradicted by the next; the third is believed again', () => {
    const lateness = newLateness();
    const at = (ms: number): number => lateness.observe(ms, ms);
    at(0);
    lateness.report(reportAt(10, 4010, 10));
    expect([Math.round(at(100)), lateness.hiddenMs]).toEqual([4000, 0]);
    lateness.report(reportAt(5000, 5000));
    expect([at(5100), lateness.hiddenMs]).toEqual([0, Number.POSITIVE_INFINITY]);
    lateness.report(reportAt(10_000, 10_000));
    expect([at(10_100), lateness.hiddenMs]).toEqual([0, 0]);
  });

  test('a report that repeats the time of the last picture says nothing', () => {
    const lateness = newLateness();
    lateness.observe(0, 1000);
    lateness.report(reportAt(1000, 0));
    expect(lateness.hiddenMs).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([0, 0.1, 0.5, 3])(
    'a stream’s clock that runs at %d times its rate is none: nothing is late, nothing certain',
    (rate) => {
      const lateness = newLateness();
      let late = 0;
      for (let ms = 0; ms <= 60_000; ms += S) {
        late = lateness.observe(ms * rate, ms);
        if (ms % 5000 === 1000) lateness.report(reportAt(ms + 1, (ms + 1) * rate));
      }
      expect([late, lateness.hiddenMs]).toEqual([0, Number.POSITIVE_INFINITY]);
    },
  );

  describe.each([200, 500, 900, 1000, 1500])('reports about every %d ms', (everyMs) => {
    /** A minute of a stream; reports are early or late by some milliseconds. Returns what changes after ten seconds. */
    function judge(rate: number, clock = new CameraClock(), jitterMs = 40, wallRate = 1): Set<string> {
      const lateness = newLateness(clock);
      const seen = new Set<string>();
      for (let ms = 0, nextMs = 0, n = 0; ms <= 60_000; ms += S / 2) {
        const late = Math.round(lateness.observe(ms * rate, ms) / 50);
        if (ms > 10_000) seen.add(`${late} ${lateness.hiddenMs}`);
        if (ms < nextMs) continue;
        n += 1;
        nextMs += everyMs;
        const atMs = ms + 1 + ((n * 13) % jitterMs);
        lateness.report(reportAt(atMs, (ms + 1) * rate, 1e9 + (ms + 1) * wallRate));
      }
      return seen;
    }

    test.each([0, 0.1, 0.5, 3])('a clock at %d times its rate is found, and stays found', (rate) => {
      expect([...judge(rate)]).toEqual(['0 Infinity']);
    });

    test('a way that differs from report to report shows neither', () => {
      expect([...judge(0.1, new CameraClock(), 120)]).toEqual(['0 Infinity']);
    });

    test('once the stream’s clock is right again, it may be the wall clock that is wrong', () => {
      const clock = new CameraClock();
      judge(0.1, clock);
      expect(clock.isRateWrong).toBe(true);
      judge(1, clock, 40, 3);
      expect(clock.isRateWrong).toBe(false);
    });

    test('a clock that is right stays so, and is known beside one that was wrong', () => {
      expect([...judge(1)]).toEqual(['0 0']);
      const clock = new CameraClock();
      judge(0.1, clock);
      expect([...judge(1, clock)]).toEqual(['0 0']);
    });

    test('a clock that is found wrong is not taken for a wall clock that was set', () => {
      const clock = new CameraClock();
      judge(1, clock);
      const known = clock.leastAt(0);
      judge(0.1, clock);
      expect(clock.leastAt(0)).toBe(known);
    });
  });

  test('without reports time stamps that stand still are none; they count again when they move', () => {
    const lateness = newLateness();
    for (let ms = 0; ms < 1000; ms += S) lateness.observe(ms, ms);
    for (let ms = 1000; ms < 2200; ms += S) lateness.observe(900, ms);
    expect(lateness.observe(900, 60_000)).toBe(0);
    expect(lateness.observe(1000, 60_100)).toBeGreaterThan(1000);
  });

  test('without any, ages are uncertain, and so they are after the stream’s clock has jumped', () => {
    const lateness = newLateness();
    lateness.observe(0, 1000);
    expect(lateness.hiddenMs).toBe(Number.POSITIVE_INFINITY);
    lateness.report(reportAt(1050, 50));
    expect(lateness.hiddenMs).toBe(0);
    lateness.observe(3_600_000, 1100);
    expect(lateness.hiddenMs).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    ['a way of 300 ms may hide as much', 300, 300],
    ['an unknown way may hide anything', undefined, Number.POSITIVE_INFINITY],
  ])('%s', (_, roundTripMs, hidden) => {
    const lateness = newLateness();
    lateness.observe(0, 1000);
    lateness.report({ ...reportAt(1050, 50), roundTripMs });
    expect(lateness.hiddenMs).toBe(hidden);
  });

  describe('after a reconnect', () => {
    /** Ten seconds of a camera whose pictures and reports take `delayMs`; returns the last lateness. */
    function connection(clock: CameraClock, beginMs: number, delayMs: number, roundTripMs = 2, wallShiftMs = 0) {
      const lateness = newLateness(clock);
      let late = 0;
      for (let ms = beginMs; ms <= beginMs + 10_000; ms += S) {
        late = lateness.observe(ms - beginMs, ms + delayMs);
        if (ms % 5000 === 0)
          lateness.report(reportAt(ms + 1 + delayMs, ms + 1 - beginMs, 1e9 + ms + 1 + wallShiftMs, roundTripMs));
      }
      return { late: Math.round(late), hidden: Math.round(lateness.hiddenMs) };
    }

    test('what holds up pictures and reports alike is seen by the camera’s wall clock', () => {
      const clock = new CameraClock();
      expect(connection(clock, 0, 5)).toEqual({ late: 0, hidden: 0 });
      // The way is slow too: it explains the delay.
      expect(connection(clock, 20_000, 3_000, 3_000)).toMatchObject({ late: expect.closeTo(2_993, -1), hidden: 0 });
      // The way is fast: a relay, or a clock that was set. Nobody knows.
      expect(connection(clock, 40_000, 3_000)).toMatchObject({ late: 0, hidden: expect.closeTo(3_240, -1) });
      expect(connection(clock, 60_000, 5)).toEqual({ late: 0, hidden: 0 });
    });

    test('what holds them up a little longer each time is noticed, however often it happens', () => {
      const clock = new CameraClock();
      expect(connection(clock, 0, 5)).toEqual({ late: 0, hidden: 0 });
      for (let n = 1; n <= 15; n += 1) {
        const { late, hidden } = connection(clock, n * 20_000, 5 + n * 200);
        expect([n, late + hidden]).toEqual([n, expect.toSatisfy((ms: number) => ms >= n * 200 - 20)]);
      }
      expect(connection(clock, 400_000, 5)).toEqual({ late: 0, hidden: 0 });
    });

    test('and so it is for as long as it lasts, and after the stream’s clock has jumped', () => {
      const clock = new CameraClock();
      connection(clock, 0, 5);
      const lateness = newLateness(clock);
      for (let ms = 20_000; ms <= 4_000_000; ms += 1000) {
        const ptsMs = ms > 2_000_000 ? ms - 3_600_000 : ms;
        lateness.observe(ptsMs, ms + 205);
        if (ms % 5000 === 0) lateness.report(reportAt(ms + 206, ptsMs + 1, 1e9 + ms + 1));
        if (ms % 5000 === 0) expect([ms, Math.round(lateness.hiddenMs / 20)]).toEqual([ms, 10]);
      }
      expect(connection(clock, 4_010_000, 205).hidden).toBeGreaterThan(170);
    });

    test('what begins to hold them up while the connection lasts is no drift', () => {
      const clock = new CameraClock();
      const lateness = newLateness(clock);
      for (let ms = 0; ms <= 4_000_000; ms += 1000) {
        const heldMs = ms > 2_000_000 ? 205 : 5;
        lateness.observe(ms, ms + heldMs);
        if (ms % 5000 === 0) lateness.report(reportAt(ms + 1 + heldMs, ms + 1, 1e9 + ms + 1));
      }
      expect(connection(clock, 4_010_000, 205).hidden).toSatisfy((ms: number) => ms > 180 && ms <= 200);
    });

    test('what begins to hold them up when the stream’s clock jumps is noticed', () => {
      const clock = new CameraClock();
      const lateness = newLateness(clock);
      for (let ms = 0; ms <= 20_000; ms += 1000) {
        const [ptsMs, heldMs] = ms > 10_000 ? [ms - 3_600_000, 205] : [ms, 5];
        lateness.observe(ptsMs, ms + heldMs);
        if (ms % 5000 === 0) lateness.report(reportAt(ms + 1 + heldMs, ptsMs + 1, 1e9 + ms + 1));
      }
      expect(lateness.hiddenMs).toBeCloseTo(200, -1);
    });

    test.each([3_000, -3_000])(
      'a wall clock that is set by %d ms while the connection lasts hides nothing',
      (setMs) => {
        const clock = new CameraClock();
        const lateness = newLateness(clock);
        for (let ms = 0; ms <= 600_000; ms += 1000) {
          lateness.observe(ms, ms + 5);
          const wallMs = 1e9 + ms + 1 + (ms > 200_000 ? setMs : 0);
          if (ms % 5000 === 0) lateness.report(reportAt(ms + 6, ms + 1, wallMs));
          if (ms % 5000 === 0) expect([ms, lateness.hiddenMs]).toEqual([ms, 0]);
        }
        expect(connection(clock, 610_000, 205, 2, setMs).hidden).toBeCloseTo(198, 0);
      },
    );

    test('jitter of the reports by 20 ms hides nothing', () => {
      const clock = new CameraClock();
      expect(connection(clock, 0, 5)).toMatchObject({ hidden: 0 });
      expect(connection(clock, 15_000, 25)).toMatchObject({ hidden: 0 });
      for (let n = 2; n < 30; n += 1)
        expect(connection(clock, n * 20_000, 5 + ((n * 13) % 21))).toMatchObject({ hidden: 0 });
    });

    test.each([-100e-6, -20e-6, 20e-6, 100e-6])(
      'a wall clock that runs off by %d is known by its drift after hours',
      (drift) => {
        const clock = new CameraClock();
        const wallAt = (ms: number): number => 1e9 + ms * (1 + drift);
        for (const beginMs of [0, 20_000_000, 40_000_000]) {
          const lateness = newLateness(clock);
          for (let ms = beginMs; ms <= beginMs + 19_900_000; ms += 5000) {
            const ptsMs = (ms - beginMs) * (1 + drift);
            const jitterMs = (ms / 5000) % 7;
            lateness.observe(ptsMs, ms + 5);
            lateness.report(reportAt(ms + 5 + jitterMs, ptsMs + 1e-3, wallAt(ms)));
            expect([ms, lateness.hiddenMs]).toEqual([ms, 0]);
          }
        }
      },
    );

    test('a clock that was set by an hour is another clock', () => {
      const clock = new CameraClock();
      for (const shiftMs of [0, -3_600_000, 3_600_000, 0])
        expect(connection(clock, 0, 5, 2, shiftMs)).toEqual({ late: 0, hidden: 0 });
    });
  });

  test('measure the drift: a camera clock 150 ppm slow, with a real backlog growing at 150 ppm beside it', () => {
    const judge = (slow: number, queue: number): number => {
      const lateness = newLateness();
      let late = 0;
      for (let ms = 0; ms <= 1_800_000; ms += 1000) {
        const streamMs = ms * (1 - slow);
        if (ms % 5000 === 0) lateness.report(reportAt(ms + ms * queue, streamMs, ms));
        late = lateness.observe(streamMs, ms + ms * queue);
      }
      return late;
    };
    expect(judge(150e-6, 0)).toBeLessThan(5);
    // 270 ms of queue after half an hour; without reports all of it would pass for drift.
    expect(judge(150e-6, 150e-6)).toBeGreaterThan(150);
  });

  test('a camera whose wall clock is set gives no drift, and a stream clock that jumps resets the measurement', () => {
    const lateness = newLateness();
    for (let ms = 0; ms <= 300_000; ms += 1000) {
      const wallMs = ms + (ms > 150_000 ? 3_600_000 : 0);
      lateness.report(reportAt(ms, ms, wallMs));
      expect(lateness.observe(ms, ms)).toBeLessThan(1);
    }
    expect(Math.abs(lateness.driftPpm ?? 0)).toBeLessThan(1);
    expect(lateness.observe(300_000 + 3_600_000, 301_000)).toBe(0);
    expect(lateness.observe(300_000 - 3_600_000, 302_000)).toBe(0);
  });
});
