import { FakeClock } from '@vigia/base';
import { describe, expect, test } from 'vitest';
import { Sampler } from './sampler.ts';

const BOOT = '01M81GZSCYHV1DFBG1T3ZG2KHA';
const FRAMES = Array.from({ length: 20_000 }, (_, i) => ({ boot: BOOT, camera: `c${i % 16}`, seq: 1 + (i >> 4) }));

function included(sample: number, frames = FRAMES): number {
  const sampler = new Sampler(sample, 1, new FakeClock());
  return frames.filter((frame) => sampler.includes(frame)).length;
}

describe('the share', () => {
  test('of 0 is nothing, of 1 everything', () => {
    expect(included(0)).toBe(0);
    expect(included(1)).toBe(FRAMES.length);
  });

  test.each([0.01, 0.1, 0.5])('of %d is about that', (sample) => {
    const found = included(sample);
    const expected = FRAMES.length * sample;
    // Five standard deviations.
    expect(Math.abs(found - expected)).toBeLessThan(5 * Math.sqrt(expected * (1 - sample)));
  });

  test('of every camera, and of the frames after a long time', () => {
    for (const camera of ['c1', 'c2', 'a-camera-with-a-long-name'])
      for (const from of [1, 1_000_000_000]) {
        const frames = Array.from({ length: 10_000 }, (_, i) => ({ boot: BOOT, camera, seq: from + i }));
        expect(included(0.1, frames)).toBeGreaterThan(850);
        expect(included(0.1, frames)).toBeLessThan(1150);
      }
  });

  test('is the same for all consumers of a frame, and in another run another one', () => {
    const chosen = (boot: string): number[] => {
      const sampler = new Sampler(0.1, 1, new FakeClock());
      return FRAMES.flatMap((frame, i) => (sampler.includes({ ...frame, boot }) ? [i] : []));
    };
    expect(chosen(BOOT)).toEqual(chosen(BOOT));
    expect(chosen(BOOT)).not.toEqual(chosen('01M81GZSCYHV1DFBG1T3ZG2KHB'));
  });

  test('two runs by turns', () => {
    const sampler = new Sampler(0.5, 1, new FakeClock());
    const other = new Sampler(0.5, 1, new FakeClock());
    for (const frame of FRAMES.slice(0, 200)) {
      const expected = other.includes(frame);
      sampler.includes({ ...frame, boot: 'another' });
      expect(sampler.includes(frame)).toBe(expected);
    }
  });
});

test('at most so many per second', () => {
  const clock = new FakeClock();
  const sampler = new Sampler(1, 3, clock);
  const admitted = (): number => [1, 2, 3, 4, 5].filter(() => sampler.admits()).length;
  expect(admitted()).toBe(3);
  clock.advance(999);
  expect(admitted()).toBe(0);
  clock.advance(1);
  expect(admitted()).toBe(3);
});
