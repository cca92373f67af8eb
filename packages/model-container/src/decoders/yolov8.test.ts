import { detectionSchema } from '@vigia/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { COCO_80_CLASSES } from './coco.ts';
import { YoloV8Decoder } from './yolov8.ts';

const OPTIONS = {
  inputWidth: 200,
  inputHeight: 100,
  anchors: 4,
  classes: ['person', '', 'car'],
  scoreThreshold: 0.5,
  iouThreshold: 0.5,
  maxDetections: 3,
};
const ROWS = 4 + OPTIONS.classes.length;
const NOTHING = [0, 0, 0, 0, 0, 0, 0];

/** The output of a model with the boxes `anchors`: centre, size and scores of each. */
function output(...anchors: number[][]): Float32Array {
  const all = Array.from({ length: OPTIONS.anchors }, (_, i) => anchors[i] ?? NOTHING);
  return Float32Array.from({ length: ROWS * OPTIONS.anchors }, (_, i) => {
    return all[i % OPTIONS.anchors]?.[Math.floor(i / OPTIONS.anchors)] ?? Number.NaN;
  });
}

test('COCO without gaps has 80 names, and the well known ones are where they belong', () => {
  expect(COCO_80_CLASSES).toHaveLength(80);
  expect([0, 2, 15, 24, 60, 62, 79].map((id) => COCO_80_CLASSES[id])).toEqual([
    'person',
    'car',
    'cat',
    'backpack',
    'dining table',
    'tv',
    'toothbrush',
  ]);
});

test('centres and sizes in pixels become edges, clamped, best first, one per object', () => {
  const found = new YoloV8Decoder(OPTIONS).decode(
    output([60, 30, 40, 40, 0.6, 0, 0], [60, 31, 40, 40, 0.9, 0, 0], [190, 10, 60, 60, 0.1, 0, 0.7]),
  );
  expect(found).toEqual([
    { class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0.2, 0.11, 0.4, 0.51] },
    { class_id: 2, class_name: 'car', confidence: 0.7, bbox: [0.8, 0, 1, 0.4] },
  ]);
});

test('a box stands for its best class only, gaps in the classes not counted', () => {
  const found = new YoloV8Decoder(OPTIONS).decode(output([60, 30, 40, 40, 0.6, 0.9, 0.8], [99, 50, 9, 9, 0, 0.9, 0.4]));
  expect(found).toEqual([{ class_id: 2, class_name: 'car', confidence: 0.8, bbox: [0.2, 0.1, 0.4, 0.5] }]);
});

test('edges that are no numbers, boxes without area and boxes outside are left out', () => {
  const nan = Number.NaN;
  const found = new YoloV8Decoder(OPTIONS).decode(
    output(
      [nan, 30, 40, 40, 0.9, 0, 0],
      [60, 30, 0, 40, 0.9, 0, 0],
      [300, 30, 40, 40, 0.9, 0, 0],
      [60, 30, 40, 40, 0.4, nan, 0.4],
    ),
  );
  expect(found).toEqual([]);
});

test('a score that is no number is a failure, even of one box only', () => {
  const decode = (values: Float32Array): unknown => new YoloV8Decoder(OPTIONS).decode(values);
  expect(() => decode(output([60, 30, 40, 40, 0.9, 0, Number.NaN]))).toThrow('numbers that are no numbers');
  expect(() => decode(new Float32Array(ROWS * OPTIONS.anchors).fill(Number.NaN))).toThrow(
    expect.objectContaining({ code: 'inference_failed' }),
  );
});

test('a decoder can be used again: nothing of an earlier picture is left', () => {
  const decoder = new YoloV8Decoder(OPTIONS);
  expect(decoder.decode(output([60, 30, 40, 40, 0.6, 0, 0]))).toHaveLength(1);
  expect(decoder.decode(output())).toEqual([]);
});

test('faint detections: those below the threshold, best first, none over a stronger one of its class', () => {
  const decoder = new YoloV8Decoder(OPTIONS);
  const values = output(
    [60, 30, 40, 40, 0.9, 0, 0],
    [60, 31, 40, 40, 0.4, 0, 0],
    [160, 30, 40, 40, 0.2, 0, 0.1],
    [60, 30, 40, 40, 0.1, 0.9, 0.3],
  );
  const strong = decoder.decode(values);
  expect(strong.map((d) => d.confidence)).toEqual([0.9]);
  const person = { class_id: 0, class_name: 'person', confidence: 0.2, bbox: [0.7, 0.1, 0.9, 0.5] };
  const car = { class_id: 2, class_name: 'car', confidence: 0.3, bbox: [0.2, 0.1, 0.4, 0.5] };
  // Scores are 32-bit floats.
  expect(decoder.faint(values, Math.fround(0.2))).toEqual([car, person]);
  expect(decoder.faint(values, 0.25)).toEqual([car]);
  expect(decoder.faint(values, 0.6)).toEqual([]);
  expect(decoder.decode(values)).toEqual(strong);
});

test('for any output, detections and faint ones are those of a lower threshold', () => {
  const score = fc.float({ min: 0, max: 1, noNaN: true });
  const edge = fc.float({ min: 0, max: 200, noNaN: true });
  const anchor = fc.tuple(edge, edge, edge, edge, score, score, score);
  fc.assert(
    fc.property(
      fc.array(anchor, { maxLength: OPTIONS.anchors }),
      fc.double({ min: 0.05, max: 0.5, noNaN: true }),
      (anchors, from) => {
        const values = output(...anchors);
        const options = { ...OPTIONS, maxDetections: OPTIONS.anchors };
        const decoder = new YoloV8Decoder(options);
        const both = [...decoder.decode(values), ...decoder.faint(values, from)];
        expect(both).toEqual(new YoloV8Decoder({ ...options, scoreThreshold: from }).decode(values));
      },
    ),
  );
});

test('for any output every detection is valid and above the threshold, and their number within the limit', () => {
  const any = fc.oneof(fc.float({ noDefaultInfinity: false }), fc.float({ min: 0, max: 200, noNaN: true }));
  const numbers = ROWS * OPTIONS.anchors;
  fc.assert(
    fc.property(fc.array(any, { minLength: numbers, maxLength: numbers }), (values) => {
      // Coordinates may be NaN; a NaN score is a failure.
      const scored = values.map((value, i) => (i >= 4 * OPTIONS.anchors && Number.isNaN(value) ? 0 : value));
      const found = new YoloV8Decoder(OPTIONS).decode(Float32Array.from(scored));
      expect(found.length).toBeLessThanOrEqual(OPTIONS.maxDetections);
      for (const detection of found) {
        expect(detectionSchema.parse(detection)).toEqual(detection);
        expect(detection.confidence).toBeGreaterThanOrEqual(OPTIONS.scoreThreshold);
        expect(detection.bbox[2]).toBeGreaterThanOrEqual(detection.bbox[0]);
        expect(detection.bbox[3]).toBeGreaterThanOrEqual(detection.bbox[1]);
      }
    }),
  );
});
