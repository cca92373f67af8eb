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
  | 'moved'
  | 'alarm'
  | 'fall';

/** One step of the draft. `key`: steps of one key in a row are one step, such as presses of an arrow. */
export interface Step {
  readonly kind: StepKind;
  readonly zone: string;
  readonly key?: string;
}

/** What is watched in a zone, and what of it is an alarm. The form of `rules.visits.zones`. */
export interface VisitSettings {
  readonly alarm?: VisitAlarmKind;
  readonly after?: string;
  readonly people?: number;
  readonly hours?: string;
}

/** The form of `rules.bed`. */
export interface BedSettings {
  readonly from: string;
  readonly zone: string;
  readonly alarm?: BedAlarmKind;
  readonly away?: string;
  readonly hours?: string;
}

/** When an alarm about a bed, or about visits, begins. */
export type BedAlarmKind = (typeof BED_KINDS)[number];
/** See {@link BedAlarmKind}. */
export type VisitAlarmKind = (typeof VISIT_KINDS)[number];
export const BED_KINDS = ['sitting', 'edge', 'out', 'away'] as const;
export const VISIT_KINDS = ['occupied', 'crowded', 'empty'] as const;

/** The rules of a camera. */
export interface Rules {
  readonly fall?: { readonly from: string; readonly long_lie?: string };
  readonly bed?: BedSettings;
  readonly visits?: { readonly from: string; readonly zones: Readonly<Record<string, VisitSettings>> };
}

/** The parts of a camera's settings that zones are about. */
export interface ZoneSettings {
  readonly zones: Readonly<Record<string, ZoneConfig>>;
  readonly rules: Rules;
}

interface State {
  readonly zones: readonly Zone[];
  readonly rules: Rules;
}

/** Fewest and most corners that a zone may have. */
export const CORNERS = { least: 3, most: 32 } as const;

const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Zones and rules as they are now, as they were saved, and all steps between. */
export class ZoneDraft {
  readonly #saved: State;
  #past: { readonly step: Step; readonly before: State }[] = [];
  #future: { readonly step: Step; readonly after: State }[] = [];
  #state: State;

  constructor({ zones, rules }: ZoneSettings) {
    this.#saved = { zones: Object.entries(zones).map(([id, zone]) => zoneOf(id, zone)), rules };
    this.#state = this.#saved;
  }

  get zones(): readonly Zone[] {
    return this.#state.zones;
  }

  get rules(): Rules {
    return this.#state.rules;
  }

  /** Zones as they were saved. */
  get saved(): readonly Zone[] {
    return this.#saved.zones;
  }

  /** Oldest first. */
  get steps(): readonly Step[] {
    return this.#past.map(({ step }) => step);
  }

  get mayRedo(): boolean {
    return this.#future.length > 0;
  }

  zone(id: string | null): Zone | undefined {
    return this.zones.find((one) => one.id === id);
  }

  /** New names of zones that were renamed, by the names that are in force. */
  get renamed(): ReadonlyMap<string, string> {
    return new Map(this.zones.flatMap(({ id, from }) => (from === null || from === id ? [] : [[from, id] as const])));
  }

  /** Takes a step. What was undone cannot be redone any more. */
  take(step: Step, { zones = this.zones, rules = this.rules }: Partial<State>): void {
    const last = this.#past.at(-1)?.step;
    const isSame = step.key !== undefined && last?.key === step.key && this.#future.length === 0;
    if (!isSame) this.#past.push({ step, before: this.#state });
    this.#future = [];
    this.#state = { zones, rules };
  }

  undo(): void {
    const last = this.#past.pop();
    if (!last) return;
    this.#future.push({ step: last.step, after: this.#state });
    this.#state = last.before;
  }

  /** Undoes the steps from this one on. @param index Of {@link steps}. */
  undoTo(index: number): void {
    while (this.#past.length > index) this.undo();
  }

  redo(): void {
    const next = this.#future.pop();
    if (!next) return;
    this.#past.push({ step: next.step, before: this.#state });
    this.#state = next.after;
  }

  /** All zones and rules as they would be: the form of a camera's settings. */
  settings(): ZoneSettings {
    return settingsOf(this.#state);
  }

  /** What has to be changed in the camera's settings (RFC 7396); null: nothing. */
  patch(): Readonly<Record<string, unknown>> | null {
    const patch = mergePatch(settingsOf(this.#saved), this.settings());
    return patch !== undefined && Object.keys(patch).length > 0 ? patch : null;
  }
}

function zoneOf(id: string, zone: ZoneConfig): Zone {
  return { ...zone, id, from: id };
}

function settingsOf({ zones, rules }: State): ZoneSettings {
  const configured = zones.map(({ id, kind, points, recorded }): readonly [string, ZoneConfig] => {
    const corners = points.map(([x, y]): [number, number] => [x, y]);
    return [id, { kind, points: corners, ...(recorded === undefined ? {} : { recorded }) }];
  });
  return { zones: Object.fromEntries(configured), rules };
}

/** What makes `after` of `before` (RFC 7396): undefined where they are equal, null for a key that is gone. */
function mergePatch(before: object, after: object): Record<string, unknown> | undefined {
  const [old, next] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(old)) if (next[key] === undefined && old[key] !== undefined) patch[key] = null;
  for (const [key, value] of Object.entries(next)) {
    if (value === undefined || JSON.stringify(value) === JSON.stringify(old[key])) continue;
    const deeper = isMap(old[key]) && isMap(value) ? mergePatch(old[key], value) : value;
    if (deeper !== undefined) patch[key] = deeper;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Rules that follow a zone to its new name. */
export function rulesRenamed(rules: Rules, id: string, to: string): Rules {
  const { bed, visits } = rules;
  return {
    ...rules,
    ...(bed?.zone === id ? { bed: { ...bed, zone: to } } : {}),
    ...(visits ? { visits: { ...visits, zones: mapped(visits.zones, (zone) => (zone === id ? to : zone)) } } : {}),
  };
}

function mapped<T>(entries: Readonly<Record<string, T>>, nameOf: (name: string) => string): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).map(([name, value]) => [nameOf(name), value]));
}

/** Rules with these settings for visits of a zone; undefined: who comes and goes there is not recorded. */
export function withVisits(rules: Rules, from: string, id: string, settings: VisitSettings | undefined): Rules {
  const { visits, ...others } = rules;
  const { [id]: _, ...zones } = visits?.zones ?? {};
  const next = settings === undefined ? zones : { ...zones, [id]: settings };
  // The rule needs a zone.
  if (Object.keys(next).length === 0) return others;
  return { ...others, visits: { from: visits?.from ?? from, zones: next } };
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
