import { spawnSync } from 'node:child_process';
import { h264Sps } from '@vigia/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nalEnd, nextNal } from './annex-b.ts';
import { PictureNeeds } from './picture-needs.ts';
import { withoutReordering } from './sps-without-reordering.ts';

const START = Buffer.from([0, 0, 0, 1]);
/** Everything that our own reader knows of an SPS. */
function facts(sps: Buffer): unknown {
  const data = Buffer.concat([START, sps]);
  const needs = new PictureNeeds('h264');
  const found: unknown[] = [];
  needs.some(data, (one) => found.push(one) < 0);
  return [found, needs.shownIn(data)];
}
const reordered = (sps: Buffer): number => new PictureNeeds('h264').reorderedIn(Buffer.concat([START, sps]));

test('any SPS: it says that nothing is reordered, and everything else as before', () => {
  const side = fc.integer({ min: 1, max: 512 }).map((blocks) => blocks * 32);
  const sps = fc.record({
    profile: fc.constantFrom(66, 77, 100),
    width: side,
    height: side,
    references: fc.integer({ min: 0, max: 16 }),
    frames: fc.boolean(),
    chroma: fc.constantFrom(0, 1, 2, 3),
  });
  fc.assert(
    fc.property(sps, fc.option(fc.integer({ min: 1, max: 16 }), { nil: undefined }), (options, depth) => {
      const before = h264Sps(depth === undefined ? options : { ...options, reordered: depth });
      const after = withoutReordering(before);
      expect(after?.[0]).toBe(before[0]);
      expect(facts(after as Buffer)).toEqual(facts(before));
      expect(reordered(after as Buffer)).toBe(0);
      // It says so now.
      expect(withoutReordering(after as Buffer)).toBeUndefined();
    }),
  );
});

// From the descriptions of cameras in the test data of retina: with timing, with and without a VUI.
test.each(['Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA==', 'Z2QAHqwsaoLA9puCgIKgAAADACAAAAMD0IAA', 'Z2QAM6zoAoALWQ=='])(
  'of a camera: %s',
  (text) => {
    const before = Buffer.from(text, 'base64');
    const after = withoutReordering(before) as Buffer;
    expect(facts(after)).toEqual(facts(before));
    expect(withoutReordering(after)).toBeUndefined();
    expect(after.indexOf(Buffer.from([0, 0, 0]))).toBe(-1);
  },
);

test('a decoder takes the new one: the same pictures come out', () => {
  const run = (args: string, input?: Buffer): Buffer => {
    const { stdout, stderr, status } = spawnSync('ffmpeg', args.split(' '), { input, maxBuffer: 64 * 1024 * 1024 });
    expect([status, String(stderr)]).toEqual([0, '']);
    return stdout;
  };
  // Its SPS allows B-pictures; there are none, because each picture is a keyframe.
  const encode = '-c:v libx264 -preset ultrafast -bf 2 -force_key_frames expr:1 -pix_fmt yuv420p';
  const stream = run(`-v error -f lavfi -i testsrc=size=128x96:rate=10:duration=2 ${encode} -f h264 pipe:1`);
  const parts: Buffer[] = [];
  let changed = 0;
  for (let at = nextNal(stream, 0); at >= 0; at = nextNal(stream, at)) {
    const nal = stream.subarray(at, nalEnd(stream, at));
    const end = nal.at(-1) === 0 ? nal.byteLength - 1 : nal.byteLength;
    const other = withoutReordering(nal.subarray(0, end));
    if (other) changed += 1;
    parts.push(START, other ?? nal.subarray(0, end));
  }
  expect(changed).toBeGreaterThan(0);
  const sums = (data: Buffer): string => String(run('-v error -f h264 -i pipe:0 -f framemd5 pipe:1', data));
  expect(sums(Buffer.concat(parts))).toBe(sums(stream));
});

test('what is no SPS, or is cut off, stays', () => {
  expect(withoutReordering(Buffer.from([0x68, 1, 2]))).toBeUndefined();
  expect(withoutReordering(Buffer.alloc(0))).toBeUndefined();
  expect(withoutReordering(Buffer.alloc(10_000, 0x67))).toBeUndefined();
  const whole = Buffer.from('Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA==', 'base64');
  for (let length = 1; length < 8; length += 1) expect(withoutReordering(whole.subarray(0, length))).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void withoutReordering(Buffer.from([0x67, ...bytes]))),
  );
});
