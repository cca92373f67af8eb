import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VigiaError } from '@vigia/base';
import type { FrameMetadata } from '@vigia/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConnectionFrames, type OpenSegment, type SegmentReader, type SlotView } from './connection-frames.ts';
import { FrameRoots } from './frame-roots.ts';
import { packedLayout, type RawFrame } from './raw-frame.ts';

const PIXELS = Uint8Array.from({ length: 12 }, (_, i) => i);
let allowed = '';
let outside = '';

beforeAll(() => {
  const base = mkdtempSync(join(tmpdir(), 'vigia-frames-'));
  allowed = join(base, 'allowed');
  outside = join(base, 'outside');
  for (const dir of [allowed, outside]) mkdirSync(dir);
  writeFileSync(join(allowed, 'ok.rgb'), PIXELS);
  writeFileSync(join(allowed, 'short.rgb'), PIXELS.subarray(1));
  writeFileSync(join(outside, 'secret.rgb'), PIXELS);
  symlinkSync(join(outside, 'secret.rgb'), join(allowed, 'link.rgb'));
  symlinkSync(outside, join(allowed, 'folder'));
  symlinkSync(join(outside, 'nothing'), join(allowed, 'dangling.rgb'));
  symlinkSync(join(allowed, 'ok.rgb'), join(allowed, 'inner.rgb'));
  linkSync(join(allowed, 'ok.rgb'), join(allowed, 'hard.rgb'));
  execFileSync('mkfifo', [join(allowed, 'pipe.rgb')]);
});
afterAll(() => rmSync(join(allowed, '..'), { recursive: true }));

const meta = (more: Partial<FrameMetadata> = {}): FrameMetadata => ({
  frame_id: 1,
  width: 2,
  height: 2,
  format: 'RGB24',
  ...more,
});

function frames(openSegment: OpenSegment = () => expect.fail('no segment is expected')): ConnectionFrames {
  return new ConnectionFrames({ roots: new FrameRoots([allowed]), openSegment });
}

function look(
  source: ConnectionFrames,
  request: Parameters<ConnectionFrames['use']>[0],
): { code: string; message: string; pixels: number[]; frame: RawFrame | undefined } {
  let pixels: number[] = [];
  let seen: RawFrame | undefined;
  const use = source.use(request, (frame) => {
    seen = frame;
    pixels = [...frame.pixels];
  });
  const { code, message } = use.status === 'ok' ? { code: 'ok', message: '' } : use;
  return { code, message, pixels, frame: seen };
}

function read(reference: string, more: Partial<FrameMetadata> = {}): ReturnType<typeof look> {
  return look(frames(), { frame_reference: reference, frame_metadata: meta(more) });
}

test('a plain file is lent unchanged, in any format', () => {
  expect(read(join(allowed, 'ok.rgb'))).toMatchObject({ code: 'ok', pixels: [...PIXELS] });
  expect(read(join(allowed, 'ok.rgb'), { format: 'BGR24' })).toMatchObject({ code: 'ok', frame: { format: 'BGR24' } });
  expect(read(join(allowed, 'ok.rgb'), { format: 'GRAY8', width: 3, height: 4 }).code).toBe('ok');
  expect(read(join(allowed, 'ok.rgb'), { format: 'NV12', width: 4, height: 2 }).frame?.planes).toEqual([
    { offset: 0, stride: 4 },
    { offset: 8, stride: 4 },
  ]);
  expect(read(join(allowed, 'hard.rgb')).code).toBe('ok');
  expect(read(join(allowed, 'inner.rgb')).code).toBe('ok');
});

test('odd sizes have rounded-up chroma', () => {
  expect(packedLayout('I420', 3, 1)).toEqual({
    planes: [
      { offset: 0, stride: 3 },
      { offset: 3, stride: 2 },
      { offset: 5, stride: 2 },
    ],
    byteLength: 7,
  });
  expect(packedLayout('NV12', 3, 3).byteLength).toBe(9 + 8);
});

test.each([
  ['link.rgb', 'frame_invalid'],
  // Like the one above: the answer does not reveal whether its target exists.
  ['dangling.rgb', 'frame_invalid'],
  ['folder/secret.rgb', 'frame_invalid'],
  ['../outside/secret.rgb', 'frame_invalid'],
  ['short.rgb', 'frame_invalid'],
  ['pipe.rgb', 'frame_invalid'],
  ['.', 'frame_invalid'],
  ['none.rgb', 'frame_not_found'],
  ['ok.rgb/below', 'frame_invalid'],
])('the reference %s is answered with %s', (name, code) => {
  expect(read(`${allowed}/${name}`).code).toBe(code);
});

test.each(['/etc/passwd', '/etc/does-not-exist', 'relative.rgb', '/dev/shm', '/proc/self/mem', '/dev/shm/a\0b'])(
  'what is outside is refused without being looked at: %s',
  (reference) => expect(read(reference).code).toBe('frame_invalid'),
);

test('a file that is not one packed frame, or lines that are not packed, are refused with the numbers', () => {
  expect(read(join(allowed, 'ok.rgb'), { width: 640 }).message).toMatch(/has 12 bytes, one packed frame has 3840$/);
  expect(read(join(allowed, 'ok.rgb'), { strides: [8] }).message).toContain('lines of 8 bytes were announced');
  expect(read(join(allowed, 'ok.rgb'), { offset: 0 }).code).toBe('frame_invalid');
});

test('announcing a huge frame allocates nothing', () => {
  const { message } = read(join(allowed, 'ok.rgb'), { width: 16_384, height: 16_384 });
  expect(message).toContain('a frame of 805306368 bytes');
});

function track(list: FakeSegment[], segment: FakeSegment): FakeSegment {
  list.push(segment);
  return segment;
}

class FakeSegment implements SegmentReader {
  readonly epoch: bigint;
  readonly slots = 4;
  closed = false;
  /** Whether the writer overtakes the reading of a slot. */
  torn = false;
  shape: SlotView['shape'] = {
    width: 2,
    height: 2,
    format: 'RGB24',
    planes: [{ offset: 0, stride: 6 }],
    byteLength: 12,
  };
  constructor(epoch: bigint) {
    this.epoch = epoch;
  }
  view(number: number, generation: number): SlotView | undefined {
    return generation === 2 ? { frameId: 1, shape: this.shape, pixels: new Uint8Array(12).fill(number) } : undefined;
  }
  holds(): boolean {
    return !this.torn;
  }
  close(): void {
    this.closed = true;
  }
}

const slot = (
  path: string,
  epoch: string,
  more: Partial<FrameMetadata> = {},
): Parameters<ConnectionFrames['use']>[0] => ({
  frame_reference: path,
  frame_metadata: meta({ slot: 1, generation: '2', epoch, ...more }),
});

test('a segment is mapped once per epoch, and retired with a new epoch or the connection', () => {
  const opened: FakeSegment[] = [];
  let epoch = 7n;
  const source = frames(() => track(opened, new FakeSegment(epoch)));
  const path = join(allowed, 'ok.rgb');
  const code = (request: Parameters<ConnectionFrames['use']>[0]): string => look(source, request).code;
  expect(code(slot(path, '7'))).toBe('ok');
  expect(look(source, slot(path, '7')).pixels[0]).toBe(1);
  expect(opened).toHaveLength(1);
  expect(code(slot(path, '7', { generation: '4' }))).toBe('frame_expired');
  expect(code(slot(path, '7', { generation: '3' }))).toBe('frame_invalid');
  expect(code(slot(path, '7', { slot: 9 }))).toBe('frame_invalid');
  epoch = 8n;
  expect(code(slot(path, '8'))).toBe('ok');
  expect(opened.map((segment) => segment.closed)).toEqual([true, false]);
  expect(code(slot(path, '7'))).toBe('frame_expired');
  source.close();
  source.close();
  expect(opened.every((segment) => segment.closed)).toBe(true);
  expect(code(slot(path, '8'))).toBe('frame_invalid');
});

test('a frame that its writer overtook while it was looked at is expired, also when nothing fitted any more', () => {
  const segment = new FakeSegment(7n);
  const source = frames(() => segment);
  segment.torn = true;
  expect(look(source, slot(join(allowed, 'ok.rgb'), '7'))).toMatchObject({ code: 'frame_expired' });
  expect(look(source, slot(join(allowed, 'ok.rgb'), '7', { width: 4 }))).toMatchObject({ code: 'frame_expired' });
});

test.each([
  [{ width: 4 }, 'announced as 4x2 RGB24, the slot holds 2x2 RGB24'],
  [{ format: 'NV12' as const }, 'announced as 2x2 NV12'],
  [{ strides: [8] }, 'lines of 8 bytes were announced, the slot has 6'],
  [{ frame_id: 9 }, 'frame 9 was announced, the slot holds 1'],
])('a request that contradicts the slot is refused: %j', (more, text) => {
  const source = frames(() => new FakeSegment(7n));
  const { code, message, frame } = look(source, slot(join(allowed, 'ok.rgb'), '7', more));
  expect([code, frame]).toEqual(['frame_invalid', undefined]);
  expect(message).toContain(text);
});

test('a slot whose planes lead outside is never looked at', () => {
  const segment = new FakeSegment(7n);
  segment.shape = { ...segment.shape, planes: [{ offset: 8, stride: 6 }] };
  const { code, frame } = look(
    frames(() => segment),
    slot(join(allowed, 'ok.rgb'), '7'),
  );
  expect([code, frame]).toEqual(['frame_invalid', undefined]);
});

test('a segment that cannot be mapped, and a slot without generation, are errors', () => {
  const source = frames(() => {
    throw new VigiaError('frame_not_found', 'gone');
  });
  expect(look(source, slot(join(allowed, 'ok.rgb'), '7')).code).toBe('frame_not_found');
  const bare = { frame_reference: join(allowed, 'ok.rgb'), frame_metadata: meta({ slot: 1 }) };
  expect(look(source, bare).code).toBe('frame_invalid');
  expect(look(source, slot('/etc/passwd', '7')).code).toBe('frame_invalid');
});

test('the number of mappings is bounded', () => {
  const opened: FakeSegment[] = [];
  const source = frames(() => track(opened, new FakeSegment(7n)));
  for (let i = 0; i < 100; i++) {
    const path = join(allowed, `segment${i}`);
    writeFileSync(path, '');
    look(source, slot(path, '7'));
  }
  expect(source.mapped).toBe(64);
  expect(opened.filter((segment) => !segment.closed)).toHaveLength(64);
});
