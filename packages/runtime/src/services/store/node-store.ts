import { Worker } from 'node:worker_threads';
import { Channel, type Clock, type Log, messageOf, VigiaError } from '@vigia/base';
import type { EventQuery, NodeEvent } from '@vigia/contracts';
import type { Pruned, Retention } from './pruning.ts';
import { STORE_WORDS, type StoreWords, THREAD_WORDS, type ThreadSetup, type ThreadWords } from './words.ts';
import { WriteQueue } from './write-queue.ts';

/** The compiled script, from sources and build alike: Node 20 cannot start a thread from TypeScript. */
const THREAD = new URL('../../../dist/services/store/store-thread.js', import.meta.url);
const OPEN_MS = 30_000;
const ASK_MS = 10_000;
const CLOSE_MS = 2_000;
/** Readings that are under way or wait. */
const READINGS = 256;

/**
 * The disk takes no events, or takes them again (`discarded`: events for which there was no room meanwhile); or the file was
 * damaged (`discarded`: events that are gone, as far as they can be counted).
 */
export type StoreTrouble =
  | { readonly state: 'failing'; readonly why: string }
  | { readonly state: 'ok'; readonly discarded: number }
  | { readonly state: 'damaged'; readonly message: string; readonly discarded: number };

/** Options of {@link NodeStore.open}. */
export interface NodeStoreOptions {
  /** The file; its folder is created. */
  readonly path: string;
  readonly durability: 'process' | 'power';
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The node's store: one SQLite file in a thread, so that no disk ever holds up the supervisor's loop. Owns the thread.
 */
export class NodeStore {
  readonly #o: NodeStoreOptions;
  readonly #thread: Worker;
  readonly #channel: Channel<StoreWords, ThreadWords>;
  readonly #queue: WriteQueue;
  #readings = 0;
  #reading: Promise<void> = Promise.resolve();
  /** The id that an earlier run stored last. */
  lastId: string | undefined;
  /** Resolves when everything that was stored before has been read once. Damage was reported by then. */
  readonly checked: Promise<void>;
  /** What happened before anybody asked. */
  readonly #troubles: StoreTrouble[] = [];
  #onTrouble = (trouble: StoreTrouble): void => void this.#troubles.push(trouble);

  private constructor(options: NodeStoreOptions, onOpen: (why: string | undefined) => void) {
    this.#o = options;
    const { path, durability, clock } = options;
    const setup: ThreadSetup = { path, durability };
    let onChecked = (): void => undefined;
    this.checked = new Promise((resolve) => {
      onChecked = resolve;
    });
    this.#thread = new Worker(THREAD, { workerData: setup, name: 'store' });
    this.#channel = new Channel<StoreWords, ThreadWords>({
      peer: 'the store',
      port: {
        send: (message, done) => {
          this.#thread.postMessage(message);
          done(null);
        },
      },
      clock,
      speaks: STORE_WORDS,
      hears: THREAD_WORDS,
      handlers: {
        requests: {},
        notices: {
          opened: ({ lastId }) => {
            this.lastId = lastId ?? undefined;
            onOpen(undefined);
          },
          failed: ({ message, forNow }) => onOpen(forNow ? undefined : message),
          damaged: (damage) => this.#onTrouble({ state: 'damaged', ...damage }),
          checked: () => onChecked(),
        },
      },
      onProblem: (problem) => options.log.warn(problem.message),
    });
    this.#thread.on('message', (message: unknown) => this.#channel.receive(message));
    this.#thread.on('error', (error) => {
      onOpen(messageOf(error));
      options.log.error(`the store failed: ${messageOf(error)}`);
    });
    this.#thread.once('exit', () => {
      onOpen('its thread ended');
      this.#channel.close('its thread ended');
    });
    this.#queue = new WriteQueue({
      clock,
      write: async (events) => void (await this.#channel.request('append', [...events], { deadlineMs: ASK_MS })),
      onFailing: (why) => this.#onTrouble({ state: 'failing', why }),
      onRecovered: (discarded) => this.#onTrouble({ state: 'ok', discarded }),
    });
    // The store is no reason for a node to live.
    this.#thread.unref();
  }

  /**
   * Opens or creates the store. When its disk does not let it now (read-only, full), events wait in memory until it does.
   *
   * @throws VigiaError `store_failed` when no file can be there.
   */
  static async open(options: NodeStoreOptions): Promise<NodeStore> {
    const { clock, path } = options;
    let store: NodeStore | undefined;
    const why = await new Promise<string | undefined>((resolve) => {
      const timer = clock.after(OPEN_MS, () => resolve(`it did not open within ${OPEN_MS / 1000} s`));
      store = new NodeStore(options, (problem) => {
        timer.cancel();
        resolve(problem);
      });
    });
    if (store && why === undefined) return store;
    if (store) await store.#thread.terminate();
    throw new VigiaError('store_failed', `the store ${path} cannot be used: ${why}`);
  }

  /** Receives what happened to the store so far, and what will. */
  watch(onTrouble: (trouble: StoreTrouble) => void): void {
    this.#onTrouble = onTrouble;
    for (const trouble of this.#troubles.splice(0)) onTrouble(trouble);
  }

  /**
   * Stores an event, with others in one transaction. Resolves when it is stored.
   *
   * @throws VigiaError `store_late` when the disk has not taken it within 2 s: it is stored when the disk takes it;
   *   `store_full` when too many wait already.
   */
  append(event: NodeEvent): Promise<void> {
    const { id, at, camera, kind, severity } = event;
    return this.#queue.append({ id, atMs: Date.parse(at), camera, kind, severity, body: JSON.stringify(event) });
  }

  /**
   * Matching events, oldest first. One reading at a time: events that are to be stored wait for one at most.
   *
   * @throws VigiaError `busy` when many wait already.
   */
  async read(query: EventQuery): Promise<NodeEvent[]> {
    return parsed(await this.#inTurn(() => this.#channel.request('read', query, { deadlineMs: ASK_MS })));
  }

  /** How many events match, `limit` at most. Waits and throws like `read`. */
  count(query: EventQuery): Promise<number> {
    return this.#inTurn(() => this.#channel.request('count', query, { deadlineMs: ASK_MS }));
  }

  async #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#readings >= READINGS) throw new VigiaError('busy', `${READINGS} readings of the store wait already`);
    this.#readings += 1;
    const done = this.#reading.then(ask);
    this.#reading = done.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await done;
    } finally {
      this.#readings -= 1;
    }
  }

  /** Registers a reader that must not miss an event. A new one begins with what is stored from now on. */
  async begin(name: string): Promise<void> {
    await this.#channel.request('begin', name, { deadlineMs: ASK_MS });
  }

  /** The next events of such a reader. */
  async unread(name: string, limit: number): Promise<NodeEvent[]> {
    return parsed(await this.#channel.request('unread', { name, limit }, { deadlineMs: ASK_MS }));
  }

  /** Such a reader has dealt with everything up to this event. */
  async advance(name: string, id: string): Promise<void> {
    await this.#channel.request('advance', { name, id }, { deadlineMs: ASK_MS });
  }

  /** Forgets the readers whose names begin so, except these: nobody reads on there. */
  async forgetOthers(prefix: string, names: readonly string[]): Promise<void> {
    await this.#channel.request('forgetOthers', { prefix, names: [...names] }, { deadlineMs: ASK_MS });
  }

  /** Removes what retention does not keep. */
  prune(retention: Retention): Promise<Pruned> {
    const ask = { ...retention, nowMs: this.#o.clock.wallMs() };
    return this.#channel.request('prune', ask, { deadlineMs: ASK_MS });
  }

  /** Waits for what is being stored, closes the file and ends the thread. */
  async close(): Promise<void> {
    const lost = await this.#queue.close();
    if (lost > 0) this.#o.log.error(`${lost} events are lost: the disk did not take them before the end`);
    await this.#channel.request('close', null, { deadlineMs: CLOSE_MS }).catch(() => undefined);
    this.#channel.close('the node ends');
    await this.#thread.terminate();
  }
}

function parsed(bodies: readonly string[]): NodeEvent[] {
  return bodies.map((body) => JSON.parse(body) as NodeEvent);
}
