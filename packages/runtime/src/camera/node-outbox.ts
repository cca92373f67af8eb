import type { EventMessage, WorkerStateMessage } from '@vigia/contracts';
import type { RuleNotice } from '#core/camera-link';

/** What the consumers and rules of a camera report besides results. */
export type ConsumerNews =
  | { readonly type: 'worker_state'; readonly state: WorkerStateMessage }
  | { readonly type: 'event'; readonly event: EventMessage }
  | { readonly type: 'rule'; readonly notice: RuleNotice };

/** Messages that may wait for a node that does not read, alarms apart. */
const WAITING_LIMIT = 256;
/** Alarms that may wait: more than the workers of a camera can raise while a node is merely slow. */
const ALARMS_LIMIT = 4_096;

/** How much was discarded since the node last read everything. */
export interface Lost {
  readonly messages: number;
  /** Of these. */
  readonly alarms: number;
}
const NOTHING: Lost = { messages: 0, alarms: 0 };

/**
 * Sends states and events to the node in order, and keeps those that it does not take. When too many wait, the oldest
 * that is no alarm is discarded; only when thousands of alarms wait, the oldest of these. What is discarded is counted.
 */
export class NodeOutbox {
  readonly #send: (message: ConsumerNews) => boolean;
  #waiting: ConsumerNews[] = [];
  #alarms = 0;
  #lost = NOTHING;
  readonly #onLost: (lost: Lost) => void;

  /**
   * @param send Returns false when the node did not take the message.
   * @param onLost Called when the first alarm is discarded, and when the node has read everything after a loss.
   */
  constructor(send: (message: ConsumerNews) => boolean, onLost: (lost: Lost) => void) {
    this.#send = send;
    this.#onLost = onLost;
  }

  post(message: ConsumerNews): void {
    this.#waiting.push(message);
    if (isAlarm(message)) this.#alarms += 1;
    if (this.#waiting.length - this.#alarms > WAITING_LIMIT) this.#discard((waiting) => !isAlarm(waiting));
    else if (this.#alarms > ALARMS_LIMIT) this.#discard(isAlarm);
    this.flush();
  }

  /** Tries again to send what waits. */
  flush(): void {
    while (this.#waiting[0] && this.#send(this.#waiting[0])) {
      if (isAlarm(this.#waiting[0])) this.#alarms -= 1;
      this.#waiting.shift();
    }
    if (this.#waiting.length > 0 || this.#lost === NOTHING) return;
    this.#onLost(this.#lost);
    this.#lost = NOTHING;
  }

  #discard(which: (message: ConsumerNews) => boolean): void {
    const at = this.#waiting.findIndex(which);
    if (at < 0) return;
    const alarm = isAlarm(this.#waiting[at] as ConsumerNews);
    this.#waiting = this.#waiting.toSpliced(at, 1);
    this.#lost = { messages: this.#lost.messages + 1, alarms: this.#lost.alarms + (alarm ? 1 : 0) };
    if (!alarm) return;
    this.#alarms -= 1;
    if (this.#lost.alarms === 1) this.#onLost(this.#lost);
  }
}

/** All that is part of an alarm is kept like one: a listener that got its start must get its end. */
function isAlarm(message: ConsumerNews): boolean {
  if (message.type === 'rule') return message.notice.phase !== null;
  return message.type === 'event' ? message.event.alarm : message.state.alarm;
}
