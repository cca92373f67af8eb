import { Worker } from 'node:worker_threads';
import { Channel, type Clock, type Log, messageOf, VigiaError } from '@vigia/base';
import type { EventQuery, NodeEvent } from '@vigia/contracts';
import type { Pruned, Retention, SetAside, StoredEvent } from './event-log.ts';
import { STORE_WORDS, type StoreWords, THREAD_WORDS, type ThreadSetup, type ThreadWords } from './words.ts';

/** The compiled script, from sources and build alike: Node 20 cannot start a thread from TypeScript. */
const THREAD = new URL('../../../dist/services/store/store-thread.js', import.meta.url);
const OPEN_MS = 30_000;
const ASK_MS = 10_000;
/** A disk that takes longer counts as one that does not store. */
const APPEND_MS = 2_000;
/** Events of one transaction. */
const BATCH = 256;
/** Events that may wait for the disk. */
const WAITING_LIMIT = 16_384;

/** Options of {@link NodeStore.open}. */
export interface NodeStoreOptions {
  /** The file; its folder is created. */
  readonly path: string;
  readonly durability: 'process' | 'power';
  readonly clock: Clock;
  readonly log: Log;
}

/** An event that waits to be stored. */
interface Waiting {
  readonly event: StoredEvent;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The node's store: one SQLite file in a thread, so that no disk ever holds up the supervisor's loop. Owns the thread.
 */
export class NodeStore {
  readonly #o: NodeStoreOptions;
  readonly #thread: Worker;
  readonly #channel: Channel<StoreWords, ThreadWords>;
  #waiting: Waiting[] = [];
  #storing: Promise<void> | undefined;
  /** The id that an earlier run stored last. */
  lastId: string | undefined;
  /** A damaged file that was found, and where it is now. */
  setAside: SetAside | undefined;

  private constructor(options: NodeStoreOptions, onOpen: (why: string | undefined) => void) {
    this.#o = options;
    const { path, durability, clock } = options;
    const setup: ThreadSetup = { path, durability, nowMs: clock.wallMs() };
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
          opened: ({ lastId, setAside }) => {
            this.lastId = lastId ?? undefined;
            this.setAside = setAside ?? undefined;
            onOpen(undefined);
          },
          failed: ({ message }) => onOpen(message),
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
    // The store is no reason for a node to live.
    this.#thread.unref();
  }

  /** Opens or creates the store. @throws VigiaError `store_failed` when the file cannot be used. */
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

  /**
   * Stores an event, with others in one transaction. Resolves when it is stored.
   *
   * @throws VigiaError `store_failed` when the disk does not take it in time; whether it is stored is unknown then.
   */
  append(event: NodeEvent): Promise<void> {
    if (this.#waiting.length >= WAITING_LIMIT)
      return Promise.reject(new VigiaError('store_failed', `${WAITING_LIMIT} events wait for the disk`));
    const stored: StoredEvent = {
      id: event.id,
      atMs: Date.parse(event.at),
      camera: event.camera,
      kind: event.kind,
      severity: event.severity,
      body: JSON.stringify(event),
    };
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event: stored, resolve, reject });
      this.#storing ??= this.#store();
    });
  }

  /** Matching events, oldest first. */
  async read(query: EventQuery): Promise<NodeEvent[]> {
    return parsed(await this.#channel.request('read', query, { deadlineMs: ASK_MS }));
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

  /** Removes what retention does not keep. */
  prune(retention: Retention): Promise<Pruned> {
    const ask = { ...retention, nowMs: this.#o.clock.wallMs() };
    return this.#channel.request('prune', ask, { deadlineMs: ASK_MS });
  }

  /** Waits for what is being stored, closes the file and ends the thread. */
  async close(): Promise<void> {
    await this.#storing;
    await this.#channel.request('close', null, { deadlineMs: APPEND_MS }).catch(() => undefined);
    this.#channel.close('the node ends');
    await this.#thread.terminate();
  }

  /** One transaction at a time: what comes meanwhile becomes the next one. */
  async #store(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH);
      const events = batch.map(({ event }) => event);
      try {
        await this.#channel.request('append', events, { deadlineMs: APPEND_MS });
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const failed = new VigiaError('store_failed', messageOf(error), { cause: error });
        for (const { reject } of batch) reject(failed);
      }
    }
    this.#storing = undefined;
  }
}

function parsed(bodies: readonly string[]): NodeEvent[] {
  return bodies.map((body) => JSON.parse(body) as NodeEvent);
}
