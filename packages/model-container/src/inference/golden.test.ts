import type { Detection } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { compareWithGolden } from './golden.ts';

const person = (confidence: number, x = 0.1, more: Partial<Detection> = {}): Detection => ({
  class_id: 0,
  class_name: 'person',
  confidence,
  bbox: [x, 0.1, x + 0.2, 0.5],
  ...more,
});
const GOLDEN = {
  file: 'golden.rgb',
  sha256: '',
  detections: [person(0.9), person(0.7, 0.5)],
  min_iou: 0.9,
  score_tolerance: 0.05,
};
const compare = (...found: Detection[]): string | undefined => compareWithGolden(found, GOLDEN, 0.55);

test('rounding is tolerated, in any order', () => {
  expect(compare(person(0.68, 0.505), person(0.94))).toBeUndefined();
});

test('a missing, weaker, moved or renamed detection is named', () => {
  expect(compare(person(0.9))).toBe('missing: person 0.70 at 0.500 0.100 0.700 0.500');
  expect(compare(person(0.9), person(0.6, 0.5))).toContain('missing: person 0.70');
  expect(compare(person(0.9), person(0.7, 0.55))).toContain('missing: person 0.70');
  expect(compare(person(0.9), person(0.7, 0.5, { class_id: 1 }))).toContain('missing: person 0.70');
});

test('one detection stands for one expected one only', () => {
  const twice = { ...GOLDEN, detections: [person(0.9), person(0.9)] };
  expect(compareWithGolden([person(0.9)], twice, 0.55)).toContain('missing');
});

test('a further one is named unless it is borderline', () => {
  expect(compare(person(0.9), person(0.7, 0.5), person(0.58, 0.3))).toBeUndefined();
  expect(compare(person(0.9), person(0.7, 0.5), person(0.65, 0.3))).toBe(
    'not expected: person 0.65 at 0.300 0.100 0.500 0.500',
  );
});

test('an expected one near the threshold may be missing', () => {
  const golden = { ...GOLDEN, detections: [person(0.58)] };
  expect(compareWithGolden([], golden, 0.55)).toBeUndefined();
});
