import { PassThrough } from 'node:stream';
import { Encoder } from '@msgpack/msgpack';
import { encodeFrame } from '@vigia/base';
import { describe, expect, test } from 'vitest';
import { decodeMessage } from './message-codec.ts';
import { ProcessLink } from './process-link.ts';

const encoder = new Encoder();
const bytesOf = (message: object): Buffer => encodeFrame(encoder.encode(message));
const frame = {
  type: 'frame',
  camera_id: 'hall',
  seq: 42,
  captured_at: '2026-01-01T00:00:00.123Z',
  captured_monotonic_ns: '4496123456789',
  age_ms: 12.5,
  pts_us: -1,
  width: 2,
  height: 2,
  format: 'GRAY8',
  data: Uint8Array.of(1, 2, 3, 4),
};

function setUp(): { input: PassThrough; link: ProcessLink; said: object[] } {
  const input = new PassThrough();
  const said: object[] = [];
  const output = { write: (bytes: Uint8Array) => void said.push(decodeMessage(bytes.subarray(4))) };
  return { input, link: new ProcessLink(input, output, { format: 'GRAY8', width: 2, height: 2 }), said };
}

describe('frames on standard input', () => {
  test('are the same, a byte at a time', async () => {
    const { input, link } = setUp();
    for (const byte of bytesOf(frame)) input.write(Buffer.of(byte));
    const lent = await link.next();
    expect(lent?.facts).toEqual({
      cameraId: 'hall',
      seq: 42,
      capturedAt: new Date('2026-01-01T00:00:00.123Z'),
      capturedMonotonicNs: 4_496_123_456_789n,
      sentAgeMs: 12.5,
      ptsUs: -1,
      width: 2,
      height: 2,
      format: 'GRAY8',
      planes: [{ offset: 0, stride: 2 }],
    });
    expect([...(lent?.pixels ?? [])]).toEqual([1, 2, 3, 4]);
    expect(lent?.whole()).toBe(true);
  });

  test('a compressed picture has no planes', async () => {
    const { input, link } = setUp();
    input.write(bytesOf({ ...frame, format: 'JPEG', data: Uint8Array.of(255, 216) }));
    expect(await link.next()).toMatchObject({ facts: { format: 'JPEG', planes: [] }, pixels: { length: 2 } });
  });

  test('fields and messages of a later version are passed over', async () => {
    const { input, link, said } = setUp();
    input.write(bytesOf({ type: 'weather', is: 'fine' }));
    input.write(bytesOf({ ...frame, later: true }));
    expect((await link.next())?.facts.seq).toBe(42);
    expect(said).toEqual([]);
  });

  test('pixels that cannot be are answered, and the next frame is given', async () => {
    const { input, link, said } = setUp();
    const { data: _data, ...bare } = frame;
    const ref = { path: '/dev/shm/vigia_none', epoch: '1', slot: 0, generation: '2', offset: 8192, byte_length: 4 };
    input.write(bytesOf({ ...frame, seq: 1, data: Uint8Array.of(1, 2, 3) }));
    input.write(bytesOf({ ...bare, seq: 2 }));
    input.write(bytesOf({ ...bare, seq: 3, format: 'JPEG', ref: { ...ref, strides: [2] } }));
    input.write(bytesOf({ ...bare, seq: 4, ref: { ...ref, strides: [2] } }));
    input.write(bytesOf({ ...frame, seq: 5 }));
    expect((await link.next())?.facts.seq).toBe(5);
    expect(said).toMatchObject([
      { type: 'result', seq: 1, error: { code: 'frame_invalid' } },
      { type: 'result', seq: 2, error: { code: 'frame_invalid' } },
      { type: 'result', seq: 3, error: { code: 'frame_invalid' } },
      { type: 'result', seq: 4, error: { code: 'frame_not_found' } },
    ]);
  });
});

describe('the end', () => {
  test('is what the host says', async () => {
    const { input, link } = setUp();
    input.write(bytesOf({ type: 'stop' }));
    expect(await link.next()).toBeUndefined();
    await link.close();
    expect(input.destroyed).toBe(true);
  });

  test.each([0, 3, 20])('is the end of the input, %d bytes into a message', async (bytes) => {
    const { input, link } = setUp();
    input.end(bytesOf(frame).subarray(0, bytes));
    expect(await link.next()).toBeUndefined();
  });

  test('is a host that died', async () => {
    const { input, link } = setUp();
    const waiting = link.next();
    input.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    expect(await waiting).toBeUndefined();
  });

  test('comes before anything was read', async () => {
    const { input, link } = setUp();
    await link.close();
    expect(input.destroyed).toBe(true);
  });
});

describe('what is not of the protocol', () => {
  test.each([
    ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'frame_too_large'],
    ['bytes that are no MessagePack', encodeFrame(Buffer.of(0xc1)), 'bad_message'],
    ['a frame without its size', bytesOf({ ...frame, width: undefined }), 'bad_message'],
  ])('%s ends the loop with an error', async (_what, bytes, code) => {
    const { input, link } = setUp();
    input.write(bytes);
    await expect(link.next()).rejects.toMatchObject({ code });
  });

  test('a message may be as long as the largest picture and its fields', async () => {
    const { input, link } = setUp();
    const note = 'n'.repeat(60_000);
    input.write(bytesOf({ ...frame, note }));
    expect((await link.next())?.facts.seq).toBe(42);
    input.write(bytesOf({ ...frame, note: note.repeat(2) }));
    await expect(link.next()).rejects.toMatchObject({ code: 'frame_too_large' });
  });
});
