import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VigiaError } from '@vigia/base';
import type { FrameMetadata } from '@vigia/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConnectionFrames, type OpenSegment, type SegmentReader } from './connection-frames.ts';
import { FrameRoots } from './frame-roots.ts';

const GEOMETRY = { width: 2, height: 2 };
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
  return new ConnectionFrames({ geometry: GEOMETRY, roots: new FrameRoots([allowed]), openSegment });
}

function read(reference: string, more: Partial<FrameMetadata> = {}): { code: string; pixels: number[] } {
  const into = new Uint8Array(12);
  const result = frames().read({ frame_reference: reference, frame_metadata: meta(more) }, into);
  return { code: result.status === 'ok' ? 'ok' : result.code, pixels: [...into] };
}

test('a plain file is copied, and BGR24 is turned into RGB24', () => {
  expect(read(join(allowed, 'ok.rgb'))).toEqual({ code: 'ok', pixels: [...PIXELS] });
  expect(read(join(allowed, 'ok.rgb'), { format: 'BGR24' }).pixels).toEqual([2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9]);
  expect(read(join(allowed, 'hard.rgb')).code).toBe('ok');
  expect(read(join(allowed, 'inner.rgb')).code).toBe('ok');
});

test('a shared buffer can be filled too', () => {
  const into = new Uint8Array(new SharedArrayBuffer(12));
  frames().read({ frame_reference: join(allowed, 'ok.rgb'), frame_metadata: meta() }, into);
  expect([...into]).toEqual([...PIXELS]);
});

test.each([
  ['link.rgb', 'frame_invalid'],
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

test('another size, format or padding is refused with both sizes', () => {
  const into = new Uint8Array(12);
  const request = { frame_reference: join(allowed, 'ok.rgb'), frame_metadata: meta({ width: 640, format: 'NV12' }) };
  expect(frames().read(request, into)).toMatchObject({
    message: 'the frame is 640x2 NV12, this model takes 2x2 RGB24 or BGR24',
  });
  expect(read(join(allowed, 'ok.rgb'), { strides: [8] }).code).toBe('frame_invalid');
});

function track(list: FakeSegment[], segment: FakeSegment): FakeSegment {
  list.push(segment);
  return segment;
}

class FakeSegment implements SegmentReader {
  readonly epoch: bigint;
  closed = false;
  constructor(epoch: bigint) {
    this.epoch = epoch;
  }
  read(slot: number, generation: number, into: Uint8Array): 'ok' | 'expired' | 'invalid' {
    if (slot > 3) return 'invalid';
    if (generation !== 2) return 'expired';
    into.fill(slot);
    return 'ok';
  }
  close(): void {
    this.closed = true;
  }
}

const slot = (
  path: string,
  epoch: string,
  more: Partial<FrameMetadata> = {},
): Parameters<ConnectionFrames['read']>[0] => ({
  frame_reference: path,
  frame_metadata: meta({ slot: 1, generation: '2', epoch, ...more }),
});

test('a segment is mapped once per epoch, and retired with a new epoch or the connection', () => {
  const opened: FakeSegment[] = [];
  let epoch = 7n;
  const source = frames(() => track(opened, new FakeSegment(epoch)));
  const path = join(allowed, 'ok.rgb');
  const into = new Uint8Array(12);
  expect(source.read(slot(path, '7'), into)).toEqual({ status: 'ok' });
  expect(source.read(slot(path, '7'), into)).toEqual({ status: 'ok' });
  expect(into[0]).toBe(1);
  expect(opened).toHaveLength(1);
  expect(source.read(slot(path, '7', { generation: '4' }), into)).toMatchObject({ code: 'frame_expired' });
  expect(source.read(slot(path, '7', { slot: 9 }), into)).toMatchObject({ code: 'frame_invalid' });
  epoch = 8n;
  expect(source.read(slot(path, '8'), into)).toEqual({ status: 'ok' });
  expect(opened.map((segment) => segment.closed)).toEqual([true, false]);
  expect(source.read(slot(path, '7'), into)).toMatchObject({ code: 'frame_expired' });
  source.close();
  source.close();
  expect(opened.every((segment) => segment.closed)).toBe(true);
  expect(source.read(slot(path, '8'), into)).toMatchObject({ status: 'error' });
});

test('a segment that cannot be mapped, and a slot without generation, are errors', () => {
  const source = frames(() => {
    throw new VigiaError('frame_not_found', 'gone');
  });
  const into = new Uint8Array(12);
  expect(source.read(slot(join(allowed, 'ok.rgb'), '7'), into)).toMatchObject({ code: 'frame_not_found' });
  const bare = { frame_reference: join(allowed, 'ok.rgb'), frame_metadata: meta({ slot: 1 }) };
  expect(source.read(bare, into)).toMatchObject({ code: 'frame_invalid' });
  expect(source.read(slot('/etc/passwd', '7'), into)).toMatchObject({ code: 'frame_invalid' });
});

test('the number of mappings is bounded', () => {
  const opened: FakeSegment[] = [];
  const source = frames(() => track(opened, new FakeSegment(7n)));
  for (let i = 0; i < 100; i++) {
    const path = join(allowed, `segment${i}`);
    writeFileSync(path, '');
    source.read(slot(path, '7'), new Uint8Array(12));
  }
  expect(source.mapped).toBe(64);
  expect(opened.filter((segment) => !segment.closed)).toHaveLength(64);
});
