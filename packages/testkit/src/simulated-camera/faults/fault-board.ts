import type { Clock } from '@vigia/base';
import type { FaultName } from './fault-list.ts';
import type { Fault } from './parse-faults.ts';

/** A fault that is switched on. */
export interface ActiveFault extends Fault {
  /** When it began, `clock.nowMs`. */
  readonly sinceMs: number;
}

/** What {@link FaultBoard.set} changed. */
export interface FaultChange {
  readonly began: readonly ActiveFault[];
  readonly ended: readonly ActiveFault[];
}

/** Which faults are on. One per camera; everybody asks it, only the camera writes. */
export class FaultBoard {
  readonly #clock: Clock;
  #active: readonly ActiveFault[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get active(): readonly ActiveFault[] {
    return this.#active;
  }

  /** The fault of that name, if it is on. The same object for as long as it is. */
  get(name: FaultName): ActiveFault | undefined {
    return this.#active.find((fault) => fault.name === name);
  }

  /** From now on these and no others. A fault that was on with the same text goes on as it was. */
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
