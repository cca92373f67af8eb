import { expect, test } from 'vitest';
import { type KeyframeFacts, reasonToCut, reasonToEnd } from './segment-rules.ts';

const FINE: KeyframeFacts = {
  bytes: 1_000,
  durationMs: 1_000,
  holed: false,
  continues: true,
  room: { dir: '/a', reason: null, message: null },
  wanted: true,
  onEvent: false,
  steppedMs: 0,
  dir: '/a',
  sameShape: true,
};

test.each<[string, Partial<KeyframeFacts>, ReturnType<typeof reasonToEnd>]>([
  ['nothing has changed', {}, undefined],
  ['a minute', { durationMs: 60_000 }, 'full'],
  ['many bytes', { bytes: 2 ** 30 }, 'full'],
  ['other parameter sets', { sameShape: false }, 'full'],
  ['another directory', { dir: '/b' }, 'full'],
  ['the clock was set back', { steppedMs: -3_600_000 }, 'full'],
  ['the clock was set forward', { steppedMs: 3_600_000 }, 'clock'],
  ['a clock that was corrected a little', { steppedMs: 200 }, undefined],
  ['units are missing', { holed: true }, 'disk_slow'],
  ['the camera’s clock was set', { continues: false }, 'clock'],
  ['no room', { room: { dir: null, reason: 'disk_full', message: null } }, 'disk_full'],
  ['no room, and nobody says why', { room: { dir: null, reason: null, message: null } }, 'disk_failed'],
  ['the event is over', { wanted: false, onEvent: true, holed: true }, 'no_event'],
  ['another policy', { wanted: false }, 'not_recorded'],
])('before a keyframe: %s', (_, facts, reason) => {
  expect(reasonToEnd({ ...FINE, ...facts })).toBe(reason);
});

test('before any other picture only what cannot wait ends a segment', () => {
  expect(reasonToCut({ ...FINE, durationMs: 61_000 })).toBeUndefined();
  expect(reasonToCut({ ...FINE, durationMs: 601_000 })).toBe('not_recorded');
  expect(reasonToCut({ ...FINE, bytes: 2 ** 31 })).toBe('not_recorded');
  expect(reasonToCut({ ...FINE, holed: true })).toBe('disk_slow');
});
