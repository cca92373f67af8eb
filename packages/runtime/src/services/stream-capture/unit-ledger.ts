/** Access units are conserved (AD2): captured = published + noDemand + undecodable + late + inDecoder, at any moment. */
export interface UnitCounters {
  readonly captured: number;
  readonly published: number;
  /** Pictures were not wanted, or not of this kind (`keyframes`). */
  readonly noDemand: number;
  readonly undecodable: number;
  readonly late: number;
  /** In the decoder, or just out of it and not yet published. */
  readonly inDecoder: number;
  /** Published although something of them, or of what they build on, was lost. Not a term of the sum. */
  readonly concealed: number;
}

/** Counts access units. Its methods are the only transitions of a unit, and each one keeps the sum. */
export class UnitLedger {
  readonly #counters = {
    captured: 0,
    published: 0,
    noDemand: 0,
    undecodable: 0,
    late: 0,
    inDecoder: 0,
    concealed: 0,
  };

  /** A unit arrived and is not decoded. */
  skipped(reason: 'noDemand' | 'undecodable'): void {
    this.#counters.captured += 1;
    this.#counters[reason] += 1;
  }

  /** A unit arrived and goes into the decoder. */
  entered(): void {
    this.#counters.captured += 1;
    this.#counters.inDecoder += 1;
  }

  /** Units in the decoder will give no picture, or none that can be used. */
  failed(units = 1): void {
    this.#counters.inDecoder -= units;
    this.#counters.undecodable += units;
  }

  /** A newer picture took the place of this one before it was published. */
  overtaken(): void {
    this.#counters.inDecoder -= 1;
    this.#counters.late += 1;
  }

  /** @param concealed Whether something of it, or of what it builds on, was lost. */
  published(concealed: boolean): void {
    this.#counters.inDecoder -= 1;
    this.#counters.published += 1;
    if (concealed) this.#counters.concealed += 1;
  }

  /** A consistent copy. */
  counters(): UnitCounters {
    return { ...this.#counters };
  }
}
