import { detectionSchema } from '@vigia/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { COCO_CLASSES } from './coco.ts';
import { SsdDecoder } from './ssd.ts';

const OPTIONS = {
  anchors: 4,
  classes: ['person', '', 'car'],
  scoreThreshold: 0.5,
  iouThreshold: 0.5,
  maxDetections: 3,
};
const NOWHERE = [0, 0, 0, 0];

function decode(scores: number[][], boxes: number[][]): ReturnType<SsdDecoder['decode']> {
  return new SsdDecoder(OPTIONS).decode(Float32Array.from(scores.flat()), Float32Array.from(boxes.flat()));
}

test('COCO has 90 ids, 10 of them unused, and the well known ones are where they belong', () => {
  expect(COCO_CLASSES).toHaveLength(90);
  expect(COCO_CLASSES.filter((name) => name === '')).toHaveLength(10);
  expect([0, 2, 16, 26, 66, 71, 89].map((id) => COCO_CLASSES[id])).toEqual([
    'person',
    'car',
    'cat',
    'backpack',
    'dining table',
    'tv',
    'toothbrush',
  ]);
});

test('boxes come out as x, y pairs, clamped, best first, one per object', () => {
  const found = decode(
    [
      [0.6, 0, 0],
      [0.9, 0, 0],
      [0, 0, 0.7],
      [0.49, 0, 0],
    ],
    [
      [0.1, 0.2, 0.5, 0.4],
      [0.1, 0.2, 0.52, 0.4],
      [-0.5, 0.5, 0.5, 1.5],
      [0.8, 0.8, 0.9, 0.9],
    ],
  );
  expect(found).toEqual([
    { class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0.2, 0.1, 0.4, 0.52] },
    { class_id: 2, class_name: 'car', confidence: 0.7, bbox: [0.5, 0, 1, 0.5] },
  ]);
});

test('gaps in the classes, boxes without area and edges that are no numbers are left out', () => {
  const found = decode(
    [
      [0, 0.9, 0],
      [0.9, 0, 0],
      [0, Number.NaN, 0],
      [0.9, 0, 0],
    ],
    [
      [0, 0, 1, 1],
      [0.5, 1.2, 0.6, 1.4],
      [0, 0, 1, 1],
      [Number.NaN, 0, 1, 1],
    ],
  );
  expect(found).toEqual([]);
});

test('a score that is no number is a failure, even of one box only', () => {
  const boxes = [NOWHERE, NOWHERE, NOWHERE, NOWHERE];
  const none = [0, 0, 0];
  expect(() => decode([none, none, [0, 0, Number.NaN], none], boxes)).toThrow('numbers that are no numbers');
  expect(() => new SsdDecoder(OPTIONS).decode(new Float32Array(12).fill(Number.NaN), new Float32Array(16))).toThrow(
    expect.objectContaining({ code: 'inference_failed' }),
  );
});

test('at most the limit is reported', () => {
  const corners = [
    [0, 0, 0.1, 0.1],
    [0.2, 0, 0.3, 0.1],
    [0.4, 0, 0.5, 0.1],
    [0.6, 0, 0.7, 0.1],
  ];
  expect(
    decode(
      [
        [0.6, 0, 0],
        [0.7, 0, 0],
        [0.8, 0, 0],
        [0.9, 0, 0],
      ],
      corners,
    ).map((d) => d.confidence),
  ).toEqual([0.9, 0.8, 0.7]);
});

test('a decoder can be used again: nothing of an earlier picture is left', () => {
  const decoder = new SsdDecoder(OPTIONS);
  const box = [0, 0, 1, 1];
  decoder.decode(
    Float32Array.from([1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1]),
    Float32Array.from([box, box, box, box].flat()),
  );
  expect(decoder.decode(new Float32Array(12), Float32Array.from([NOWHERE, NOWHERE, NOWHERE, NOWHERE].flat()))).toEqual(
    [],
  );
});

test('for any output every detection is valid', () => {
  const any = fc.float({ noDefaultInfinity: false });
  fc.assert(
    fc.property(
      fc.array(fc.float({ noDefaultInfinity: false, noNaN: true }), { minLength: 12, maxLength: 12 }),
      fc.array(any, { minLength: 16, maxLength: 16 }),
      (scores, boxes) => {
        const found = new SsdDecoder(OPTIONS).decode(Float32Array.from(scores), Float32Array.from(boxes));
        for (const detection of found) expect(detectionSchema.parse(detection)).toEqual(detection);
      },
    ),
  );
});
