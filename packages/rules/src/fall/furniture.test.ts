import type { Bbox, Detection } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { bodyOf } from '../body.ts';
import { SeenFurniture } from './furniture.ts';

const BED: Bbox = [0.2, 0.5, 0.7, 0.8];
const bed = (confidence = 0.5, class_name = 'bed', bbox = BED): Detection => ({
  class_id: 1,
  class_name,
  confidence,
  bbox,
});
const body = (bbox: Bbox): ReturnType<typeof bodyOf> => bodyOf(bbox, 1);
const ON_IT = body([0.3, 0.55, 0.65, 0.7]);
const HEIGHT = 0.5;

/** Looks every 200 ms for so long. */
function watch(
  furniture: SeenFurniture,
  fromMs: number,
  untilMs: number,
  seen: (atMs: number) => { readonly found?: readonly Detection[]; readonly people?: readonly Bbox[] },
): void {
  for (let atMs = fromMs; atMs < untilMs; atMs += 200) {
    const { found = [], people = [] } = seen(atMs);
    furniture.see(atMs, atMs === 0 ? 0 : 200, found, people.map(body));
  }
}

function known(...found: readonly Detection[]): SeenFurniture {
  const furniture = new SeenFurniture(1);
  watch(furniture, 0, 3_000, () => ({ found }));
  return furniture;
}

describe('a bed that the model sees', () => {
  test('holds who lies on it, and nobody before it, beside it, or before it was known', () => {
    const furniture = known(bed());
    expect(furniture.holds(ON_IT, HEIGHT, 3_000)).toBe(true);
    expect(furniture.holds(body([0.3, 0.6, 0.65, 0.76]), HEIGHT, 3_000)).toBe(false);
    expect(furniture.holds(body([0.3, 0.65, 0.65, 0.95]), HEIGHT, 3_000)).toBe(false);
    expect(furniture.holds(body([0.6, 0.55, 0.95, 0.7]), HEIGHT, 3_000)).toBe(false);
    expect(furniture.holds(ON_IT, HEIGHT, 800)).toBe(false);
  });

  test('of the classes and confidences that count, seen half of the time', () => {
    expect(known(bed(0.25, 'couch')).holds(ON_IT, HEIGHT, 3_000)).toBe(true);
    expect(known(bed(0.24)).holds(ON_IT, HEIGHT, 3_000)).toBe(false);
    expect(known(bed(0.9, 'dining table')).holds(ON_IT, HEIGHT, 3_000)).toBe(false);
    const often = new SeenFurniture(1);
    watch(often, 0, 12_000, (atMs) => ({ found: (atMs / 200) % 3 > 0 ? [bed()] : [] }));
    expect(often.holds(ON_IT, HEIGHT, 12_000)).toBe(true);
    const seldom = new SeenFurniture(1);
    watch(seldom, 0, 12_000, (atMs) => ({ found: (atMs / 200) % 3 === 0 ? [bed()] : [] }));
    expect(seldom.holds(ON_IT, HEIGHT, 12_000)).toBe(false);
  });

  test('that is hidden by somebody is still there; one that is gone is forgotten', () => {
    const furniture = known(bed());
    watch(furniture, 3_000, 60_000, () => ({ people: [[0.3, 0.3, 0.6, 0.75]] }));
    expect(furniture.holds(ON_IT, HEIGHT, 60_000)).toBe(true);
    watch(furniture, 60_000, 64_000, () => ({}));
    expect(furniture.holds(ON_IT, HEIGHT, 64_000)).toBe(false);
  });

  test('for a minute and more: it takes about as long to forget', () => {
    const furniture = new SeenFurniture(1);
    watch(furniture, 0, 3_600_000, () => ({ found: [bed()] }));
    watch(furniture, 3_600_000, 3_620_000, () => ({}));
    expect(furniture.holds(ON_IT, HEIGHT, 3_620_000)).toBe(true);
    watch(furniture, 3_620_000, 3_660_000, () => ({}));
    expect(furniture.holds(ON_IT, HEIGHT, 3_660_000)).toBe(false);
  });
});
