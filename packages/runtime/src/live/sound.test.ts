import { expect, test } from 'vitest';
import { piecesOf, soundCodecOf, SoundStamps } from './sound.ts';

test('what WebRTC takes as it is: G.711 with one channel at 8 kHz', () => {
  const pcma = { codec: 'pcma', sampleRate: 8_000, channels: 1, config: undefined } as const;
  expect(soundCodecOf(pcma)).toBe('pcma');
  expect(soundCodecOf({ ...pcma, codec: 'pcmu' })).toBe('pcmu');
  for (const other of [{ codec: 'aac' }, { sampleRate: 16_000 }, { channels: 2 }] as const)
    expect(soundCodecOf({ ...pcma, ...other })).toBeUndefined();
  expect(soundCodecOf(undefined)).toBeUndefined();
});

test('stamps wrap', () => {
  const stamps = new SoundStamps(2 ** 32 - 100);
  const of = (ptsMs: number): number => stamps.of({ ptsMs, arrivedMs: ptsMs });
  expect([of(40), of(60), of(80)]).toEqual([2 ** 32 - 100, 60, 220]);
});

test('a large unit goes in pieces, each with the stamp of its first sample', () => {
  const unit = Buffer.from(Array.from({ length: 25 }, (_, i) => i));
  const pieces = [...piecesOf(unit, 2 ** 32 - 15, 10)];
  expect(pieces.map(({ stamp }) => stamp)).toEqual([2 ** 32 - 15, 2 ** 32 - 5, 5]);
  expect(Buffer.concat(pieces.map(({ data }) => data))).toEqual(unit);
  expect(pieces.map(({ data }) => data.byteLength)).toEqual([10, 10, 5]);
  expect([...piecesOf(Buffer.alloc(0), 1, 10)]).toEqual([]);
});
