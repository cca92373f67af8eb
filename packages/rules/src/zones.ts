import type { ZoneConfig, ZoneKind } from '@vigia/contracts';
import type { Body } from './body.ts';

/** Points of a body's lower edge: shares of its width, and of its height from above. */
const GROUND = { across: [0.25, 0.5, 0.75], down: 0.95 };

/** The zones of a camera. A body is in a zone when it touches the ground there: when most of its lower edge lies in it. */
export class Zones {
  readonly #zones: readonly ZoneConfig[];
  readonly #aspect: number;

  /** @param aspect Width of the picture by its height. */
  constructor(zones: readonly ZoneConfig[], aspect: number) {
    this.#zones = zones;
    this.#aspect = aspect;
  }

  /** Whether the zones tell a floor from a bed. */
  get knowFloors(): boolean {
    return this.#has('floor') || this.#has('bed');
  }

  /** Somebody here is not judged. */
  isIgnored(body: Body): boolean {
    return this.#isIn('ignore', body);
  }

  /** Who lies here is where they belong. */
  isFurniture(body: Body): boolean {
    return this.#isIn('bed', body) || this.#isIn('chair', body);
  }

  /** Who lies here needs help. Without a zone of kind `floor`, this is everywhere but on furniture. */
  isFloor(body: Body): boolean {
    return !this.isFurniture(body) && (!this.#has('floor') || this.#isIn('floor', body));
  }

  #has(kind: ZoneKind): boolean {
    return this.#zones.some((zone) => zone.kind === kind);
  }

  #isIn(kind: ZoneKind, body: Body): boolean {
    const outlines = this.#zones.filter((zone) => zone.kind === kind).map(({ points }) => points);
    return touches(outlines, body, this.#aspect);
  }
}

/** Whether most of a body's lower edge lies in an outline. @param aspect Width of the picture by its height. */
export function standsIn(points: ZoneConfig['points'], body: Body, aspect: number): boolean {
  return touches([points], body, aspect);
}

function touches(
  outlines: readonly ZoneConfig['points'][],
  { left, top, width, height }: Body,
  aspect: number,
): boolean {
  const y = top + GROUND.down * height;
  const inside = GROUND.across.filter((share) => {
    const x = (left + share * width) / aspect;
    return outlines.some((points) => contains(points, x, y));
  });
  return inside.length * 2 > GROUND.across.length;
}

/** Whether a ray to the right crosses the outline an odd number of times. */
export function contains(points: ZoneConfig['points'], x: number, y: number): boolean {
  let inside = false;
  points.forEach(([x1, y1], i) => {
    const [x2, y2] = points[(i + 1) % points.length] as readonly [number, number];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside;
  });
  return inside;
}
