import type { Clock, Timer } from './clock.ts';

/** Options of {@link StartGate}. */
export interface StartGateOptions {
  readonly clock: Clock;
  /** How many processes may be starting at the same time, 1 or more. */
  readonly places: number;
  /** A process that is not ready by then no longer keeps others from starting. Milliseconds. */
  readonly heldMs: number;
}

/**
 * Lets a few processes start at a time. A start takes half a second of CPU: if all processes of a large node start at once,
 * none is ready before its time limit, and all are killed and started again, without end.
 */
export class StartGate {
  readonly #o: StartGateOptions;
  readonly #queue = new Set<StartPlace>();
  readonly #starting = new Map<StartPlace, Timer>();

  constructor(options: StartGateOptions) {
    this.#o = options;
  }

  /** A place for a process and its successors. */
  place(): StartPlace {
    return new StartPlace(
      (place) => {
        this.#queue.add(place);
        this.#next();
      },
      (place) => {
        this.#queue.delete(place);
        this.#starting.get(place)?.cancel();
        if (this.#starting.delete(place)) this.#next();
      },
    );
  }

  #next(): void {
    const { clock, places, heldMs } = this.#o;
    for (const place of this.#queue) {
      if (this.#starting.size >= places) return;
      this.#queue.delete(place);
      this.#starting.set(
        place,
        clock.after(heldMs, () => place.leave()),
      );
      place.begin?.();
    }
  }
}

/** One process's turn to start. */
export class StartPlace {
  readonly #enter: (place: StartPlace) => void;
  readonly #leave: (place: StartPlace) => void;
  /** What to do in its turn. */
  begin: (() => void) | undefined;

  constructor(enter: (place: StartPlace) => void, leave: (place: StartPlace) => void) {
    this.#enter = enter;
    this.#leave = leave;
  }

  /** Calls `begin` in its turn: at once, if there is room. */
  take(begin: () => void): void {
    this.begin = begin;
    this.#enter(this);
  }

  /** The process is ready, has ended, or is not to start any more. Idempotent. */
  leave(): void {
    this.begin = undefined;
    this.#leave(this);
  }
}
