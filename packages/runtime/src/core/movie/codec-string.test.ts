import { expect, test } from 'vitest';
import { codecStringOf } from './codec-string.ts';

/** A set of H.265, main profile: two of the bytes stand for emulation prevention. */
const HEVC = '000000014201010160000003009000000300000300 5da00280802d165aea924caf016a02020200';
const of = (codec: 'h264' | 'hevc', hex: string): string | undefined =>
  codecStringOf({ codec, sets: Buffer.from(hex.replaceAll(' ', ''), 'hex') });

test.each([
  ['high, level 3.1', 'h264', '00000001 6764001facd940500 00000001 68ebe3cb22c0', 'avc1.64001f'],
  ['main, behind a set of pictures', 'h264', '00000001 68ebe3cb22c0 00000001 674d401e9a', 'avc1.4d401e'],
  ['without one', 'h264', '00000001 68ebe3cb22c0', 'none'],
  ['cut off', 'h264', '00000001 6764', 'none'],
  ['main, level 3.1', 'hevc', HEVC, 'hvc1.1.6.L93.90'],
  ['main, high tier', 'hevc', HEVC.replace('42010101', '42010121'), 'hvc1.1.6.H93.90'],
  ['cut off', 'hevc', HEVC.slice(0, 24), 'none'],
] as const)('%s (%s)', (_what, codec, hex, name) => {
  expect(of(codec, hex) ?? 'none').toBe(name);
});
