import type { ResultMessage } from '@vigia/contracts';
import type { NodeStatus } from '@vigia/contracts';

const KEPT = 256;
/** The views show the last ten seconds. */
const WINDOW_MS = 10_000;

/** Recent results of one consumer: bounded, and sorted only when drawn. */
export class RecentResults {
  readonly #ages = new Float64Array(KEPT);
  readonly #atMs = new Float64Array(KEPT).fill(Number.NEGATIVE_INFINITY);
  #count = 0;
  /** The newest result. */
  last: ResultMessage | undefined;

  add(result: ResultMessage, nowMs: number): void {
    this.last = result;
    if (result.status !== 'ok') return;
    const at = this.#count % KEPT;
    this.#ages[at] = result.age_ms;
    this.#atMs[at] = nowMs;
    this.#count += 1;
  }

  /** Quantile 0..1 of the ages, milliseconds; undefined without an ok result. */
  age(quantile: number, nowMs: number): number | undefined {
    const ages = this.#ages.filter((_, i) => nowMs - (this.#atMs[i] as number) < WINDOW_MS).sort();
    return ages.length === 0 ? undefined : ages[Math.min(ages.length - 1, Math.floor(quantile * ages.length))];
  }

  /** The newest result's objects, `6 person, 1 car`, or its status when it is not ok. */
  sees(): string {
    if (!this.last) return '–';
    if (!this.last.detections) return this.last.status;
    const counts = new Map<string, number>();
    for (const { class_name: name } of this.last.detections) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts.size === 0 ? 'nothing' : [...counts].map(([name, n]) => `${n} ${name}`).join(', ');
  }
}

/** Turns a growing count into a rate per second, over about two seconds. */
export class Rate {
  #points: { readonly atMs: number; readonly count: number }[] = [];

  /** Adds a reading and returns the current rate; undefined before the second reading. */
  read(count: number, nowMs: number): number | undefined {
    this.#points.push({ atMs: nowMs, count });
    while (this.#points.length > 2 && nowMs - (this.#points[0] as { atMs: number }).atMs > 2_500) this.#points.shift();
    const first = this.#points[0] as { atMs: number; count: number };
    return nowMs - first.atMs < 100 ? undefined : Math.max(0, ((count - first.count) / (nowMs - first.atMs)) * 1000);
  }
}

/** One object per key, created on first use. */
export class Keyed<T> {
  readonly #values = new Map<string, T>();
  readonly #make: () => T;

  constructor(make: () => T) {
    this.#make = make;
  }

  get(key: string): T {
    const known = this.#values.get(key);
    if (known) return known;
    const made = this.#make();
    this.#values.set(key, made);
    return made;
  }

  get size(): number {
    return this.#values.size;
  }

  /** Removes all other keys. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#values.keys()) if (!keys.has(key)) this.#values.delete(key);
  }
}

/** Forgets removed cameras, consumers and models, so that the lists do not grow with every reload. */
export function keepOnly(status: NodeStatus, ...lists: readonly Keyed<unknown>[]): void {
  const keys = new Set([...status.models.keys()].map((id) => `model ${id}`));
  for (const [id, { report }] of status.cameras) {
    keys.add(id);
    for (const name of Object.keys(report.consumers)) keys.add(`${id}/${name}`);
  }
  for (const list of lists) list.keep(keys);
}
