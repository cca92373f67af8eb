import { addSecret } from '@vigia/base';
import type { Detection } from '@vigia/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { geometryOf, WHOLE } from '#core/media';
import { mapBack } from './map-back.ts';

const person = (more: Partial<Detection>): Detection => ({
  class_id: 0,
  class_name: 'person',
  confidence: 0.9,
  bbox: [0, 0, 1, 1],
  ...more,
});
// 400×200 into 100×100: content is the 50 lines in the middle.
const WIDE = geometryOf(400, 200, WHOLE, { width: 100, height: 100, fit: 'letterbox', format: 'RGB24' });

test('keypoints are mapped like their box', () => {
  const point = (x: number, y: number): NonNullable<Detection['keypoints']>[number] => ({
    name: 'nose',
    x,
    y,
    confidence: 1,
  });
  const mapped = mapBack(
    person({ bbox: [0.2, 0.3, 0.4, 0.5], keypoints: [point(0.3, 0.5), point(0.5, 0.1)] }),
    WIDE,
    400,
    200,
  );
  expect(mapped.bbox).toEqual([0.2, 0.1, 0.4, 0.5]);
  // The second one lies in the padding and is moved to the edge.
  expect(mapped.keypoints).toEqual([point(0.3, 0.5), point(0.5, 0)]);
});

test('a region of interest maps keypoints like boxes', () => {
  const geometry = geometryOf(
    400,
    200,
    { x: 0.5, y: 0.5, width: 0.5, height: 0.5 },
    { width: 50, height: 50, fit: 'stretch', format: 'RGB24' },
  );
  const mapped = mapBack(person({ keypoints: [{ name: 'nose', x: 0.5, y: 0, confidence: 1 }] }), geometry, 400, 200);
  expect([mapped.bbox, mapped.keypoints?.[0]]).toEqual([
    [0.5, 0.5, 1, 1],
    { name: 'nose', x: 0.75, y: 0.5, confidence: 1 },
  ]);
});

test('a mask loses the cells over the padding', () => {
  // Four lines of cells over the whole rendition, of which the first and the last lie in the padding.
  const mask = { width: 2, height: 4, counts: [0, 2, 1, 2, 3] };
  expect(mapBack(person({ mask }), WIDE, 400, 200)).toMatchObject({
    bbox: [0, 0, 1, 1],
    mask: { width: 2, height: 2, counts: [1, 2, 1] },
  });
});

test('with any geometry, everything lies inside, and a mask stays one', () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  const side = fc.integer({ min: 2, max: 500 });
  fc.assert(
    fc.property(
      fc.tuple(unit, unit, unit, unit),
      side,
      side,
      fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }),
      ([a, b, c, d], width, height, cells) => {
        const counts: number[] = [0];
        cells.forEach((cell, i) => {
          if (cell !== (i === 0 ? false : cells[i - 1])) counts.push(0);
          counts[counts.length - 1] = (counts.at(-1) ?? 0) + 1;
        });
        const geometry = geometryOf(width, height, WHOLE, { width: 64, height: 48, fit: 'letterbox', format: 'RGB24' });
        const detection = person({
          bbox: [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)],
          keypoints: [{ name: 'nose', x: a, y: b, confidence: 1 }],
          mask: { width: 6, height: 4, counts },
        });
        const mapped = mapBack(detection, geometry, width, height);
        const [point] = mapped.keypoints ?? [];
        for (const value of [...mapped.bbox, point?.x ?? -1, point?.y ?? -1])
          expect(value >= 0 && value <= 1).toBe(true);
        const { mask } = mapped;
        expect(mask?.counts.reduce((sum, count) => sum + count, 0)).toBe((mask?.width ?? 0) * (mask?.height ?? 0));
        expect(mask?.counts.slice(1).every((count) => count > 0)).toBe(true);
      },
    ),
  );
});

test('names of classes and points come from outside: printable and short, whatever a model calls them', () => {
  const mapped = (name: string): Detection => {
    const keypoints = [{ name: name.slice(0, 64), x: 0.5, y: 0.5, confidence: 1 }];
    return mapBack(person({ class_name: name, keypoints }), WIDE, 400, 200);
  };
  for (const name of ['person', 'Größe 人', ''])
    expect(mapped(name)).toMatchObject({ class_name: name, keypoints: [{ name }] });
  expect(mapped('a\u001b[31m\nb\u202e')).toMatchObject({
    class_name: 'a\ufffd[31m b\ufffd',
    keypoints: [{ name: 'a\ufffd[31m b\ufffd' }],
  });
  expect(mapped('x'.repeat(900_046)).class_name).toHaveLength(128);
});

test('a name that is a secret is not shown, in no form', () => {
  addSecret('hush/hush');
  const names = ['hush/hush', 'hush%2Fhush', Buffer.from('hush/hush').toString('base64'), 'rtsp://u:p@h'];
  for (const name of names) {
    const { class_name: shown, keypoints } = mapBack(
      person({ class_name: name, keypoints: [{ name, x: 0, y: 0, confidence: 1 }] }),
      WIDE,
      400,
      200,
    );
    expect([shown, keypoints?.[0]?.name]).toEqual(Array(2).fill(name.startsWith('rtsp') ? 'rtsp://***@h' : '***'));
  }
});
