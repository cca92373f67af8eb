import type { Clock } from '@vigia/base';
import type { FaultName } from './fault-list.ts';
import type { Fault } from './parse-faults.ts';

/** An active fault. */
export interface ActiveFault extends Fault {
  /** When it began, `clock.nowMs`. */
  readonly sinceMs: number;
}

/** Differences after {@link FaultBoard.set}. */
export interface FaultChange {
  readonly began: readonly ActiveFault[];
  readonly ended: readonly ActiveFault[];
}

/** The active faults. One board per camera; only the camera writes. */
export class FaultBoard {
  readonly #clock: Clock;
  #active: readonly ActiveFault[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get active(): readonly ActiveFault[] {
    return this.#active;
  }

  /** The active fault of that name. The same object for as long as it is active. */
  get(name: FaultName): ActiveFault | undefined {
    return this.#active.find((fault) => fault.name === name);
  }

  /** Replaces the active faults. A fault with unchanged text continues. */
  set(faults: readonly Fault[]): FaultChange {
    const before = this.#active;
    const sinceMs = this.#clock.nowMs();
    this.#active = faults.map((fault) => before.find((one) => one.text === fault.text) ?? { ...fault, sinceMs });
    return {
      began: this.#active.filter((fault) => !before.includes(fault)),
      ended: before.filter((fault) => !this.#active.includes(fault)),
    };
  }
}
