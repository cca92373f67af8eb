import fc from 'fast-check';
import { expect, test } from 'vitest';
import { intersectionOverUnion, suppress } from './nms.ts';

const unit = fc.float({ min: 0, max: 1, noNaN: true });
const box = fc
  .tuple(unit, unit, unit, unit)
  .map(([a, b, c, d]) => [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)]);
const CLASSES = 3;
const scene = fc.array(fc.tuple(box, fc.integer({ min: 0, max: CLASSES - 1 })), { maxLength: 40 }).map((items) => ({
  boxes: Float32Array.from(items.flatMap(([edges]) => edges)),
  order: Int32Array.from(items, ([, classId], i) => i * CLASSES + classId),
  classes: CLASSES,
}));

test('intersection over union of known boxes', () => {
  const boxes = Float32Array.of(0, 0, 1, 1, 0, 0.5, 1, 1.5, 2, 2, 3, 3, 0, 0, 0, 0);
  expect(intersectionOverUnion(boxes, 0, 0)).toBe(1);
  expect(intersectionOverUnion(boxes, 0, 1)).toBeCloseTo(1 / 3);
  expect(intersectionOverUnion(boxes, 0, 2)).toBe(0);
  expect(intersectionOverUnion(boxes, 3, 3)).toBe(0);
});

test('intersection over union is symmetric and within 0..1', () => {
  fc.assert(
    fc.property(box, box, (a, b) => {
      const boxes = Float32Array.from([...a, ...b]);
      const iou = intersectionOverUnion(boxes, 0, 1);
      expect(iou).toBe(intersectionOverUnion(boxes, 1, 0));
      expect(iou).toBeGreaterThanOrEqual(0);
      expect(iou).toBeLessThanOrEqual(1);
    }),
  );
});

test('what is kept does not overlap within a class, and what is not kept overlaps a better one', () => {
  fc.assert(
    fc.property(scene, unit, (candidates, maxIou) => {
      const kept = new Int32Array(candidates.order.length);
      const chosen = [...kept.subarray(0, suppress(candidates, maxIou, kept))];
      const overlap = (a: number, b: number): boolean =>
        a % CLASSES === b % CLASSES &&
        intersectionOverUnion(candidates.boxes, Math.floor(a / CLASSES), Math.floor(b / CLASSES)) > maxIou;
      for (const [rank, a] of candidates.order.entries()) {
        const better = chosen.filter((b) => candidates.order.indexOf(b) < rank);
        expect(chosen.includes(a)).toBe(!better.some((b) => overlap(a, b)));
      }
    }),
  );
});

test('the best candidate is always kept, the order is kept, and the limit is too', () => {
  fc.assert(
    fc.property(scene, unit, fc.integer({ min: 1, max: 5 }), (candidates, maxIou, limit) => {
      const all = new Int32Array(candidates.order.length);
      const whole = [...all.subarray(0, suppress(candidates, maxIou, all))];
      const few = new Int32Array(limit);
      const first = [...few.subarray(0, suppress(candidates, maxIou, few))];
      expect(first).toEqual(whole.slice(0, limit));
      expect(whole[0]).toBe(candidates.order[0]);
      expect(whole).toEqual([...candidates.order].filter((c) => whole.includes(c)));
    }),
  );
});

test('suppressing twice changes nothing', () => {
  fc.assert(
    fc.property(scene, unit, (candidates, maxIou) => {
      const once = new Int32Array(candidates.order.length);
      const count = suppress(candidates, maxIou, once);
      const twice = new Int32Array(count);
      expect(suppress({ ...candidates, order: once.subarray(0, count) }, maxIou, twice)).toBe(count);
      expect([...twice]).toEqual([...once.subarray(0, count)]);
    }),
  );
});
