import { resultMessageSchema } from '@vigia/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resultNoticeSchema } from './result-check.ts';

const RESULT = {
  node: 'ward-3',
  boot: '01J00000000000000000000000',
  camera: 'hall',
  consumer: 'people',
  model: 'm',
  seq: 5,
  status: 'ok',
  captured_at: '2026-11-22T03:14:07.123Z',
  age_ms: 31.2,
  age_certain: false,
  age_bound_ms: null,
  pts_us: 1234,
  hops_ms: { decoded: 1, taken: 2, rendered: 3, sent: 4, received: 5, decided: 6 },
  detections: [],
  error: null,
};

/** Usually valid, sometimes not. */
const mostly = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: right, weight: 40 }, { arbitrary: fc.anything(), weight: 1 });
const share = mostly(fc.double({ min: 0, max: 1, noNaN: true }));
const keypoint = mostly(fc.record({ name: mostly(fc.string()), x: share, y: share, confidence: share }));
const mask = fc.nat(4).map((side) => ({ width: side, height: 4, counts: [4, side * 4 - 4] }));
const detection = mostly(
  fc.record(
    {
      class_id: mostly(fc.nat()),
      class_name: mostly(fc.string()),
      confidence: share,
      bbox: mostly(fc.tuple(share, share, share, share)),
      keypoints: mostly(fc.array(keypoint, { maxLength: 4 })),
      mask: mostly(mask),
    },
    { requiredKeys: ['class_id', 'class_name', 'confidence', 'bbox'] },
  ),
);

test('accepts exactly the results that the schema accepts', () => {
  const seen = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(
      mostly(fc.array(detection, { maxLength: 4 })),
      fc.oneof(fc.constant(undefined), fc.jsonValue(), fc.anything()),
      (detections, data) => {
        const result = { ...RESULT, detections, ...(data === undefined ? {} : { data }) };
        const { success } = resultMessageSchema.safeParse(result);
        seen[success ? 'accepted' : 'refused'] += 1;
        expect(resultNoticeSchema.safeParse(result).success).toBe(success);
      },
    ),
    { numRuns: 3_000 },
  );
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(300);
});

test('refuses JSON that is nested too deeply', () => {
  let data: unknown = 1;
  for (let depth = 0; depth < 10_000; depth += 1) data = [data];
  expect(resultNoticeSchema.safeParse({ ...RESULT, data }).success).toBe(false);
});
