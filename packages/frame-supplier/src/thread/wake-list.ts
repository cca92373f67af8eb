/**
 * Wakes any number of sleeping threads at a constant cost for the publisher.
 *
 * Waking one thread costs the waker 5–10 µs, 64 of them up to 2 ms. So the publisher only writes down who is to be woken
 * and wakes two; each thread that comes awake wakes two more from the list (a tree: the last of 64 after six steps). Who
 * does not sleep helps as well. A thread that dies on its way breaks no chain, because what is left on the list is
 * claimed by the others, and by the publisher in its next turn.
 *
 * Words: how many tickets were written, how many were claimed, then the tickets (seats) in a ring.
 */
export const WAKE_FANOUT = 2;

const ISSUED = 0;
const CLAIMED = 1;
const TICKETS = 2;
/** A power of two, so that the counts may wrap. Twice the seats of a table. */
const CAPACITY = 512;

/** Bytes of a wake list. */
export const WAKE_LIST_BYTES: number = (TICKETS + CAPACITY) * 4;

/** One end of a wake list: any thread may claim, only the publisher writes. */
export class WakeList {
  readonly #list: Int32Array;
  readonly #notify: (seat: number) => void;

  /**
   * @param memory WAKE_LIST_BYTES, zeroed at first, shared by all.
   * @param notify Wakes the thread of a seat.
   */
  constructor(memory: SharedArrayBuffer, notify: (seat: number) => void) {
    this.#list = new Int32Array(memory);
    this.#notify = notify;
  }

  /** Publisher only: this seat is to be woken. */
  push(seat: number): void {
    const issued = Atomics.load(this.#list, ISSUED);
    // Cannot be as long as each seat has one ticket open; if it were, the oldest would be served here.
    if (((issued - Atomics.load(this.#list, CLAIMED)) | 0) >= CAPACITY) this.#wakeOne();
    Atomics.store(this.#list, TICKETS + (issued & (CAPACITY - 1)), seat);
    Atomics.store(this.#list, ISSUED, (issued + 1) | 0);
  }

  /** Wakes up to {@link WAKE_FANOUT} of those that are to be woken. */
  wakeSome(): void {
    for (let i = 0; i < WAKE_FANOUT; i += 1) if (!this.#wakeOne()) return;
  }

  #wakeOne(): boolean {
    for (;;) {
      const claimed = Atomics.load(this.#list, CLAIMED);
      if (claimed === Atomics.load(this.#list, ISSUED)) return false;
      // Read before it is claimed: after that the publisher may write over it.
      const seat = Atomics.load(this.#list, TICKETS + (claimed & (CAPACITY - 1)));
      if (Atomics.compareExchange(this.#list, CLAIMED, claimed, (claimed + 1) | 0) === claimed) {
        this.#notify(seat);
        return true;
      }
    }
  }
}
