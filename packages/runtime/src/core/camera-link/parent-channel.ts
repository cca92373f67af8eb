import type { FromCamera } from './camera-link.ts';

/** Messages waiting in the pipe to a parent that does not read. */
const UNSENT_LIMIT = 128;

/** A child's end of the channel to its parent. Never queues without bound: what does not fit is dropped, and the sender told. */
export class ParentChannel {
  #unsent = 0;

  /**
   * False when the message was dropped: the parent is gone or does not read.
   *
   * @param then Called once the message is out, or dropped.
   */
  send(message: FromCamera, then: () => void = () => undefined): boolean {
    if (!process.connected || this.#unsent >= UNSENT_LIMIT) {
      then();
      return false;
    }
    this.#unsent += 1;
    process.send?.(message, undefined, undefined, () => {
      this.#unsent -= 1;
      then();
    });
    return true;
  }
}
