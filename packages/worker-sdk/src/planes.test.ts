import { PIXEL_FORMATS, packedBytes } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { planesOf } from './planes.ts';

test('planes follow each other', () => {
  expect(planesOf({ format: 'NV12', width: 4, height: 2 }, 12)).toEqual([
    { offset: 0, stride: 4 },
    { offset: 8, stride: 4 },
  ]);
  expect(planesOf({ format: 'I420', width: 4, height: 4 }, 24)).toEqual([
    { offset: 0, stride: 4 },
    { offset: 16, stride: 2 },
    { offset: 20, stride: 2 },
  ]);
  expect(planesOf({ format: 'RGB24', width: 4, height: 2 }, 24)).toEqual([{ offset: 0, stride: 12 }]);
});

test.each(PIXEL_FORMATS)('%s without gaps is as long as it is to be, and not otherwise', (format) => {
  const shape = { format, width: 8, height: 6 };
  const bytes = packedBytes(format, 8, 6);
  expect(planesOf(shape, bytes).length).toBeGreaterThan(0);
  for (const wrong of [0, bytes - 1, bytes + 1])
    expect(() => planesOf(shape, wrong)).toThrow(expect.objectContaining({ code: 'frame_invalid' }));
});

test('lines may be longer than their pixels, not shorter, and there is one length for each plane', () => {
  const shape = { format: 'I420', width: 8, height: 4 } as const;
  expect(planesOf(shape, 16 * 4 + 8 * 2 + 8 * 2, [16, 8, 8])).toEqual([
    { offset: 0, stride: 16 },
    { offset: 64, stride: 8 },
    { offset: 80, stride: 8 },
  ]);
  for (const strides of [[7, 4, 4], [8, 4], [8, 4, 4, 4], []]) {
    const bytes = strides.reduce((sum, stride, i) => sum + stride * (i === 0 ? 4 : 2), 0);
    expect(() => planesOf(shape, bytes, strides)).toThrow(expect.objectContaining({ code: 'frame_invalid' }));
  }
});
