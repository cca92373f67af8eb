import { expect, test } from 'vitest';
import { overlayOf } from './overlay.ts';
import type { PictureHeader } from './picture-message.ts';

const HEADER = {
  camera: 'hall',
  seq: 7,
  captured_at: '2026-11-22T03:14:00.000Z',
  width: 100,
  height: 100,
} as PictureHeader;

function masked(counts: number[], seq = 7): ReturnType<typeof overlayOf> {
  const mask = { width: 4, height: 2, counts };
  const detection = { class_id: 0, class_name: 'person', confidence: 0.9, mask };
  return overlayOf(HEADER, [
    { seq, captured_at: HEADER.captured_at, detections: [{ ...detection, bbox: [0, 0, 0.4, 0.2] }] },
  ]);
}

/** A rectangle of the grid's cells, in pixels. */
const cells = (left: number, top: number, right: number, bottom: number): string => {
  const at = (x: number, y: number): string => `${(x * 10).toFixed(1)} ${(y * 10).toFixed(1)}`;
  return `M${at(left, top)}L${at(right, top)}L${at(right, bottom)}L${at(left, bottom)}Z`;
};

test('a mask lies over its own cells; a run that goes on in the next row is two', () => {
  expect(masked([1, 2, 5])?.masks).toBe(cells(1, 0, 3, 1));
  expect(masked([2, 3, 3])?.masks).toBe(cells(2, 0, 4, 1) + cells(0, 1, 1, 2));
  expect(masked([0, 8])?.masks).toBe(cells(0, 0, 4, 1) + cells(0, 1, 4, 2));
  expect(masked([8])?.masks).toBe('');
});

test('run lengths that lie draw nothing outside the box', () => {
  expect(masked([7, 100])?.masks).toBe(cells(3, 1, 4, 2));
});

test('a mask of another picture is not drawn', () => {
  expect(masked([0, 8], 6)).toBeNull();
});
