import { describe, expect, test } from 'vitest';
import { HEADER_LIMIT, JPEG_LIMIT, readPictureMessage } from './picture-message.ts';

const HEADER = {
  type: 'picture',
  camera: 'room-4',
  seq: 7,
  captured_at: '2026-11-22T03:14:00.200Z',
  age_ms: 120,
  age_certain: true,
  width: 320,
  height: 180,
};
const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 1, 2, 3);

function message(header: unknown, jpeg: Uint8Array = JPEG, length?: number): ArrayBuffer {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const all = new Uint8Array(4 + text.length + jpeg.length);
  new DataView(all.buffer).setUint32(0, length ?? text.length);
  all.set(text, 4);
  all.set(jpeg, 4 + text.length);
  return all.buffer;
}

describe('a binary message', () => {
  test('has a header and a JPEG', () => {
    const read = readPictureMessage(message(HEADER));
    expect(read?.header).toMatchObject({ camera: 'room-4', seq: 7, captured_at: HEADER.captured_at });
    expect([...(read?.jpeg ?? [])]).toEqual([...JPEG]);
  });

  test('has no seq when no consumer analysed the picture', () => {
    expect(readPictureMessage(message({ ...HEADER, seq: null }))?.header.seq).toBeNull();
  });

  test.each([
    ['nothing', new ArrayBuffer(0)],
    ['half a length', new ArrayBuffer(3)],
    ['a length beyond the message', message(HEADER, JPEG, 100_000)],
    ['the largest length', message(HEADER, JPEG, 0xffff_ffff)],
    ['no JPEG', message(HEADER, new Uint8Array())],
    ['something that is no JPEG', message(HEADER, new TextEncoder().encode('<svg/>'))],
    ['a JPEG above the limit', message(HEADER, new Uint8Array(JPEG_LIMIT + 1).fill(0xff, 0, 1).fill(0xd8, 1, 2))],
    ['a header above the limit', message({ ...HEADER, camera: 'x'.repeat(HEADER_LIMIT) })],
    ['a header that is no JSON', message('{"type":')],
    ['a header that is a list', message('[]')],
    ['null', message('null')],
    ['another type', message({ ...HEADER, type: 'result' })],
    ['a camera that is no text', message({ ...HEADER, camera: 4 })],
    ['a seq that is no whole number', message({ ...HEADER, seq: 1.5 })],
    ['no capture time', message({ ...HEADER, captured_at: 'now' })],
    ['a negative age', message({ ...HEADER, age_ms: -1 })],
    ['an age that is no number', message({ ...HEADER, age_ms: '1' })],
    ['no width', message({ ...HEADER, width: 0 })],
    ['a huge height', message({ ...HEADER, height: 1e300 })],
  ])('is dropped: %s', (_, bytes) => {
    expect(readPictureMessage(bytes)).toBeUndefined();
  });

  test('is dropped when the header is no UTF-8', () => {
    const bytes = new Uint8Array(message(HEADER));
    bytes[10] = 0xff;
    expect(readPictureMessage(bytes.buffer)).toBeUndefined();
  });
});
