import { expect, test } from 'vitest';
import { RecordingGap } from './recording-gap.ts';

function gaps(): { readonly gap: RecordingGap; readonly said: string[] } {
  const said: string[] = [];
  return { gap: new RecordingGap((sinceMs, reason) => said.push(`${reason} ${sinceMs}`)), said };
}

test('before the first segment nothing was recorded since the files end', () => {
  const { gap, said } = gaps();
  expect(gap.note).toEqual({ reason: 'node_down', since_ms: null });
  gap.lookBack(500);
  expect(gap.note).toEqual({ reason: 'node_down', since_ms: 500 });
  gap.begun();
  expect([gap.note, gap.reason]).toEqual([null, undefined]);
  expect(said).toEqual([]);
});

test('a segment that is followed by another one leaves no gap, unless that one cannot be written', () => {
  const { gap, said } = gaps();
  gap.begun();
  gap.ended(1_000, undefined);
  expect(gap.note).toBeNull();
  gap.lost('disk_full', 1_300);
  expect(gap.note).toEqual({ reason: 'disk_full', since_ms: 1_000 });
  gap.lost('disk_failed', 2_000);
  expect(gap.note).toEqual({ reason: 'disk_full', since_ms: 1_000 });
  expect(said).toEqual(['disk_full 1000']);
});

test('what is lost after a gap of another kind has its own reason', () => {
  const { gap, said } = gaps();
  gap.begun();
  gap.ended(1_000, 'no_event');
  gap.lost('read_only', 9_000);
  expect(gap.note).toEqual({ reason: 'read_only', since_ms: 9_000 });
  expect(said).toEqual(['no_event 1000', 'read_only 9000']);
});
