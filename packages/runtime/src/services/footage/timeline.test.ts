import { expect, test } from 'vitest';
import type { SegmentRow } from './segment-row.ts';
import { gapsBetween, gapsWithin, partsBetween, spansOf, visibleParts } from './timeline.ts';

/** Seconds, for short lines. */
function row(order: number, from: number, to: number, more: Partial<SegmentRow> = {}): SegmentRow {
  const place = { camera: 'hall', dir: '/d', path: 'p', bytes: 1 };
  const state = { event: false, closed: true, read: true, gap: null };
  return { ...place, ...state, order, startMs: from * 1000, endMs: to * 1000, ...more };
}
const shown = (rows: readonly SegmentRow[]): (readonly [number, number, number])[] =>
  visibleParts(rows).map((part) => [part.row.order, part.fromMs / 1000, part.toMs / 1000]);

test('a clock that is set back: the later segment hides what it covers, wherever that is', () => {
  expect(shown([row(1, 0, 10), row(2, 10, 20)])).toEqual([
    [1, 0, 10],
    [2, 10, 20],
  ]);
  expect(shown([row(2, 4, 6), row(1, 0, 10)])).toEqual([
    [1, 0, 4],
    [2, 4, 6],
    [1, 6, 10],
  ]);
  expect(shown([row(1, 0, 10), row(2, 10, 20), row(3, 5, 15), row(4, 5, 15)])).toEqual([
    [1, 0, 5],
    [4, 5, 15],
    [2, 15, 20],
  ]);
  expect(shown([row(1, 5, 6), row(2, 0, 10), row(3, 20, 20)])).toEqual([[2, 0, 10]]);
});

test('random segments: parts do not overlap, and each moment shows the newest segment', () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 16_807) % 2_147_483_647) % below;
  for (let round = 0; round < 200; round += 1) {
    const rows = Array.from({ length: 12 }, (_, i) => {
      const from = random(40);
      return row(i + 1, from, from + random(12));
    });
    const parts = visibleParts(rows);
    for (const [i, part] of parts.entries()) expect(part.fromMs).toBeGreaterThanOrEqual(parts[i - 1]?.toMs ?? 0);
    for (let at = 500; at < 55_000; at += 1_000) {
      const covering = rows.filter(({ startMs, endMs }) => startMs <= at && at < endMs);
      const seen = parts.find(({ fromMs, toMs }) => fromMs <= at && at < toMs);
      expect(seen?.row.order).toBe(covering.length > 0 ? Math.max(...covering.map(({ order }) => order)) : undefined);
    }
  }
});

test('spans melt over a second at most, and never over a gap that a segment notes', () => {
  const gap = { reason: 'camera_away', sinceMs: 20_500 } as const;
  const parts = visibleParts([
    row(1, 0, 10),
    row(2, 11, 20.5),
    row(3, 21, 30, { gap }),
    row(4, 31.1, 40, { event: true }),
  ]);
  expect(spansOf(parts)).toEqual([
    { fromMs: 0, toMs: 20_500, event: false },
    { fromMs: 21_000, toMs: 30_000, event: false },
    { fromMs: 31_100, toMs: 40_000, event: true },
  ]);
  const mixed = visibleParts([row(1, 0, 10), row(2, 10, 20, { event: true }), row(3, 20, 30)]);
  expect(spansOf(mixed)).toEqual([{ fromMs: 0, toMs: 30_000, event: true }]);
  expect(spansOf(mixed, true).map(({ event }) => event)).toEqual([false, true, false]);
});

test('gaps: what a segment notes, a silence that none explains, what was removed, what lasts', () => {
  const away = { reason: 'camera_away', sinceMs: 10_000 } as const;
  const parts = visibleParts([
    row(1, 0, 10),
    row(2, 15, 20, { gap: away }),
    row(3, 21.9, 30),
    row(4, 32.1, 40),
    row(9, 100, 110),
    row(10, 110.5, 120, { gap: { reason: 'clock', sinceMs: null } }),
  ]);
  const open = { fromMs: 119_000, toMs: null, reason: 'disk_full' } as const;
  expect(gapsBetween(parts, open)).toEqual([
    { fromMs: 10_000, toMs: 15_000, reason: 'camera_away' },
    { fromMs: 30_000, toMs: 32_100, reason: 'node_down' },
    { fromMs: 40_000, toMs: 100_000, reason: 'removed' },
    { fromMs: 110_000, toMs: 110_500, reason: 'clock' },
    { fromMs: 120_000, toMs: null, reason: 'disk_full' },
  ]);
});

test('removed: up to where nothing was recorded; not said where that is not known, nor where the clock was set', () => {
  const after = (next: SegmentRow): readonly unknown[] => gapsBetween(visibleParts([row(5, 0, 10), next]), undefined);
  const away = (sinceMs: number | null): Partial<SegmentRow> => ({ gap: { reason: 'camera_away', sinceMs } });
  expect(after(row(9, 60, 70, away(50_000)))).toEqual([
    { fromMs: 10_000, toMs: 50_000, reason: 'removed' },
    { fromMs: 50_000, toMs: 60_000, reason: 'camera_away' },
  ]);
  const notedFromTheEnd = [{ fromMs: 10_000, toMs: 60_000, reason: 'camera_away' }];
  expect(after(row(9, 60, 70, away(10_000)))).toEqual(notedFromTheEnd);
  expect(after(row(9, 60, 70, away(4_000)))).toEqual(notedFromTheEnd);
  expect(after(row(9, 60, 70, away(null)))).toEqual([]);
  expect(after(row(9, 60, 70, { read: false }))).toEqual([]);
  expect(after(row(3, 60, 70))).toEqual([]);
  expect(after(row(9, 12, 20))).toEqual([]);
  expect(after(row(9, 12.1, 20))).toEqual([{ fromMs: 10_000, toMs: 12_100, reason: 'removed' }]);
  expect(after(row(6, 12.1, 20))).toEqual([{ fromMs: 10_000, toMs: 12_100, reason: 'node_down' }]);
});

test('parts and gaps are cut to a time range; a gap that lasts keeps lasting', () => {
  const parts = visibleParts([row(1, 0, 10), row(2, 10, 20)]);
  expect(partsBetween(parts, 5_000, 10_000).map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual([[5_000, 10_000]]);
  const gaps = [
    { fromMs: 0, toMs: 10, reason: 'clock' },
    { fromMs: 20, toMs: null, reason: 'no_event' },
  ] as const;
  expect(gapsWithin(gaps, 5, 30)).toEqual([
    { fromMs: 5, toMs: 10, reason: 'clock' },
    { fromMs: 20, toMs: null, reason: 'no_event' },
  ]);
  expect(gapsWithin(gaps, 10, 20)).toEqual([]);
});
