import { describe, expect, test } from 'vitest';
import { capturedMsOf, readOrigin, readPictureTime, stampDifference } from './picture-times.ts';

const AT = Date.parse('2026-11-22T03:14:00.250Z');

describe('times of pictures', () => {
  test('follow from the difference of stamps at 90 kHz, forwards and backwards', () => {
    const known = { rtp: 90_000, capturedMs: AT };
    expect(capturedMsOf(90_000, known)).toBe(AT);
    expect(capturedMsOf(90_000 + 2970, known)).toBe(AT + 33);
    expect(capturedMsOf(90_000 - 9000, known)).toBe(AT - 100);
  });

  test('go on where stamps wrap at 32 bits', () => {
    const last = 2 ** 32 - 90;
    expect(capturedMsOf(90, { rtp: last, capturedMs: AT })).toBe(AT + 2);
    expect(capturedMsOf(last, { rtp: 90, capturedMs: AT })).toBe(AT - 2);
    expect(stampDifference(0, 2 ** 32 - 1)).toBe(1);
    expect(stampDifference(2 ** 31 - 1, 0)).toBe(2 ** 31 - 1);
    expect(stampDifference(2 ** 31 + 1, 0)).toBe(1 - 2 ** 31);
  });

  test('are read from the messages of the node', () => {
    const message = '{"rtp":4294967295,"captured_at":"2026-11-22T03:14:00.250Z"}';
    expect(readPictureTime(message)).toEqual({ rtp: 2 ** 32 - 1, capturedMs: AT, certain: true });
    expect(readPictureTime(message.replace('}', ',"age_certain":false}'))).toMatchObject({ certain: false });
  });

  test.each([
    '',
    '{',
    'null',
    '7',
    '[]',
    '{}',
    '{"rtp":1}',
    '{"rtp":-1,"captured_at":"2026-11-22T03:14:00.250Z"}',
    '{"rtp":1.5,"captured_at":"2026-11-22T03:14:00.250Z"}',
    '{"rtp":4294967296,"captured_at":"2026-11-22T03:14:00.250Z"}',
    '{"rtp":"1","captured_at":"2026-11-22T03:14:00.250Z"}',
    '{"rtp":1,"captured_at":"soon"}',
    '{"rtp":1,"captured_at":1}',
    `{"rtp":1,"captured_at":"2026-11-22T03:14:00.250Z","more":"${'x'.repeat(256)}"}`,
    new ArrayBuffer(8),
    undefined,
  ])('are not read from %j', (message) => {
    expect(readPictureTime(message)).toBeUndefined();
  });
});

test('the origin is the stamp in its header', () => {
  expect(readOrigin('4294967295@123456789')).toBe(2 ** 32 - 1);
  expect(readOrigin('0@0')).toBe(0);
  for (const header of [null, '', '12', '@5', '12@', '-1@5', '4294967296@5', '1.5@5', ' 12@5', '12@5x'])
    expect(readOrigin(header)).toBeUndefined();
});
