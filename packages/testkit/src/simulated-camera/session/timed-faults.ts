import type { Clock, Timer } from '@vigia/base';
import type { ActiveFault, FaultBoard } from '#simulated-camera/faults';

/** Faults that begin some time after a session's first frame. */
export type TimedFaultName = 'freeze' | 'teardown-silently' | 'end';

const NAMES: readonly TimedFaultName[] = ['freeze', 'teardown-silently', 'end'];

interface Armed {
  readonly fault: ActiveFault;
  timer: Timer | undefined;
  fired: boolean;
}

/** Callbacks of such a fault: its beginning and its end. */
export interface TimedFaultEvents {
  onFault(name: TimedFaultName): void;
  onFaultOver(name: TimedFaultName): void;
}

/** The timers of one session's timed faults. */
export class TimedFaults {
  readonly #clock: Clock;
  readonly #faults: FaultBoard;
  readonly #events: TimedFaultEvents;
  readonly #armed = new Map<TimedFaultName, Armed>();
  #firstUnitMs: number | undefined;
  #closed = false;

  constructor(clock: Clock, faults: FaultBoard, events: TimedFaultEvents) {
    this.#clock = clock;
    this.#faults = faults;
    this.#events = events;
  }

  /** A frame was sent. */
  onUnit(): void {
    if (this.#firstUnitMs !== undefined) return;
    this.#firstUnitMs = this.#clock.nowMs();
    this.update();
  }

  /** The active faults may have changed. */
  update(): void {
    for (const name of NAMES) {
      const fault = this.#faults.get(name);
      const armed = this.#armed.get(name);
      if (armed && armed.fault !== fault) this.#disarm(name, armed);
      if (fault && !this.#armed.has(name)) this.#arm(name, fault);
    }
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    for (const armed of this.#armed.values()) armed.timer?.cancel();
    this.#armed.clear();
  }

  #arm(name: TimedFaultName, fault: ActiveFault): void {
    if (this.#closed || this.#firstUnitMs === undefined) return;
    const armed: Armed = { fault, timer: undefined, fired: false };
    this.#armed.set(name, armed);
    const fire = (): void => {
      armed.fired = true;
      this.#events.onFault(name);
    };
    const waitMs = Math.max(this.#firstUnitMs, fault.sinceMs) + fault.value - this.#clock.nowMs();
    if (waitMs > 0) armed.timer = this.#clock.after(waitMs, fire);
    else fire();
  }

  #disarm(name: TimedFaultName, armed: Armed): void {
    armed.timer?.cancel();
    this.#armed.delete(name);
    if (armed.fired) this.#events.onFaultOver(name);
  }
}
