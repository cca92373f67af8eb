import type { FromCamera } from '#core/camera-link';

/** Messages that may wait for a supervisor that does not read. Beyond that the oldest are of no use to it any more. */
const WAITING_LIMIT = 256;

/** Sends states and events to the supervisor in order, and keeps those that it does not take: no alarm may get lost. */
export class SupervisorOutbox {
  readonly #send: (message: FromCamera) => boolean;
  readonly #waiting: FromCamera[] = [];

  /** @param send Returns false when the supervisor did not take the message. */
  constructor(send: (message: FromCamera) => boolean) {
    this.#send = send;
  }

  post(message: FromCamera): void {
    this.#waiting.push(message);
    if (this.#waiting.length > WAITING_LIMIT) this.#waiting.shift();
    this.flush();
  }

  /** Tries again to send what waits. */
  flush(): void {
    while (this.#waiting[0] && this.#send(this.#waiting[0])) this.#waiting.shift();
  }
}
