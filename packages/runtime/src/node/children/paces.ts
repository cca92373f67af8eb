import type { Slowed } from '@vigia/contracts';

/** The rates of a camera's slowed consumers, as its processes have them. */
export class Paces {
  readonly #slowed = new Map<string, Slowed>();
  /** Consumers whose process did not take the last change. */
  readonly #owed = new Set<string>();

  /** By consumer. Every new process receives them. */
  get current(): ReadonlyMap<string, Slowed> {
    return this.#slowed;
  }

  /**
   * Takes over the wanted rates. Comparing with what was sent, instead of passing on each change, keeps
   * both in step when a consumer is changed, removed or added again meanwhile.
   *
   * @param tell Called for each rate that differs; null restores the configured one. Returns whether the message left;
   *   otherwise it is repeated by the next call.
   */
  follow(wanted: ReadonlyMap<string, Slowed>, tell: (consumer: string, slowed: Slowed | null) => boolean): void {
    for (const consumer of new Set([...this.#slowed.keys(), ...this.#owed, ...wanted.keys()])) {
      const slowed = wanted.get(consumer);
      if (slowed?.fps === this.#slowed.get(consumer)?.fps && !this.#owed.has(consumer)) continue;
      if (slowed) this.#slowed.set(consumer, slowed);
      else this.#slowed.delete(consumer);
      if (tell(consumer, slowed ?? null)) this.#owed.delete(consumer);
      else this.#owed.add(consumer);
    }
  }
}
