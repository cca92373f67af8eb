import type { EventMessage, WorkerStateMessage } from '@vigia/contracts';

/** What the consumers of a camera report besides results. */
export type ConsumerNews =
  | { readonly type: 'worker_state'; readonly state: WorkerStateMessage }
  | { readonly type: 'event'; readonly event: EventMessage };

/** Messages that may wait for a node that does not read, alarms apart. */
const WAITING_LIMIT = 256;
/** Alarms that may wait: more than the workers of a camera can raise while a node is merely slow. */
const ALARMS_LIMIT = 4_096;

/**
 * Sends states and events to the node in order, and keeps those that it does not take. When too many wait, the oldest
 * that is no alarm is discarded.
 */
export class NodeOutbox {
  readonly #send: (message: ConsumerNews) => boolean;
  #waiting: ConsumerNews[] = [];
  #alarms = 0;
  readonly #onAlarmLost: () => void;

  /**
   * @param send Returns false when the node did not take the message.
   * @param onAlarmLost An alarm was discarded: the node has not read for thousands of them.
   */
  constructor(send: (message: ConsumerNews) => boolean, onAlarmLost: () => void) {
    this.#send = send;
    this.#onAlarmLost = onAlarmLost;
  }

  post(message: ConsumerNews): void {
    this.#waiting.push(message);
    if (isAlarm(message)) this.#alarms += 1;
    if (this.#waiting.length - this.#alarms > WAITING_LIMIT) this.#discard((waiting) => !isAlarm(waiting));
    else if (this.#alarms > ALARMS_LIMIT) {
      this.#discard(isAlarm);
      this.#onAlarmLost();
    }
    this.flush();
  }

  /** Tries again to send what waits. */
  flush(): void {
    while (this.#waiting[0] && this.#send(this.#waiting[0])) {
      if (isAlarm(this.#waiting[0])) this.#alarms -= 1;
      this.#waiting.shift();
    }
  }

  #discard(which: (message: ConsumerNews) => boolean): void {
    const at = this.#waiting.findIndex(which);
    if (at < 0) return;
    if (isAlarm(this.#waiting[at] as ConsumerNews)) this.#alarms -= 1;
    this.#waiting = this.#waiting.toSpliced(at, 1);
  }
}

function isAlarm(message: ConsumerNews): boolean {
  return message.type === 'event' ? message.event.alarm : message.state.alarm;
}
