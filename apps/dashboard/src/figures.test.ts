import type { Bbox, Detection } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { figuresOf } from './figures.ts';

const STANDS: Bbox = [0.4, 0.2, 0.5, 0.9];
const BENDS: Bbox = [0.4, 0.5, 0.58, 0.9];
const LIES: Bbox = [0.4, 0.75, 0.7, 0.9];
/** Somebody else, who stands all the time. */
const OTHER: Bbox = [0.05, 0.2, 0.15, 0.9];

function person(bbox: Bbox, keypoints?: Detection['keypoints']): Detection {
  return { class_id: 0, class_name: 'person', confidence: 0.9, bbox, ...(keypoints ? { keypoints } : {}) };
}

const FALL = [STANDS, BENDS, LIES].map((bbox, i) => ({
  capturedMs: i * 1000,
  detections: [person(OTHER), person(bbox)],
}));
const AT = { bbox: LIES, capturedMs: 2000 };

test('three moments of who fell, oldest first, at one scale and on one floor; nobody else', () => {
  const figures = figuresOf(FALL, AT, 2);
  expect(figures.map(({ lines, isBox }) => [lines, isBox])).toEqual([
    ['M80.0 20.0L100.0 20.0L100.0 90.0L80.0 90.0Z', true],
    ['M80.0 50.0L116.0 50.0L116.0 90.0L80.0 90.0Z', true],
    ['M80.0 75.0L140.0 75.0L140.0 90.0L80.0 90.0Z', true],
  ]);
  expect(new Set(figures.map(({ floor }) => floor))).toEqual(new Set([90]));
  expect(new Set(figures.map(({ view: { width, height } }) => `${width.toFixed(3)} ${height.toFixed(3)}`)).size).toBe(
    1,
  );
  for (const { view, floor } of figures) expect(view.y + view.height).toBeGreaterThan(floor);
});

test('a body with keypoints is drawn as one, with a head', () => {
  const names = ['nose', 'left_shoulder', 'right_shoulder', 'left_hip', 'right_hip', 'left_knee'];
  const keypoints = names.map((name, i) => ({ name, x: 0.4 + i / 100, y: 0.3 + i / 10, confidence: 0.9 }));
  const answers = FALL.map(({ capturedMs, detections: [, one] }) => ({
    capturedMs,
    detections: [person(one?.bbox ?? LIES, keypoints)],
  }));
  const [first] = figuresOf(answers, AT, 2);
  expect(first?.isBox).toBe(false);
  expect(first?.lines.match(/M/g)).toHaveLength(5);
  expect(first?.head).toMatchObject({ x: 80, y: 30 });
});

test('nothing is shown that was not seen: no answer, nobody there, nobody upright before, or somebody who came from elsewhere', () => {
  expect(figuresOf([], AT, 2)).toEqual([]);
  expect(figuresOf(FALL, { bbox: [0.9, 0.8, 1, 0.9], capturedMs: 2000 }, 2)).toEqual([]);
  expect(figuresOf(FALL.slice(2), AT, 2)).toEqual([]);
  // What was seen after the alarm, or long before, is no part of the fall.
  expect(figuresOf(FALL, { bbox: LIES, capturedMs: 1500 }, 2)).toHaveLength(2);
  expect(figuresOf(FALL, { bbox: LIES, capturedMs: 9500 }, 2)).toEqual([]);
});
