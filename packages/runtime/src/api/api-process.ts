import { setPriority } from 'node:os';
import { join } from 'node:path';
import {
  ChildEntry,
  createLog,
  every,
  type Handlers,
  jsonLineSink,
  systemClock,
  UsageError,
  VigiaError,
} from '@vigia/base';
import { AccessControl } from '#core/access';
import {
  API_NODE_WORDS,
  type ApiNodeWords,
  type ListenFailure,
  type ListenSetup,
  NODE_API_WORDS,
  type NodeApiWords,
  type NodeFacts,
} from '#core/api-link';
import { HttpApi } from '#services/control-plane';
import { HttpDoor } from './http-door.ts';
import { RemoteNode } from './remote-node.ts';

/** Open connections are cut at the end; nothing has to be written. Milliseconds. */
const CLOSE_MS = 500;
const ALIVE_MS = 1_000;
/** Niceness: viewers wait for cameras and models. */
const NICE = 5;

/** What a set-up process has. */
interface Running {
  readonly access: AccessControl;
  readonly node: RemoteNode;
  readonly door: HttpDoor;
}

/** The entry of the api process: waits for its setup, listens at the address that it gets, runs until its parent ends it. */
class ApiProcess {
  readonly #entry: ChildEntry<ApiNodeWords, NodeApiWords>;
  readonly #log = createLog('api', jsonLineSink);
  #running: Running | undefined;

  constructor() {
    setPriority(NICE);
    this.#entry = new ChildEntry({
      name: 'api',
      speaks: API_NODE_WORDS,
      hears: NODE_API_WORDS,
      handlers: this.#handlers(),
      close: async () => this.#running?.door.close(),
      closeMs: () => CLOSE_MS,
    });
  }

  #handlers(): Handlers<NodeApiWords> {
    return {
      requests: {
        setup: (setup) => this.#entry.setUp(() => this.#begin(setup)),
        listen: (http) => this.#listen(http),
        refresh: async () => {
          const { access, door } = this.#started();
          await Promise.all([this.#loadUsers(access), door.renew()]);
          return null;
        },
        items: ({ items, lost }) => {
          this.#running?.node.take(items, lost);
          return null;
        },
      },
      notices: {
        facts: (facts) => {
          if (this.#running) this.#running.node.facts = facts;
        },
        overflow: () => this.#running?.node.overflow(),
        alive: () => {
          if (this.#running) this.#running.node.aliveMs = systemClock.nowMs();
        },
      },
    };
  }

  async #begin({ stateDir, version, facts }: { stateDir: string; version: string; facts: NodeFacts }): Promise<void> {
    const [clock, log, { channel }] = [systemClock, this.#log, this.#entry];
    const access = new AccessControl({ path: join(stateDir, 'access.json'), clock });
    await this.#loadUsers(access);
    const node = new RemoteNode({ channel, facts, clock, log });
    const api = new HttpApi({ node, access, version, clock, log });
    this.#running = { access, node, door: new HttpDoor({ api, access, clock, log }) };
    every(clock, ALIVE_MS, () => channel.notify('alive', null));
  }

  async #listen(http: ListenSetup): Promise<ListenFailure | null> {
    try {
      await this.#started().door.use(http);
      return null;
    } catch (error) {
      if (!(error instanceof VigiaError)) throw error;
      const { code, message, path = null } = error;
      return { usage: error instanceof UsageError, code, message, path };
    }
  }

  async #loadUsers(access: AccessControl): Promise<void> {
    const failure = await access.load();
    if (failure) this.#log.error(`${failure.message}; nobody is let in over the network until it is mended or removed`);
  }

  #started(): Running {
    if (!this.#running) throw new VigiaError('not_started', 'this process has no setup yet');
    return this.#running;
  }
}

void new ApiProcess();
