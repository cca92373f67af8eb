import { type Detection, detectionSchema } from '@vigia/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { COCO_KEYPOINTS } from './coco.ts';
import { MoveNetDecoder } from './movenet.ts';
import { MoveNetMultiPoseDecoder } from './movenet-multipose.ts';

const single = new MoveNetDecoder({ className: 'person', scoreThreshold: 0.1 });
const multi = new MoveNetMultiPoseDecoder({ className: 'person', scoreThreshold: 0.2 });

/** y, x and score of 17 points from (0.2, 0.3) down to (0.6, 0.7), all with `score`. */
function body(score: number): number[] {
  return COCO_KEYPOINTS.flatMap((_, k) => [0.3 + (0.4 * k) / 16, 0.2 + (0.4 * k) / 16, score]);
}
const NOBODY = Array.from({ length: 56 }, () => 0);

function expectValid(found: readonly Detection[]): void {
  for (const detection of found) {
    expect(detectionSchema.parse(detection)).toEqual(detection);
    expect(detection.keypoints).toHaveLength(17);
    expect(detection.bbox[2]).toBeGreaterThan(detection.bbox[0]);
    expect(detection.bbox[3]).toBeGreaterThan(detection.bbox[1]);
  }
}

test('COCO has 17 points: left before right, from head to foot', () => {
  expect(COCO_KEYPOINTS).toHaveLength(17);
  expect([0, 1, 4, 5, 10, 16].map((k) => COCO_KEYPOINTS[k])).toEqual([
    'nose',
    'left_eye',
    'right_ear',
    'left_shoulder',
    'right_wrist',
    'right_ankle',
  ]);
});

test('one body: its points by name, a box with a margin, the mean score', () => {
  const [found, ...others] = single.decode(Float32Array.from(body(0.5)));
  expect(others).toEqual([]);
  expect(found).toMatchObject({ class_id: 0, class_name: 'person', confidence: 0.5, bbox: [0.16, 0.26, 0.64, 0.74] });
  expect(found?.keypoints?.[0]).toEqual({ name: 'nose', x: 0.2, y: 0.3, confidence: 0.5 });
  expect(found?.keypoints?.[16]).toEqual({ name: 'right_ankle', x: 0.6, y: 0.7, confidence: 0.5 });
});

test('points that are not believed are reported, but do not widen the box', () => {
  const values = body(0.5);
  values.splice(48, 3, 1, 1, 0.19);
  const [found] = single.decode(Float32Array.from(values));
  expect(found?.keypoints?.[16]).toMatchObject({ x: 1, y: 1, confidence: 0.19 });
  expect(found?.bbox[2]).toBeLessThan(0.63);
});

test('no body: scores too low, a NaN coordinate, no visible point, all points in one place', () => {
  expect(single.decode(Float32Array.from(body(0.09)))).toEqual([]);
  expect(single.decode(Float32Array.from(body(0.5).with(7, Number.NaN)))).toEqual([]);
  expect(single.decode(Float32Array.from(body(0.15)))).toEqual([]);
  expect(single.decode(Float32Array.from(COCO_KEYPOINTS.flatMap(() => [0.5, 0.5, 0.9])))).toEqual([]);
});

test('a score that is no number is a failure: of a body, of a point', () => {
  const failed = expect.objectContaining({ code: 'inference_failed' });
  const good = [...body(0.4), 0.25, 0.15, 0.75, 0.65, 0.3];
  expect(() => single.decode(Float32Array.from(body(0.5).with(8, Number.NaN)))).toThrow(failed);
  expect(() => single.decode(new Float32Array(51).fill(Number.NaN))).toThrow(failed);
  expect(() => multi.decode(Float32Array.from([...good, ...good.with(55, Number.NaN)]))).toThrow(failed);
  expect(() => multi.decode(Float32Array.from([...good.with(5, Number.NaN), ...good]))).toThrow(failed);
});

test('several bodies: each with its box and score, best first, points and edges clamped', () => {
  const first = [...body(0.4), 0.25, 0.15, 0.75, 0.65, 0.3];
  const second = [...body(0.9).with(1, -0.1), 0.1, -0.2, 0.4, 1.2, 0.8];
  const found = multi.decode(Float32Array.from([...first, ...second]));
  expect(found).toMatchObject([
    { class_name: 'person', confidence: 0.8, bbox: [0, 0.1, 1, 0.4], keypoints: { 0: { name: 'nose', x: 0 } } },
    { class_name: 'person', confidence: 0.3, bbox: [0.15, 0.25, 0.65, 0.75] },
  ]);
  expectValid(found);
});

test('a body that scores too low, has no area or a coordinate that is no number is left out, the others stay', () => {
  const good = [...body(0.4), 0.25, 0.15, 0.75, 0.65, 0.3];
  const bad = [good.with(55, 0.1), good.with(53, 0.25), good.with(52, Number.NaN), good.with(4, Number.NaN)];
  for (const row of [NOBODY, ...bad]) {
    expect(multi.decode(Float32Array.from([...row, ...good]))).toHaveLength(1);
    expect(multi.decode(Float32Array.from([...row, ...row]))).toEqual([]);
  }
});

test('faint bodies: those below the threshold and from the wish on, best first', () => {
  const faint = Float32Array.from(body(0.3));
  const strict = new MoveNetDecoder({ className: 'person', scoreThreshold: 0.4 });
  expect([strict.decode(faint), strict.faint(faint, 0.31)]).toEqual([[], []]);
  expect(strict.faint(faint, 0.3)).toMatchObject([{ confidence: 0.3, keypoints: { length: 17 } }]);
  expect(strict.faint(Float32Array.from(body(0.4)), 0.05)).toEqual([]);
  const good = [...body(0.4), 0.25, 0.15, 0.75, 0.65, 0.3];
  const rows = Float32Array.from([...good.with(55, 0.06), ...good, ...good.with(55, 0.15), ...NOBODY]);
  expect(multi.decode(rows).map((d) => d.confidence)).toEqual([0.3]);
  expect(multi.faint(rows, 0.05).map((d) => d.confidence)).toEqual([0.15, 0.06]);
  expect(multi.faint(rows, 0.1).map((d) => d.confidence)).toEqual([0.15]);
});

test('for any output every detection is valid', () => {
  const any = fc.oneof(fc.float({ noDefaultInfinity: false, noNaN: true }), fc.float({ min: 0, max: 1, noNaN: true }));
  const numbers = fc.tuple(fc.array(any, { minLength: 112, maxLength: 112 }), fc.nat(500));
  fc.assert(
    fc.property(numbers, ([values, hole]) => {
      const output = Float32Array.from(values);
      const isScore = hole % 56 === 55 || (hole % 56 < 51 && hole % 3 === 2) || (hole >= 56 && (hole - 56) % 3 === 2);
      if (hole < output.length && !isScore) output[hole] = Number.NaN;
      expectValid(multi.decode(output));
      expectValid(single.decode(output.subarray(0, 51)));
    }),
  );
});
