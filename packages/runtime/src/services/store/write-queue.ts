import { type Clock, messageOf, VigiaError } from '@vigia/base';
import type { StoredEvent } from './event-log.ts';

/** An event that is not stored by then is reported as late. It is stored later, if it can be. */
const LATE_MS = 2_000;
const RETRY_MS = 1_000;
/** Events of one transaction. */
const BATCH = 256;
/** What may wait for the disk. */
const LIMIT = { events: 16_384, characters: 8 * 1024 * 1024 } as const;

/** Options of {@link WriteQueue}. */
export interface WriteQueueOptions {
  /** Writes events in one transaction. Writing one again changes nothing. */
  readonly write: (events: readonly StoredEvent[]) => Promise<void>;
  readonly clock: Clock;
  /** The disk does not take events. Called once, until `onRecovered`. */
  readonly onFailing: (why: string) => void;
  /** It does again, and has taken what waited. @param discarded Events for which there was no room meanwhile. */
  readonly onRecovered: (discarded: number) => void;
}

interface Waiting {
  readonly event: StoredEvent;
  readonly settle: (error?: VigiaError) => void;
}

/**
 * Events on their way to the disk, in order. While the disk takes none they wait here, bounded, and are tried again: a
 * full disk loses nothing that fits.
 */
export class WriteQueue {
  readonly #o: WriteQueueOptions;
  #waiting: Waiting[] = [];
  #characters = 0;
  #discarded = 0;
  #failing: string | undefined;
  #working: Promise<void> | undefined;
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(options: WriteQueueOptions) {
    this.#o = options;
  }

  /** How many events wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Writes an event, with others in one transaction. Resolves when it is stored.
   *
   * @throws VigiaError `store_late` when the disk has not taken it within 2 s: it still waits. `store_full` when there is
   *   no room to wait: it is not stored.
   */
  append(event: StoredEvent): Promise<void> {
    if (this.#closed) return Promise.reject(new VigiaError('store_full', 'the store is closed'));
    const { events, characters } = LIMIT;
    if (this.#waiting.length >= events || this.#characters + event.body.length > characters) {
      this.#discarded += 1;
      return Promise.reject(new VigiaError('store_full', `${this.#waiting.length} events wait for the disk already`));
    }
    this.#characters += event.body.length;
    return new Promise((resolve, reject) => {
      const late = this.#o.clock.after(LATE_MS, () => reject(this.#late()), { unref: true });
      const settle = (error?: VigiaError): void => {
        late.cancel();
        if (error) reject(error);
        else resolve();
      };
      this.#waiting.push({ event, settle });
      this.#working ??= this.#work();
    });
  }

  /** Writes what waits, unless the disk takes nothing. @returns how many events are lost. */
  async close(): Promise<number> {
    this.#closed = true;
    this.#wake();
    await this.#working;
    for (const { settle } of this.#waiting) settle(new VigiaError('store_full', 'the node ends'));
    return this.#waiting.length;
  }

  #late(): VigiaError {
    this.#fail(`it takes longer than ${LATE_MS / 1000} s`);
    return new VigiaError('store_late', `it is not stored yet: ${this.#failing}`);
  }

  #fail(why: string): void {
    if (this.#failing === undefined) this.#o.onFailing(why);
    this.#failing ??= why;
  }

  async #work(): Promise<void> {
    // One transaction at a time: what comes meanwhile becomes the next one.
    while (this.#waiting.length > 0) {
      if (await this.#writeBatch()) continue;
      if (this.#closed) break;
      await this.#pause();
    }
    this.#working = undefined;
  }

  async #writeBatch(): Promise<boolean> {
    const batch = this.#waiting.slice(0, BATCH);
    try {
      await this.#o.write(batch.map(({ event }) => event));
    } catch (error) {
      this.#fail(messageOf(error));
      return false;
    }
    this.#waiting = this.#waiting.slice(batch.length);
    for (const { event, settle } of batch) {
      this.#characters -= event.body.length;
      settle();
    }
    // Not before everything is stored that waited: some of it was late.
    if (this.#failing !== undefined && this.#waiting.length === 0) {
      const discarded = this.#discarded;
      this.#failing = undefined;
      this.#discarded = 0;
      this.#o.onRecovered(discarded);
    }
    return true;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#o.clock.after(RETRY_MS, resolve, { unref: true });
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
