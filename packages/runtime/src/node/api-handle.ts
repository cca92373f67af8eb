import { fileURLToPath } from 'node:url';
import {
  type Channel,
  type Clock,
  codeOf,
  type Log,
  type LogRecord,
  messageOf,
  UsageError,
  VigiaError,
} from '@vigia/base';
import type { HealthProblem, NodeItem } from '@vigia/contracts';
import {
  API_NODE_WORDS,
  type ApiNodeWords,
  type CallAsk,
  type CallReply,
  type ListenFailure,
  NODE_API_WORDS,
  type NodeApiWords,
  type NodeFacts,
} from '#core/api-link';
import { WatchedChild, type WatchedChildOptions } from '#node/children';
import { API_MEMORY_LIMIT, type PlannedHttp } from '#node/plan';
import type { ApiCall, NodeOperations, NodeSubscription, ServedNode } from '#services/control-plane';

const ENTRY = fileURLToPath(new URL('../api/api-process.js', import.meta.url));
const READY_MS = 30_000;
const STOP_MS = 700;
const SILENT_TICKS = 10;
const LISTEN_MS = 10_000;
const REFRESH_MS = 5_000;
/** A port that is left serves requests that are under way for this long. Milliseconds. */
const LEAVE_MS = 1_000;
/** Items that may wait for the api process besides those in the subscription's queue. */
const BATCH = 64;
/** An api process that takes no items for this long gets no more. Milliseconds. */
const TAKE_MS = 30_000;
/** Why an api process that is being started again is not asked. */
const NOT_THERE = new Set(['channel_closed', 'not_sent', 'not_started']);

/** Options of {@link ApiHandle}. */
export interface ApiHandleOptions {
  readonly node: ServedNode;
  readonly operations: NodeOperations;
  readonly stateDir: string;
  /** Of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
}

type Link = Channel<NodeApiWords, ApiNodeWords>;

/**
 * The supervisor's side of the api process, which serves the HTTP API on a port. Without a port there is no process. Its end
 * costs the connections to it, and nothing else.
 */
export class ApiHandle {
  readonly #o: ApiHandleOptions;
  #http: PlannedHttp | undefined;
  #child: WatchedChild<NodeApiWords, ApiNodeWords> | undefined;
  #leaving: Promise<void> = Promise.resolve();
  #subscription: NodeSubscription | undefined;
  /** Waits for the first outcome of a process that was started for a new port. */
  #started: { resolve(): void; reject(error: Error): void } | undefined;
  #failure: string | undefined;
  #stopped = false;

  constructor(options: ApiHandleOptions) {
    this.#o = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What is wrong with it. */
  get problems(): readonly HealthProblem[] {
    if (this.#failure === undefined) return [];
    return [{ code: 'api', camera: '_node', message: `the HTTP API cannot be reached: ${this.#failure}` }];
  }

  /**
   * Listens at an address, or leaves the one that it has.
   *
   * @throws UsageError for an open port of a node without users; VigiaError when the address cannot be used. The previous
   *   one is open then, or again.
   */
  async use(http: PlannedHttp | undefined): Promise<void> {
    if (!http) this.#leave();
    else if (this.#child) await this.#move(http);
    else await this.#begin(http);
  }

  /** Reads users and certificates again. */
  async refresh(): Promise<void> {
    try {
      await this.#child?.link?.request('refresh', null, { deadlineMs: REFRESH_MS });
    } catch (error) {
      // The next process reads them at its start.
      this.#o.log.debug(messageOf(error));
    }
  }

  /** The node has other cameras or recordings. */
  tell(): void {
    this.#child?.link?.notify('facts', this.#facts());
  }

  /** Cuts open connections. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const child = this.#child;
    this.#child = undefined;
    this.#started?.reject(new VigiaError('stopping', 'the node is stopping'));
    this.#unfollow();
    await Promise.all([child?.stop(), this.#leaving]);
  }

  async #begin(http: PlannedHttp): Promise<void> {
    await this.#leaving;
    if (this.#stopped) throw new VigiaError('stopping', 'the node is stopping');
    this.#http = http;
    const outcome = new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject };
    });
    this.#child = this.#newChild();
    this.#child.start();
    try {
      await outcome;
    } catch (error) {
      const child = this.#child;
      this.#child = undefined;
      this.#http = undefined;
      this.#failure = undefined;
      await child?.stop();
      throw error;
    } finally {
      this.#started = undefined;
    }
  }

  /** A process that is being started again listens there as soon as it can. */
  async #move(http: PlannedHttp): Promise<void> {
    const failure = await this.#listen(this.#child?.link, http).catch((error: unknown) => {
      if (NOT_THERE.has(codeOf(error) ?? '')) return null;
      throw error;
    });
    if (failure) throw errorOf(failure);
    this.#http = http;
  }

  /** Not at once: the change that closes the port may have come through it, and is answered first. */
  #leave(): void {
    const child = this.#child;
    this.#child = undefined;
    this.#http = undefined;
    this.#failure = undefined;
    if (!child) return;
    const left = new Promise<void>((resolve) => this.#o.clock.after(LEAVE_MS, resolve));
    this.#leaving = left.then(() => child.stop());
  }

  #newChild(): WatchedChild<NodeApiWords, ApiNodeWords> {
    const { clock, log, onLog } = this.#o;
    const child: WatchedChild<NodeApiWords, ApiNodeWords> = new WatchedChild({
      name: 'api',
      entry: ENTRY,
      clock,
      log,
      onLog,
      speaks: NODE_API_WORDS,
      hears: API_NODE_WORDS,
      handlers: this.#handlers(() => child),
      setUp: (link, deadlineMs) => this.#setUp(child, link, deadlineMs),
      readyMs: READY_MS,
      stopMs: STOP_MS,
      silentTicks: SILENT_TICKS,
      look: () => child.link?.notify('alive', null),
      memoryLimit: () => API_MEMORY_LIMIT,
      onEnd: (ended, failure) => {
        this.#unfollow();
        if (this.#child !== child) return;
        this.#failure = failure ?? `its process ${ended}`;
        this.#started?.reject(new VigiaError('api', `the HTTP API cannot be served: ${this.#failure}`));
      },
    });
    return child;
  }

  async #setUp(child: { kill(why: string, failure?: string): void }, link: Link, deadlineMs: number): Promise<void> {
    const { stateDir, version } = this.#o;
    await link.request('setup', { stateDir, version, facts: this.#facts() }, { deadlineMs });
    try {
      const http = this.#http;
      const failure = http && (await this.#listen(link, http));
      if (failure) throw errorOf(failure);
      this.#failure = undefined;
      this.#started?.resolve();
    } catch (error) {
      if (this.#started) this.#started.reject(error as Error);
      else child.kill('does not listen', messageOf(error));
    }
  }

  async #listen(link: Link | undefined, { listen, tls, names }: PlannedHttp): Promise<ListenFailure | null> {
    return (
      (await link?.request('listen', { listen, ...(tls ? { tls } : {}), names }, { deadlineMs: LISTEN_MS })) ?? null
    );
  }

  #handlers(
    child: () => { heard(): void; readonly link: Link | undefined },
  ): WatchedChildOptions<NodeApiWords, ApiNodeWords>['handlers'] {
    const { node } = this.#o;
    return {
      requests: {
        call: (ask) => this.#call(ask),
        follow: ({ on }) => {
          this.#unfollow();
          const { position } = node;
          const { link } = child();
          if (on && link) this.#subscription = this.#follow(link);
          return { position };
        },
        resume: async ({ after }) => ({ after: await node.resume(after) }),
        events: async (query) => ({ events: await node.events(query) }),
        lastMinute: async () => ({ summaries: await node.lastMinute() }),
        tile: ({ camera, width }) => node.tile(camera, width),
        live: async ({ camera }) => ({ socketPath: await node.live(camera) }),
      },
      notices: {
        audit: ({ entry, camera }) => node.audit(entry, camera),
        stop: ({ by }) => node.stop(by),
        alive: () => child().heard(),
      },
    };
  }

  /** Its sender has no more rights than the network gives, even if the api process says so. */
  async #call({ route, identity, from, expected, key, ...ask }: CallAsk): Promise<CallReply> {
    const { operations } = this.#o;
    const visitor = { identity: identity ?? undefined, from, trusted: false };
    const call = { ...ask, route, visitor, expected: expected ?? undefined, key: key ?? undefined } as ApiCall;
    try {
      return { answer: await operations.call(call) };
    } catch (error) {
      return { refusal: operations.refusal(error, route) };
    }
  }

  /** Sends what happens on: at once, and what happens until the api process has taken it, together. */
  #follow(link: Link): NodeSubscription {
    let batch: NodeItem[] = [];
    let sending: Promise<void> | undefined;
    const send = async (): Promise<void> => {
      // What happens in the same turn goes along.
      await Promise.resolve();
      while (batch.length > 0) {
        const items = batch;
        batch = [];
        await link.request('items', { items, lost: subscription.dropped() }, { deadlineMs: TAKE_MS });
      }
    };
    const give = (): Promise<void> =>
      send()
        .catch(() => {
          subscription.close();
          // Its readers go on with another subscription; nobody waits for items that do not come.
          link.notify('overflow', null);
        })
        .finally(() => {
          sending = undefined;
        });
    const subscription = this.#o.node.follow(
      { name: 'api', wants: () => true, onOverflow: () => link.notify('overflow', null) },
      (item) => {
        batch.push(item);
        sending ??= give();
        return batch.length < BATCH ? undefined : sending;
      },
    );
    return {
      dropped: () => subscription.dropped(),
      close: () => {
        subscription.close();
        batch = [];
      },
    };
  }

  #unfollow(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  #facts(): NodeFacts {
    const { cameraIds, playback = null, resumable } = this.#o.node;
    return { cameras: [...cameraIds], playback, resumable };
  }
}

function errorOf({ usage, code, message, path }: ListenFailure): VigiaError {
  const where = path === null ? {} : { path };
  return usage ? new UsageError(message, where) : new VigiaError(code, message, where);
}
