import { detectionSchema, FAINT_LIMIT } from '@vigia/contracts';
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

test('faint detections: those below the threshold, best first, none over a stronger one of its class', () => {
  const decoder = new SsdDecoder(OPTIONS);
  const scores = [
    [0.2, 0.4, 0.3],
    [0.9, 0, 0.1],
    [0.45, 0, 0],
    [0.15, 0, 0.4],
  ];
  const boxes = [
    [0, 0, 0.1, 0.1],
    [0.2, 0, 0.3, 0.1],
    [0.2, 0.01, 0.3, 0.1],
    [0.6, 0, 0.7, 0.1],
  ];
  const [flatScores, flatBoxes] = [Float32Array.from(scores.flat()), Float32Array.from(boxes.flat())];
  const strong = decoder.decode(flatScores, flatBoxes);
  expect(strong.map((d) => d.confidence)).toEqual([0.9]);
  const faint = decoder.faint(flatScores, 0.2);
  expect(faint.map((d) => [d.class_name, d.confidence])).toEqual([
    ['car', 0.4],
    ['car', 0.3],
    ['person', 0.2],
  ]);
  expect(decoder.decode(flatScores, flatBoxes)).toEqual(strong);
  expect(decoder.faint(flatScores, 0.5)).toEqual([]);
});

test('when the reported detections are at their limit, there is room for the faint ones still', () => {
  const anchors = 80;
  const decoder = new SsdDecoder({ ...OPTIONS, anchors, classes: ['person'] });
  const scores = Float32Array.from({ length: anchors }, (_, i) => (i < 5 ? 0.9 - i / 100 : 0.4 - i / 1000));
  const lines = Array.from({ length: anchors }, (_, i) => [0, i / anchors, 1, (i + 1) / anchors]);
  const boxes = Float32Array.from(lines.flat());
  expect(decoder.decode(scores, boxes).map((d) => d.confidence)).toEqual([0.9, 0.89, 0.88]);
  const faint = decoder.faint(scores, 0.05);
  expect(faint).toHaveLength(FAINT_LIMIT);
  expect(faint[0]?.confidence).toBe(0.395);
});

test('for any output, detections and faint ones are those of a lower threshold', () => {
  const score = fc.float({ min: 0, max: 1, noNaN: true });
  const box = fc.array(score, { minLength: 4, maxLength: 4 });
  const output = fc.tuple(
    fc.array(score, { minLength: 12, maxLength: 12 }),
    fc.array(box, { minLength: 4, maxLength: 4 }),
  );
  fc.assert(
    fc.property(output, fc.double({ min: 0.05, max: 0.5, noNaN: true }), ([scores, boxes], from) => {
      const values = [Float32Array.from(scores), Float32Array.from(boxes.flat())] as const;
      const options = { ...OPTIONS, maxDetections: 12 };
      const decoder = new SsdDecoder(options);
      const both = [...decoder.decode(...values), ...decoder.faint(values[0], from)];
      expect(both).toEqual(new SsdDecoder({ ...options, scoreThreshold: from }).decode(...values));
    }),
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
