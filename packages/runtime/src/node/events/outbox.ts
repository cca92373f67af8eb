import { type Clock, type Log, messageOf } from '@vigia/base';
import type { NodeEvent } from '@vigia/contracts';

/** Where a reader's place and the events after it are kept. */
export interface OutboxSource {
  begin(name: string): Promise<void>;
  unread(name: string, limit: number): Promise<readonly NodeEvent[]>;
  advance(name: string, id: string): Promise<void>;
  /** Forgets the readers whose names begin so, except these. */
  forgetOthers(prefix: string, names: readonly string[]): Promise<void>;
}

/** Options of {@link Outbox}. */
export interface OutboxOptions {
  /** The reader's name: it finds its place again after a restart. */
  readonly name: string;
  readonly source: OutboxSource;
  /**
   * Called for a few events at a time, in their order: what it sends before it first waits must keep that order. Resolves with
   * true when the other side has acknowledged the event, with false when nobody is to deliver it now.
   */
  readonly deliver: (event: NodeEvent) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Events that are read at a time: as many may come twice after a crash. */
const BATCH = 128;
/** Events on their way at the same time. A broker may allow only 20 unacknowledged messages. */
const TOGETHER = 12;
const RETRY_MS = 1_000;

/**
 * Delivers every stored event to one reader: in order, at least once, from where it was, over restarts. Events wait in
 * the store and not in memory.
 */
export class Outbox {
  readonly #o: OutboxOptions;
  #closed = false;
  /** The reader is known to the source. */
  #begun = false;
  #news = false;
  #wake: (() => void) | undefined;
  #done: Promise<void> | undefined;
  /** A failure is logged once, until it is over. */
  #complained = false;
  #caughtUp: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#o = options;
  }

  /** Begins to deliver. A reader that is new begins with what is stored from now on. */
  start(): void {
    this.#done ??= this.#run();
  }

  /** An event was stored, or somebody is there again to deliver to. */
  wake(): void {
    this.#news = true;
    this.#wake?.();
  }

  /** Resolves when everything that is stored was delivered, or when nobody is there to deliver to. */
  caughtUp(): Promise<void> {
    return new Promise((resolve) => {
      this.#caughtUp.push(resolve);
      this.wake();
    });
  }

  /** Ends after the delivery that is under way. Resolves when its place is stored. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#news = false;
      const delivered = await this.#try(() => this.#deliverBatch());
      if (delivered === undefined) await this.#pause(RETRY_MS);
      else if (delivered === 0 && !this.#news) {
        this.#settleCaughtUp();
        await this.#pause(undefined);
      }
    }
    this.#settleCaughtUp();
  }

  #settleCaughtUp(): void {
    for (const resolve of this.#caughtUp.splice(0)) resolve();
  }

  /** @returns how many were delivered. */
  async #deliverBatch(): Promise<number> {
    const { name, source } = this.#o;
    if (!this.#begun) await source.begin(name);
    this.#begun = true;
    const events = await source.unread(name, BATCH);
    const delivered = await this.#deliverAll(events);
    const last = events[delivered - 1];
    if (last) await source.advance(name, last.id);
    return delivered;
  }

  /**
   * Keeps a few on their way: each acknowledgement is answered with the next event. Waiting for all of a group would
   * cost the 40 ms after which a kernel acknowledges what nothing follows.
   *
   * @returns how many of the first ones were delivered.
   */
  async #deliverAll(events: readonly NodeEvent[]): Promise<number> {
    const underWay: Promise<boolean>[] = [];
    let delivered = 0;
    let next = 0;
    for (let acknowledged = true; acknowledged && delivered < events.length; ) {
      while (underWay.length < TOGETHER && next < events.length && !this.#closed)
        underWay.push(this.#o.deliver(events[next++] as NodeEvent));
      acknowledged = (await underWay.shift()) ?? false;
      if (acknowledged) delivered += 1;
    }
    await Promise.all(underWay);
    return delivered;
  }

  /** Undefined when it failed. */
  async #try<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.#complained = false;
      return result;
    } catch (error) {
      if (!this.#complained && !this.#closed) this.#o.log.error(`outbox ${this.#o.name}: ${messageOf(error)}`);
      this.#complained = true;
      return undefined;
    }
  }

  /** Until `wake`, `close`, or for so long. */
  #pause(ms: number | undefined): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : this.#o.clock.after(ms, () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        timer?.cancel();
        resolve();
      };
    });
  }
}
