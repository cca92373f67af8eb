import { describe, expect, test } from 'vitest';
import { RtpTimeline } from '#core/media/rtsp';
import { CameraClock } from './camera-clock.ts';
import { Lateness } from './lateness.ts';
import { SourceInterval } from './source-interval.ts';

const S = 100;

function newLateness(clock = new CameraClock()): Lateness {
  return new Lateness(clock);
}

/** Feeds units of a 10 fps stream that arrive `delay(n)` ms after their time; returns the lateness of each. */
function run(count: number, delay: (n: number) => number, rtpOf = (n: number): number => (n * 9000) >>> 0): number[] {
  const lateness = newLateness();
  const timeline = new RtpTimeline();
  return Array.from({ length: count }, (_, n) =>
    lateness.observe(timeline.unwrap(rtpOf(n)) / 90, 1_000_000 + n * S + delay(n)),
  );
}

describe('lateness', () => {
  test('is the excess over the fastest transit, not the transit itself', () => {
    expect(run(10, () => 40).every((l) => l < 0.5)).toBe(true);
    expect(run(10, (n) => (n === 5 ? 300 : 40))[5]).toBeCloseTo(260, 0);
  });

  test('a backlog of 5 s that is read at once is fully counted as late', () => {
    // Units 20 to 69 lie in a socket while the process stands still and are read at the moment of unit 70.
    const late = run(80, (n) => (n >= 20 && n < 70 ? (70 - n) * S : 0));
    expect(late[20]).toBeGreaterThan(4_990);
    expect(late[69]).toBeGreaterThan(95);
    expect(late[75]).toBeLessThan(5);
    for (let n = 20; n < 70; n += 1) expect(late[n]).toBeGreaterThan((70 - n) * S - 5);
  });

  test('a camera clock that runs 100 ppm slow does not look like growing lateness', () => {
    const late = run(36_000, (n) => n * S * 100e-6);
    expect(Math.max(...late)).toBeLessThan(1);
  });

  test('continues across the wrap of the 32-bit clock', () => {
    const late = run(
      50,
      () => 0,
      (n) => (0xffff_ffff - 20 * 9000 + n * 9000) >>> 0,
    );
    expect(Math.max(...late)).toBeLessThan(0.5);
  });

  test('a camera clock that jumps back an hour resets the comparison instead of being an hour late', () => {
    const late = run(
      30,
      () => 0,
      (n) => (1_000_000_000 + n * 9000 - (n >= 10 ? 3600 * 90_000 : 0)) >>> 0,
    );
    expect(Math.max(...late)).toBeLessThan(0.5);
  });

  test('a jump forward is not lateness either', () => {
    expect(
      Math.max(
        ...run(
          30,
          () => 0,
          (n) => (n * 9000 + (n >= 10 ? 3600 * 90_000 : 0)) >>> 0,
        ),
      ),
    ).toBeLessThan(0.5);
  });
});

describe('a clock that is set', () => {
  test.each([-900, -300, -150])('back by %d ms: no lateness, where pictures come in order', (stepMs) => {
    const late = run(
      200,
      () => 0,
      (n) => (1_000_000_000 + (n * S + (n >= 100 ? stepMs : 0)) * 90) >>> 0,
    );
    expect(Math.max(...late)).toBeLessThan(1);
  });

  test('with B-frames a step back is their order, and their wait is lateness', () => {
    // Sent I P B B P B B: P runs ahead by three pictures.
    const lateness = newLateness();
    const order = [0, 3, 1, 2];
    const late = Array.from({ length: 120 }, (_, n) => {
      const shown = Math.floor(n / 3) * 3 + (order[(n % 3) + 1] as number);
      return lateness.observe(shown * S, 1_000_000 + n * S);
    });
    expect(late.slice(90).map(Math.round)).toEqual(late.slice(60, 90).map(Math.round));
    expect(Math.max(...late.slice(90))).toBeGreaterThan(S);
  });
});

describe('the source interval', () => {
  test('is the mean over the stream’s own clock, in any order', () => {
    const interval = new SourceInterval();
    expect(interval.ms).toBe(100);
    for (const pts of [0, 120, 40, 80, 240, 160, 200]) interval.observe(pts);
    expect(interval.ms).toBeCloseTo(40, 5);
  });

  test('follows a new frame rate, ignores a clock jump, keeps the last value over a reconnect', () => {
    const interval = new SourceInterval();
    for (let n = 0; n < 40; n += 1) interval.observe(n * 33.3);
    expect(interval.ms).toBeCloseTo(33.3, 1);
    interval.observe(3_600_000);
    expect(interval.ms).toBeCloseTo(33.3, 1);
    interval.reset();
    expect(interval.ms).toBeCloseTo(33.3, 1);
    for (let n = 0; n < 40; n += 1) interval.observe(5_000_000 + n * 100);
    expect(interval.ms).toBeCloseTo(100, 1);
  });
});
