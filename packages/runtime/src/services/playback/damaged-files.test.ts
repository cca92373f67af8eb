import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError, VigiaError } from '@vigia/base';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Recordings } from '../../../test/support/recordings.ts';
import { readTarget } from './asked.ts';
import { parseRange } from './byte-range.ts';
import { planClip } from './clip-plan.ts';
import { clipBody } from './clips.ts';
import { partBody, partsOf } from './parts.ts';
import { decodePicture } from './picture-decoder.ts';
import { pathToKeyframe, pathToPicture } from './picture-finder.ts';
import { SegmentMaps } from './segment-maps.ts';

const START = Date.parse('2026-11-23T10:00:00Z');
const view = new Recordings(mkdtempSync(join(tmpdir(), 'vigia-damaged-')));
const wanted = { camera: 'hall', fromMs: START + 500, toMs: START + 3_500 };
const never = new AbortController().signal;
let seed = Math.floor(Math.random() * 2 ** 31);
let whole: Buffer;

beforeAll(() => {
  view.record('hall', { startMs: START, seconds: 2, sound: true });
  view.record('hall', { startMs: START + 2_000, seconds: 2, sound: true, scene: 2 });
  whole = readFileSync(path());
  process.stdout.write(`damaged files: seed ${seed}\n`);
});
afterAll(() => view.close());

const path = (): string => view.all.get('hall')?.[0]?.path ?? '';

function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

/** Bytes that say how a file is built: everything before the first fragment, and the `moof` of each. */
function structure(): number[] {
  const places: number[] = [];
  for (let at = 0; at + 8 <= whole.byteLength; at += whole.readUInt32BE(at)) {
    const size = whole.toString('latin1', at + 4, at + 8) === 'mdat' ? 8 : whole.readUInt32BE(at);
    for (let i = 0; i < size; i += 1) places.push(at + i);
  }
  return places;
}

/** Some bytes are other ones, or the file is cut, or both. */
function damage(places: readonly number[]): Buffer {
  const file = Buffer.from(whole);
  for (let n = 1 + random(4); n > 0; n -= 1) {
    const at = places[random(places.length)] ?? 0;
    file[at] = random(3) === 0 ? 0xff : random(256);
  }
  return random(4) === 0 ? file.subarray(0, random(file.byteLength)) : file;
}

/** What was made, or the code of a typed error. Any other error fails the test. */
async function outcome<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof VigiaError || error instanceof UsageError) return error.code;
    throw error;
  }
}

async function sent(body: { readonly bytes: number } & Pick<ReturnType<typeof clipBody>, 'send'>): Promise<number> {
  let bytes = 0;
  await body.send({ from: 0, to: body.bytes }, async (chunk) => {
    expect(chunk.byteLength).toBeLessThanOrEqual(512 * 1024);
    bytes += chunk.byteLength;
  });
  return bytes;
}

test('damaged segments: clips as long as they say, or a typed error; no crash, no hang', async () => {
  const places = structure();
  const outcomes = new Map<string, number>();
  for (let n = 0; n < 120; n += 1) {
    writeFileSync(path(), damage(places));
    const maps = new SegmentMaps();
    const clip = await outcome(async () => {
      const plan = await planClip(view, maps, wanted);
      expect(await sent(clipBody(plan, view, 'x'))).toBe(plan.bytes);
      return `${plan.extents.length} segments`;
    });
    outcomes.set(clip, (outcomes.get(clip) ?? 0) + 1);
    const parts = await outcome(() => partsOf(view, maps, wanted));
    for (const part of Array.isArray(parts) ? parts : []) {
      const name = {
        camera: 'hall',
        order: part.order,
        atMs: part.fromMs,
        from: part.from,
        to: part.to,
        zeroMs: START - 2_000,
      };
      const body = await outcome(() => partBody(view, maps, name));
      if (typeof body !== 'string') expect(await sent(body)).toBe(body.bytes);
    }
    for (const find of [pathToPicture, pathToKeyframe])
      await outcome(async () => decodePicture(await find(view, maps, 'hall', START + random(4_000)), 320, never));
  }
  writeFileSync(path(), whole);
  // Both segments could be used now and then, and sometimes only the other one.
  expect(outcomes.get('2 segments')).toBeGreaterThan(2);
  expect(outcomes.get('1 segments')).toBeGreaterThan(2);
});

/** The file with the third fragment changed. */
function changed(change: (file: Buffer, moof: number) => void): Buffer {
  const file = Buffer.from(whole);
  let moof = -1;
  for (let n = 0; n < 3; n += 1) moof = file.indexOf('moof', moof + 1);
  change(file, moof);
  return file;
}

test.each([
  ['a time of years later', (file: Buffer, moof: number) => file.writeUInt8(1, file.indexOf('tfdt', moof) + 10)],
  ['a time of 32 bits', (file: Buffer, moof: number) => file.writeUInt8(0, file.indexOf('tfdt', moof) + 4)],
  ['absolute offsets', (file: Buffer, moof: number) => file.writeUInt8(1, file.indexOf('tfhd', moof) + 7)],
  ['an unknown track', (file: Buffer, moof: number) => file.writeUInt8(9, file.indexOf('tfhd', moof) + 11)],
  ['no number', (file: Buffer, moof: number) => file.write('free', file.indexOf('mfhd', moof))],
  [
    'too many samples',
    (file: Buffer, moof: number) => file.write('0000000080000000', file.indexOf('trun', moof) + 4, 'hex'),
  ],
  ['a length beyond the end', (file: Buffer, moof: number) => file.writeUInt32BE(2 ** 30, moof - 4)],
])('a fragment with %s ends its segment', async (_, change) => {
  writeFileSync(path(), changed(change));
  const plan = await planClip(view, new SegmentMaps(), wanted);
  expect(await sent(clipBody(plan, view, 'x'))).toBe(plan.bytes);
  const [first, second] = plan.extents;
  expect(first?.to).toBe(whole.indexOf('moof', whole.indexOf('moof', whole.indexOf('moof') + 1) + 1) - 4);
  expect(second?.piece.order).toBe(2);
  writeFileSync(path(), whole);
});

test('a file that is cut by a byte after the clip was planned ends it with an error', async () => {
  const plan = await planClip(view, new SegmentMaps(), { ...wanted, toMs: START + 1_900 });
  writeFileSync(path(), whole.subarray(0, (plan.extents[0]?.to ?? 0) - 1));
  await expect(sent(clipBody(plan, view, 'x'))).rejects.toThrow('a recording was cut while it was sent');
  writeFileSync(path(), whole);
});

test('a file of another camera, or of another place in the order, is not used', async () => {
  const of = new SegmentMaps();
  const [piece] = view.all.get('hall') ?? [];
  if (!piece) throw new Error('no piece');
  expect(await of.of('hall', piece)).toBeDefined();
  expect(await of.of('yard', piece)).toBeUndefined();
  expect(await of.of('hall', { ...piece, order: 7 })).toBeUndefined();
  expect(await of.of('hall', { ...piece, path: `${piece.path}.gone` })).toBeUndefined();
  await expect(of.of('hall', { ...piece, path: view.dir })).rejects.toThrow(
    /a recording of hall cannot be read \(EISDIR\)/,
  );
});

test('a file that was moved after the index was asked is found again', async () => {
  const [first, second] = view.all.get('hall') ?? [];
  if (!first || !second) throw new Error('no pieces');
  let asked = 0;
  const moving = {
    gaps: () => [],
    resultFiles: () => [],
    cameras: () => ['hall'],
    pieces: () => [asked++ === 0 ? { ...first, path: `${first.path}.old` } : first, second],
  };
  expect((await planClip(moving, new SegmentMaps(), wanted)).extents.map(({ piece }) => piece.path)).toEqual([
    first.path,
    second.path,
  ]);
});

test('random targets and ranges: read, or refused', () => {
  const parts = [
    '/',
    'hall',
    'clip.mp4',
    '?',
    '&',
    'from=',
    'to=',
    '1',
    '9'.repeat(40),
    '%00',
    '%',
    '..',
    '=',
    '\u00e9',
    'T',
    '2026-11-23T10:00:00Z',
    '__proto__',
  ];
  for (let n = 0; n < 5_000; n += 1) {
    const text = Array.from({ length: random(9) }, () => parts[random(parts.length)]).join('');
    for (const target of [text, `/hall/clip.mp4?${text}`]) {
      try {
        const { parameters } = readTarget(target);
        const { fromMs, toMs } = parameters.allow(['from', 'to']).range();
        expect(toMs - fromMs).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(VigiaError);
      }
    }
    const range = parseRange(`bytes=${text}`, 1_000);
    if (typeof range === 'object') expect(range.from >= 0 && range.from < range.to && range.to <= 1_000).toBe(true);
  }
});
