import { join } from 'node:path';
import type { Clock, Log, LogRecord } from '@vigia/base';
import type { HealthProblem } from '@vigia/contracts';
import type { ApiResponse } from '@vigia/contracts/api';
import { AccessControl, unlimited } from '#core/access';
import type { EventsAsk, EventsReply } from '#core/footage-link';
import { controlSocketPath } from '#core/node-dirs';
import type { NamedProcess } from '#node/children';
import type { Plan, PlannedHttp } from '#node/plan';
import {
  type ControlledNode,
  HttpApi,
  type Listener,
  listenOnSocket,
  nodeOperations,
  type NodeOperations,
  type ServedNode,
  servedNode,
} from '#services/control-plane';
import { ApiHandle } from './api-handle.ts';
import { LiveHandle } from './live-handle.ts';

/** Options of {@link Doors}. */
export interface DoorsOptions extends Pick<ServedNode, 'follow' | 'stop'> {
  readonly node: ControlledNode;
  readonly runDir: string;
  /** Where what must survive a restart is kept. */
  readonly stateDir: string;
  /** Of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
}

/**
 * The ways into a node: its operations, the control socket, the api process with the port, and the process with live video. Users are a file that the api
 * process and this one read and change.
 */
export class Doors {
  readonly #o: DoorsOptions;
  readonly #access: AccessControl;
  readonly #api: ApiHandle;
  readonly #live: LiveHandle;
  readonly #served: ServedNode;
  readonly operations: NodeOperations;
  #socket: Listener | undefined;

  constructor(options: DoorsOptions) {
    const { node, follow, stop, stateDir, clock } = options;
    this.#o = options;
    this.#access = new AccessControl({ path: join(stateDir, 'access.json'), clock });
    this.operations = nodeOperations(node, options);
    this.#live = new LiveHandle(options);
    const live = (camera: string): Promise<string> => this.#live.open(camera);
    this.#served = servedNode(node, this.operations, clock, { follow, live, stop });
    this.#api = new ApiHandle({ ...options, node: this.#served, operations: this.operations });
  }

  /** Opens the port, moves it, or closes it. @throws like {@link ApiHandle.use}. */
  usePort(http: PlannedHttp | undefined): Promise<void> {
    return this.#api.use(http);
  }

  /** Reads users and certificates again. */
  refresh(): Promise<void> {
    return this.#api.refresh();
  }

  /** The node has other cameras or recordings. */
  tell(): void {
    this.#api.tell();
  }

  /** The node has other cameras, or another address: live video follows. */
  showLive(plan: Pick<Plan, 'http' | 'cameras'>): void {
    this.#live.use(plan);
  }

  /** What happened at a camera, for an export of it: the events that `GET /api/v1/events` has. @throws VigiaError `no_store` */
  async cameraEvents({ camera, fromMs, toMs, after, limit }: EventsAsk): Promise<EventsReply> {
    const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString());
    const answer = await this.operations.call({
      route: 'events',
      visitor: { identity: unlimited('an export'), from: '', trusted: false },
      params: {},
      query: { camera, from, to, after, limit },
      body: undefined,
      expected: undefined,
      key: undefined,
    });
    return { events: (answer as ApiResponse<'events'>).events };
  }

  /** What is wrong with the port, and with live video. */
  get problems(): readonly HealthProblem[] {
    return [...this.#api.problems, ...this.#live.problems];
  }

  /** The api process and the live process, if there are any. */
  get processes(): readonly NamedProcess[] {
    const both = [
      ['api', this.#api.pid],
      ['live', this.#live.pid],
    ] as const;
    return both.flatMap(([name, pid]) => (pid === undefined ? [] : [[name, pid] as const]));
  }

  async openSocket(): Promise<void> {
    const { runDir, version, clock, log } = this.#o;
    const api = new HttpApi({
      node: this.#served,
      access: this.#access,
      // The api process may have changed the file since.
      beforeAccess: () => this.#access.load(),
      onAccessChange: () => this.#api.refresh(),
      version,
      clock,
      log,
    });
    this.#socket = await listenOnSocket(controlSocketPath(runDir), api);
  }

  closeSocket(): Promise<void> {
    return this.#socket?.close() ?? Promise.resolve();
  }

  async closePort(): Promise<void> {
    await Promise.all([this.#api.stop(), this.#live.stop()]);
  }
}
