import type { Bbox } from '@vigia/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bodyOf } from './body.ts';
import { Zones } from './zones.ts';

const ASPECT = 16 / 9;
const body = (bbox: Bbox) => bodyOf(bbox, ASPECT);
const bed = {
  kind: 'bed' as const,
  points: [
    [0.5, 0.4],
    [0.9, 0.4],
    [0.9, 0.8],
    [0.5, 0.8],
  ] as [number, number][],
};

describe('a body is where it touches the ground', () => {
  const zones = new Zones([bed], ASPECT);

  test('on a bed: its lower edge is there, however far its top reaches over it', () => {
    expect(zones.isFurniture(body([0.55, 0.2, 0.85, 0.7]))).toBe(true);
  });
  test('on the floor before a bed: it covers much of the bed, and ends below it', () => {
    expect(zones.isFurniture(body([0.55, 0.5, 0.85, 0.95]))).toBe(false);
    expect(zones.isFloor(body([0.55, 0.5, 0.85, 0.95]))).toBe(true);
  });
  test('beside a bed', () => {
    expect(zones.isFurniture(body([0.1, 0.5, 0.45, 0.7]))).toBe(false);
  });
  test('on its edge: most of the lower edge counts', () => {
    expect(zones.isFurniture(body([0.4, 0.5, 0.7, 0.7]))).toBe(true);
    expect(zones.isFurniture(body([0.3, 0.5, 0.6, 0.7]))).toBe(false);
  });
});

test('with floor zones, only they are floor, and furniture on them is not', () => {
  const floor = {
    kind: 'floor' as const,
    points: [
      [0, 0.5],
      [1, 0.5],
      [1, 1],
      [0, 1],
    ] as [number, number][],
  };
  const zones = new Zones([floor, bed], ASPECT);
  expect(zones.isFloor(body([0.1, 0.2, 0.3, 0.45]))).toBe(false);
  expect(zones.isFloor(body([0.1, 0.6, 0.3, 0.9]))).toBe(true);
  expect(zones.isFloor(body([0.6, 0.5, 0.8, 0.7]))).toBe(false);
});

test('what zones know of floors', () => {
  const points = bed.points;
  const know = (...kinds: ('floor' | 'bed' | 'chair' | 'ignore')[]): boolean =>
    new Zones(
      kinds.map((kind) => ({ kind, points })),
      1,
    ).knowFloors;
  expect(know()).toBe(false);
  expect(know('chair', 'ignore')).toBe(false);
  expect(know('floor')).toBe(true);
  expect(know('chair', 'bed')).toBe(true);
});

test('a chair is furniture, a zone to ignore is neither furniture nor floor’s end', () => {
  const at = body([0.6, 0.5, 0.8, 0.7]);
  expect(new Zones([{ ...bed, kind: 'chair' }], ASPECT).isFurniture(at)).toBe(true);
  expect(new Zones([{ ...bed, kind: 'ignore' }], ASPECT).isFurniture(at)).toBe(false);
  expect(new Zones([{ ...bed, kind: 'ignore' }], ASPECT).isIgnored(at)).toBe(true);
  expect(new Zones([bed], ASPECT).isIgnored(at)).toBe(false);
});

test('any outline that is a star around its middle contains what is nearer to the middle than all its edges, nothing beyond its corners', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 0.4, noNaN: true }), { minLength: 3, maxLength: 12 }),
      fc.double({ min: 0, max: 2 * Math.PI, noNaN: true }),
      (radii, angle) => {
        const points = radii.map((radius, i): [number, number] => {
          const at = (2 * Math.PI * i) / radii.length;
          return [0.5 + radius * Math.cos(at), 0.5 + radius * Math.sin(at)];
        });
        const zones = new Zones([{ kind: 'bed', points }], 1);
        // A body that is a point, for all that matters.
        const isIn = (distance: number): boolean => {
          const [x, y] = [0.5 + distance * Math.cos(angle), 0.5 + distance * Math.sin(angle)];
          return zones.isFurniture(bodyOf([x - 1e-9, y - 1e-9, x + 1e-9, y + 1e-9], 1));
        };
        expect(isIn(Math.max(...radii) + 0.01)).toBe(false);
        // An edge between two corners is at least this far from the middle.
        const inner = Math.min(...radii) * Math.cos(Math.PI / radii.length);
        if (radii.length > 4) expect(isIn(inner * 0.5)).toBe(true);
      },
    ),
  );
});
