import type { Slowed } from '@vigia/contracts';

/** The rates of a camera's slowed consumers, as sent to its processes. */
export class Paces {
  readonly #slowed = new Map<string, Slowed>();

  /** By consumer. Every new process receives them. */
  get current(): ReadonlyMap<string, Slowed> {
    return this.#slowed;
  }

  /**
   * Takes over the wanted rates. Comparing with what was sent, instead of passing on each change, keeps
   * both in step when a consumer is changed, removed or added again meanwhile.
   *
   * @param tell Called for each rate that differs; null restores the configured one.
   */
  follow(wanted: ReadonlyMap<string, Slowed>, tell: (consumer: string, slowed: Slowed | null) => void): void {
    for (const consumer of new Set([...this.#slowed.keys(), ...wanted.keys()])) {
      const slowed = wanted.get(consumer);
      if (slowed?.fps === this.#slowed.get(consumer)?.fps) continue;
      if (slowed) this.#slowed.set(consumer, slowed);
      else this.#slowed.delete(consumer);
      tell(consumer, slowed ?? null);
    }
  }
}
