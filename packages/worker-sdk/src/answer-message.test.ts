import { workerResultSchema, WORKER_DATA_DEPTH, WORKER_DATA_LIMIT } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { errorMessage, resultMessage, TEXT_LIMIT } from './answer-message.ts';

const person = { class_id: 0, class_name: 'person', confidence: 0.5, bbox: [0, 0.25, 0.5, 1] } as const;
const nose = { name: 'nose', x: 0.5, y: 0.25, confidence: 1 } as const;

/** Nested lists; the content is at that depth. */
function nested(levels: number, inside: unknown): unknown {
  return levels === 0 ? inside : [nested(levels - 1, inside)];
}

describe('a result', () => {
  test('holds what was found', () => {
    const detections = [{ ...person, bbox: [...person.bbox] as [number, number, number, number] }];
    expect(resultMessage(7, { detections, data: { count: 1 } })).toEqual({
      type: 'result',
      seq: 7,
      detections,
      data: { count: 1 },
    });
  });

  test.each([
    ['a box outside the frame', { detections: [{ ...person, bbox: [0, 0, 1.5, 1] }] }, 'detections.0.bbox.2'],
    ['a box of pixels', { detections: [{ ...person, bbox: [0, 0, 640, 480] }] }, 'detections.0.bbox.2'],
    [
      'a box more than slightly outside',
      { detections: [{ ...person, bbox: [-0.1001, 0, 1, 1] }] },
      'detections.0.bbox.0',
    ],
    [
      'a keypoint outside',
      { detections: [{ ...person, keypoints: [{ ...nose, y: 1.2 }] }] },
      'detections.0.keypoints.0.y',
    ],
    ['a box of NaN', { detections: [{ ...person, bbox: [Number.NaN, 0, 1, 1] }] }, 'detections.0.bbox.0'],
    ['a confidence slightly above', { detections: [{ ...person, confidence: 1.05 }] }, 'detections.0.confidence'],
    ['a detection that is none', { detections: [null] }, 'detections.0'],
    ['no number', { detections: [{ ...person, confidence: Number.NaN }] }, 'detections.0.confidence'],
    ['no list', { detections: person }, 'detections'],
    ['a field that is missing', { detections: [person, { class_id: 1 }] }, 'detections.1.class_name'],
  ])('%s is named', (_what, answer, where) => {
    expect(() => resultMessage(7, answer as never)).toThrow(
      expect.objectContaining({
        code: 'bad_result',
        message: expect.stringContaining(`frame 7: ${where}: `) as string,
      }),
    );
  });

  test('coordinates slightly outside are put onto the edge', () => {
    const keypoints = [{ ...nose, x: -0.1, y: 1.1 }];
    const given = { ...person, bbox: [-0.003, -0.1, 1.004, 1.1] as [number, number, number, number], keypoints };
    expect(resultMessage(1, { detections: [given] }).detections).toEqual([
      { ...person, bbox: [0, 0, 1, 1], keypoints: [{ ...nose, x: 0, y: 1 }] },
    ]);
    expect(given.bbox).toEqual([-0.003, -0.1, 1.004, 1.1]);
  });

  test.each([7, null, [], {}].map((inside) => [inside]))('data as deep as is allowed, and deeper: %j', (inside) => {
    const data = nested(WORKER_DATA_DEPTH, inside);
    expect(resultMessage(1, { data }).data).toEqual(data);
    const message = 'data: nested deeper than 16 levels';
    const refused = expect.objectContaining({ code: 'bad_result', message }) as Error;
    expect(() => resultMessage(1, { data: nested(WORKER_DATA_DEPTH + 1, inside) })).toThrow(refused);
    expect(() => resultMessage(1, { data: { a: nested(WORKER_DATA_DEPTH, inside) } })).toThrow(refused);
  });

  test('data is the value as JSON, over any transport', () => {
    const at = new Date(0);
    expect(resultMessage(1, { data: { at, gone: undefined, run: () => 1, odd: null } }).data).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      odd: null,
    });
  });

  const cycle: unknown[] = [];
  cycle.push(cycle);
  test.each([
    ['a function', () => 1],
    ['a bigint', 1n],
    ['NaN', Number.NaN],
    ['an infinity within', { a: [1, Number.NEGATIVE_INFINITY] }],
    ['what is nested without end', nested(5_000, 1)],
    ['a circle', cycle],
    ['too much', 'x'.repeat(WORKER_DATA_LIMIT - 1)],
  ])('%s as data is refused', (_what, data) => {
    expect(() => resultMessage(1, { data })).toThrow(expect.objectContaining({ code: 'bad_result' }));
  });

  test('data of exactly the limit is accepted', () => {
    const data = 'x'.repeat(WORKER_DATA_LIMIT - 2);
    expect(resultMessage(1, { data }).data).toBe(data);
  });
});

describe('an error', () => {
  test('is a text, or a map with its code', () => {
    expect(errorMessage(1, 'no')).toEqual({ type: 'result', seq: 1, error: 'no' });
    expect(errorMessage(1, 'no', 'dark')).toEqual({ type: 'result', seq: 1, error: { code: 'dark', message: 'no' } });
  });

  test('is one that the host accepts, however long it was', () => {
    const { error } = workerResultSchema.parse(errorMessage(1, 'm'.repeat(10_000), 'c'.repeat(1_000)));
    expect(error).toEqual({ code: 'c'.repeat(64), message: 'm'.repeat(TEXT_LIMIT) });
    expect(workerResultSchema.parse(errorMessage(1, 'm'.repeat(10_000), '')).error).toBe('m'.repeat(TEXT_LIMIT));
  });
});
