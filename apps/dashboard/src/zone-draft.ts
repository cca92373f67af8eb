// Zones that are being drawn: pure, so that every step can be undone. Corners are shares of the picture, from the left and from above.
import type { ZoneConfig, ZoneKind } from '@vigia/contracts';

/** A corner. */
export type Point = readonly [number, number];

/** A zone of the draft. */
export interface Zone extends Pick<ZoneConfig, 'kind' | 'recorded'> {
  readonly id: string;
  /** What it is called in the revision that the draft began with; null: it is new. */
  readonly from: string | null;
  readonly points: readonly Point[];
}

/** What a step of the draft did. */
export type StepKind =
  | 'added'
  | 'removed'
  | 'renamed'
  | 'kind'
  | 'corner'
  | 'corner-added'
  | 'corner-removed'
  | 'moved';

/** One step of the draft. `key`: steps of one key in a row are one step, such as presses of an arrow. */
export interface Step {
  readonly kind: StepKind;
  readonly zone: string;
  readonly key?: string;
}

/** The parts of a camera's settings that zones are about. */
export interface ZoneSettings {
  readonly zones: Readonly<Record<string, ZoneConfig>>;
  readonly rules?: {
    readonly bed?: { readonly zone: string };
    readonly visits?: { readonly zones: Readonly<Record<string, unknown>> };
  };
}

/** Fewest and most corners that a zone may have. */
export const CORNERS = { least: 3, most: 32 } as const;

const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Zones as they are now, as they were saved, and all steps between. */
export class ZoneDraft {
  readonly #settings: ZoneSettings;
  readonly #saved: readonly Zone[];
  #past: { readonly step: Step; readonly before: readonly Zone[] }[] = [];
  #future: { readonly step: Step; readonly after: readonly Zone[] }[] = [];
  #zones: readonly Zone[];

  constructor(settings: ZoneSettings) {
    this.#settings = settings;
    this.#saved = Object.entries(settings.zones).map(([id, zone]) => zoneOf(id, zone));
    this.#zones = this.#saved;
  }

  get zones(): readonly Zone[] {
    return this.#zones;
  }

  /** As they were saved. */
  get saved(): readonly Zone[] {
    return this.#saved;
  }

  /** Oldest first. */
  get steps(): readonly Step[] {
    return this.#past.map(({ step }) => step);
  }

  get mayRedo(): boolean {
    return this.#future.length > 0;
  }

  zone(id: string | null): Zone | undefined {
    return this.#zones.find((one) => one.id === id);
  }

  /** Takes a step. What was undone cannot be redone any more. */
  take(step: Step, zones: readonly Zone[]): void {
    const last = this.#past.at(-1)?.step;
    const isSame = step.key !== undefined && last?.key === step.key && this.#future.length === 0;
    if (!isSame) this.#past.push({ step, before: this.#zones });
    this.#future = [];
    this.#zones = zones;
  }

  undo(): void {
    const last = this.#past.pop();
    if (!last) return;
    this.#future.push({ step: last.step, after: this.#zones });
    this.#zones = last.before;
  }

  /** Undoes the steps from this one on. @param index Of {@link steps}. */
  undoTo(index: number): void {
    while (this.#past.length > index) this.undo();
  }

  redo(): void {
    const next = this.#future.pop();
    if (!next) return;
    this.#past.push({ step: next.step, before: this.#zones });
    this.#zones = next.after;
  }

  /** What has to be changed in the camera's settings (RFC 7396); null: nothing. Rules follow a zone to its new name. */
  patch(): Readonly<Record<string, unknown>> | null {
    const zones: Record<string, unknown> = {};
    for (const { id } of this.#saved) if (!this.#zones.some((zone) => zone.id === id)) zones[id] = null;
    for (const zone of this.#zones) {
      const before = this.#saved.find(({ id }) => id === zone.id);
      const after = configOf(zone);
      if (JSON.stringify(after) === JSON.stringify(before && configOf(before))) continue;
      zones[zone.id] = before?.recorded === undefined ? after : { recorded: null, ...after };
    }
    if (Object.keys(zones).length === 0) return null;
    const rules = this.#rules();
    return { zones, ...(rules ? { rules } : {}) };
  }

  #rules(): Readonly<Record<string, unknown>> | null {
    const { bed, visits } = this.#settings.rules ?? {};
    const renamed = new Map(
      this.#zones.flatMap(({ id, from }) => (from === null || from === id ? [] : [[from, id] as const])),
    );
    const rules: Record<string, unknown> = {};
    const newBed = bed && renamed.get(bed.zone);
    if (newBed !== undefined) rules['bed'] = { zone: newBed };
    const visited = Object.entries(visits?.zones ?? {}).filter(([id]) => renamed.has(id));
    if (visited.length > 0) {
      const gone = visited.map(([id]) => [id, null] as const);
      const there = visited.map(([id, settings]) => [renamed.get(id) as string, settings] as const);
      // A name that passes from one zone to another one stays.
      rules['visits'] = { zones: Object.fromEntries([...gone, ...there]) };
    }
    return Object.keys(rules).length > 0 ? rules : null;
  }
}

function zoneOf(id: string, zone: ZoneConfig): Zone {
  return { ...zone, id, from: id };
}

function configOf({ kind, points, recorded }: Zone): Omit<Zone, 'id' | 'from'> {
  return { kind, points, ...(recorded === undefined ? {} : { recorded }) };
}

/** A name for a new zone: `bed`, then `bed-2`. */
export function newId(zones: readonly Zone[], kind: ZoneKind): string {
  const taken = new Set(zones.flatMap(({ id, from }) => [id, from]));
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? kind : `${kind}-${n}`;
    if (!taken.has(id)) return id;
  }
}

/** Why a zone cannot be called so; null: it can. */
export function whyNotCalled(zones: readonly Zone[], zone: Zone, id: string): 'form' | 'taken' | null {
  if (!ID.test(id)) return 'form';
  return zones.some((other) => other !== zone && other.id === id) ? 'taken' : null;
}

/** The zones with this one changed. */
export function withZone(zones: readonly Zone[], id: string, change: Partial<Zone>): readonly Zone[] {
  return zones.map((zone) => (zone.id === id ? { ...zone, ...change } : zone));
}

/** Within the picture, to a ten-thousandth: finer than a pixel of 4K is wide. */
export function inside([x, y]: Point): Point {
  const share = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * 10_000) / 10_000;
  return [share(x), share(y)];
}

/** A corner somewhere else. */
export function cornerAt(points: readonly Point[], index: number, to: Point): readonly Point[] {
  return points.map((point, i) => (i === index ? inside(to) : point));
}

/** One corner more, behind this one. */
export function cornerBehind(points: readonly Point[], index: number, at: Point): readonly Point[] {
  return [...points.slice(0, index + 1), inside(at), ...points.slice(index + 1)];
}

/** In the middle between this corner and the next one. */
export function middleOf(points: readonly Point[], index: number): Point {
  const [from, to] = [points[index] as Point, points[(index + 1) % points.length] as Point];
  return [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
}

/** The whole outline moved, no further than the picture goes. */
export function moved(points: readonly Point[], [dx, dy]: Point): readonly Point[] {
  const by = (axis: 0 | 1, wish: number): number => {
    const at = points.map((point) => point[axis]);
    return Math.min(1 - Math.max(...at), Math.max(-Math.min(...at), wish));
  };
  const [x, y] = [by(0, dx), by(1, dy)];
  return points.map((point) => inside([point[0] + x, point[1] + y]));
}

/** The middle of its corners, where its name stands. */
export function centreOf(points: readonly Point[]): Point {
  const sum = points.reduce<Point>(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

/** Whether two sides that are no neighbours cross: the node takes no such outline. */
export function crosses(points: readonly Point[]): boolean {
  const sides = points.map((from, i) => [from, points[(i + 1) % points.length] as Point] as const);
  return sides.some(([a, b], i) =>
    sides.some(([c, d], j) => {
      const areNeighbours = j <= i + 1 || (i === 0 && j === sides.length - 1);
      return !areNeighbours && turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0;
    }),
  );
}

/** To which side the way from a over b to c turns: 1, -1, or 0 for straight on. */
function turn(a: Point, b: Point, c: Point): number {
  return Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
}
