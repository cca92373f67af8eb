import { seededRandom32 } from '@vigia/testkit';
import { describe, expect, test } from 'vitest';
import { CameraClock } from './camera-clock.ts';
import { Lateness } from './lateness.ts';
import { StampTremble } from './stamp-tremble.ts';

const INTERVAL_MS = 40;

/** Uniform in -1..1, reproducible. */
function noise(seed: number): () => number {
  const random = seededRandom32(seed);
  return () => random() / 2 ** 31 - 1;
}

/** Lateness of units at 25 a second, each with errors of its stamp and of its way. */
function latenessOf(
  count: number,
  { stampMs = () => 0, wayMs = () => 0 }: { stampMs?: (n: number) => number; wayMs?: (n: number) => number },
): { readonly ms: number[]; readonly lateness: Lateness } {
  const lateness = new Lateness(new CameraClock());
  const ms = Array.from({ length: count }, (_, n) => {
    const takenMs = 1_000 + n * INTERVAL_MS;
    return lateness.observe(takenMs + stampMs(n), takenMs + 5 + wayMs(n));
  });
  return { ms, lateness };
}

describe('time stamps that tremble', () => {
  test.each([1, 2, 3, 4, 5])('by up to 200 ms make no age too high once they are known, seed %d', (seed) => {
    const random = noise(seed);
    const { ms, lateness } = latenessOf(1_000, { stampMs: () => 200 * random() });
    expect(Math.max(...ms.slice(0, 64))).toBeGreaterThan(200);
    expect(Math.max(...ms.slice(128))).toBeLessThan(INTERVAL_MS + 60);
    // A mean of stamps is not exact: it says so.
    expect(lateness.hiddenMs).toBeGreaterThan(20);
  });

  test('hide no delay that comes later', () => {
    const random = noise(6);
    const { ms } = latenessOf(1_000, {
      stampMs: () => 200 * random(),
      wayMs: (n) => (n < 500 ? 0 : 700),
    });
    expect(Math.min(...ms.slice(580))).toBeGreaterThan(650);
    expect(Math.max(...ms.slice(580))).toBeLessThan(800);
  });

  test('nor one that was there when they were noticed', () => {
    const random = noise(9);
    const { ms } = latenessOf(300, {
      stampMs: (n) => (n < 50 ? 0 : 200 * random()),
      wayMs: (n) => (n < 45 ? 0 : 700),
    });
    expect(Math.min(...ms.slice(200))).toBeGreaterThan(600);
  });

  test('are forgotten when they are even again', () => {
    const random = noise(7);
    const { ms, lateness } = latenessOf(1_000, { stampMs: (n) => (n < 500 ? 200 * random() : 0) });
    expect(Math.max(...ms.slice(700))).toBeLessThan(1);
    expect(lateness.hiddenMs).toBe(new Lateness(new CameraClock()).hiddenMs);
  });
});

describe('is no trembling of the stamps:', () => {
  const watched = (stampMs: (n: number) => number, wayMs: (n: number) => number): boolean => {
    const tremble = new StampTremble();
    let noticed = false;
    for (let n = 0; n < 640; n += 1) {
      tremble.transit(n * INTERVAL_MS + stampMs(n), n * INTERVAL_MS + wayMs(n));
      noticed ||= tremble.trembles;
    }
    return noticed;
  };
  const random = noise(8);
  test.each([
    ['a network that delays at random', () => 0, () => 200 * (random() + 1)],
    // Decoding order I P B B: 0 3 1 2.
    ['B-frames', (n: number) => ([0, 2, -1, -1][n % 4] ?? 0) * INTERVAL_MS, () => 0],
    ['small errors', () => 10 * random(), () => 0],
    [
      'a camera that takes pictures unevenly',
      (n: number) => 150 * Math.sin(n * n),
      (n: number) => 150 * Math.sin(n * n),
    ],
    ['stamps of 90 kHz, rounded to milliseconds', (n: number) => (n % 3) / 3, () => 0],
  ])('%s', (_, stampMs, wayMs) => {
    expect(watched(stampMs, wayMs)).toBe(false);
  });
});
