import type { ResultMessage } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { addClassCounts, COUNTED_CLASSES, ResultCounts } from './result-counts.ts';

function seen(...names: string[]): ResultMessage {
  const detections = names.map((name) => ({ class_id: 0, class_name: name, confidence: 1, bbox: [0, 0, 1, 1] }));
  return { status: 'ok', detections } as unknown as ResultMessage;
}

test('classes are counted by detections and by results', () => {
  const counts = new ResultCounts();
  counts.add(seen('person', 'person', 'bed'));
  counts.add(seen('person'));
  expect(counts.report()).toMatchObject({ detections: { person: 3, bed: 1 }, results_with: { person: 2, bed: 1 } });
});

test('a worker that invents names is bounded, and no count is lost', () => {
  const counts = new ResultCounts();
  for (let i = 0; i < 10_000; i += 1) counts.add(seen(`B-AB ${i}`, 'car'));
  const { detections, results_with: resultsWith } = counts.report();
  expect(Object.keys(detections)).toHaveLength(COUNTED_CLASSES + 1);
  expect(detections).toMatchObject({ car: 10_000, '(others)': 10_000 - (COUNTED_CLASSES - 1) });
  expect(resultsWith).toEqual(detections);
  // The bound also holds over successive processes of a camera.
  const more = new ResultCounts();
  for (let i = 0; i < 1_000; i += 1) more.add(seen(`M-XY ${i}`));
  const both = addClassCounts(detections, more.report().detections);
  expect(Object.keys(both)).toHaveLength(COUNTED_CLASSES + 1);
  expect(Object.values(both).reduce((a, b) => a + b)).toBe(21_000);
});

test('names of built-in object properties are ordinary class names', () => {
  const counts = new ResultCounts();
  counts.add(seen('constructor', '__proto__', 'toString'));
  counts.add(seen('constructor', '__proto__'));
  const { detections } = counts.report();
  expect(Object.entries(detections)).toEqual([
    ['constructor', 2],
    ['__proto__', 2],
    ['toString', 1],
  ]);
  expect(Object.entries(addClassCounts(detections, detections))).toEqual([
    ['constructor', 4],
    ['__proto__', 4],
    ['toString', 2],
  ]);
});
