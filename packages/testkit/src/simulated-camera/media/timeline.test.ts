import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeClip } from '../../../test/clips.ts';
import { LoopTimeline } from './timeline.ts';

const counters = Array.from({ length: 40 }, (_, i) => i);

describe('LoopTimeline', () => {
  it('never goes back, over the border of rounds, at any rate', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.5, max: 240, noNaN: true }), fc.boolean(), (fps, bFrames) => {
        const timeline = new LoopTimeline(fakeClip({ units: 7, bFrames }), fps);
        const entries = counters.map((counter) => timeline.at(counter));
        const pts = entries.map((entry) => entry.ptsTicks);
        for (const [i, entry] of entries.slice(1).entries())
          expect(entry.dtsTicks).toBeGreaterThan(entries[i]?.dtsTicks ?? 0);
        expect(new Set(pts).size).toBe(pts.length);
        if (!bFrames) expect(pts).toEqual([...pts].sort((a, b) => a - b));
      }),
    );
  });

  it('shows pictures at even distances with B-frames, also over the border', () => {
    const timeline = new LoopTimeline(fakeClip({ units: 7, keyframeEvery: 7, bFrames: true }));
    const pts = counters.slice(0, 21).map((counter) => timeline.at(counter).ptsTicks / 9000);
    expect(pts.sort((a, b) => a - b)).toEqual(counters.slice(1, 22));
  });

  it('does not drift: after a day at 29.97 fps it is exact', () => {
    const timeline = new LoopTimeline(fakeClip({ units: 5 }), 30_000 / 1001);
    expect(timeline.at(30_000 * 86).dtsTicks).toBe(1001 * 86 * 90_000);
  });

  it('finds the next keyframe', () => {
    const timeline = new LoopTimeline(fakeClip({ units: 7, keyframeEvery: 3 }), 30);
    for (const ticks of [0, 1, 3000, 9000, 9001, 18_000, 18_001, 21_000, 1_000_000]) {
      const found = timeline.keyframeAtOrAfter(ticks);
      expect(timeline.at(found).unit.keyframe).toBe(true);
      expect(timeline.at(found).dtsTicks).toBeGreaterThanOrEqual(ticks);
      const before = Array.from({ length: found }, (_, i) => timeline.at(i));
      expect(before.some((entry) => entry.unit.keyframe && entry.dtsTicks >= ticks)).toBe(false);
    }
  });
});
