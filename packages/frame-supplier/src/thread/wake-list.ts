/**
 * Wakes any number of sleeping threads at a constant cost for the publisher.
 *
 * Waking one thread costs 5–10 µs, waking 64 up to 2 ms. So the publisher lists all threads to wake and wakes two of
 * them; each woken thread wakes two more from the list (a tree: the last of 64 after six steps). Threads that do not
 * sleep help as well. A thread that dies breaks no chain: the others, and the publisher in its next turn, claim what is
 * left on the list.
 *
 * Words: number of tickets written, number claimed, then the tickets (seats) in a ring.
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

  /** Publisher only: lists a seat to be woken. */
  push(seat: number): void {
    const issued = Atomics.load(this.#list, ISSUED);
    // Impossible while each seat has at most one open ticket; otherwise the oldest is served here.
    if (((issued - Atomics.load(this.#list, CLAIMED)) | 0) >= CAPACITY) this.#wakeOne();
    Atomics.store(this.#list, TICKETS + (issued & (CAPACITY - 1)), seat);
    Atomics.store(this.#list, ISSUED, (issued + 1) | 0);
  }

  /** Wakes up to {@link WAKE_FANOUT} listed seats. */
  wakeSome(): void {
    for (let i = 0; i < WAKE_FANOUT; i += 1) if (!this.#wakeOne()) return;
  }

  #wakeOne(): boolean {
    for (;;) {
      const claimed = Atomics.load(this.#list, CLAIMED);
      if (claimed === Atomics.load(this.#list, ISSUED)) return false;
      // Read before it is claimed: afterwards the publisher may overwrite it.
      const seat = Atomics.load(this.#list, TICKETS + (claimed & (CAPACITY - 1)));
      if (Atomics.compareExchange(this.#list, CLAIMED, claimed, (claimed + 1) | 0) === claimed) {
        this.#notify(seat);
        return true;
      }
    }
  }
}
