import type { NodeStatus } from '@vigia/contracts';

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
  const keys = new Set(Object.keys(status.models).map((id) => `model ${id}`));
  for (const [id, { report }] of Object.entries(status.cameras)) {
    keys.add(id);
    for (const name of Object.keys(report.consumers)) keys.add(`${id}/${name}`);
  }
  for (const list of lists) list.keep(keys);
}
