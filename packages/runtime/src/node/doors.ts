import { join } from 'node:path';
import type { Clock, Log } from '@vigia/base';
import { controlSocketPath } from '#core/node-dirs';
import type { PlannedHttp } from '#node/plan';
import { AccessControl } from '#core/access';
import { Api, type ControlledNode, type Listener, listenOnSocket } from '#services/control-plane';
import { HttpDoor } from './http-door.ts';

/** Options of {@link Doors}. */
export interface DoorsOptions {
  readonly node: ControlledNode;
  readonly runDir: string;
  /** Where what must survive a restart is kept. */
  readonly stateDir: string;
  /** Of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The ways into a node: its API, on the control socket and on a TCP port, and who may use them. */
export class Doors {
  readonly #o: DoorsOptions;
  readonly #access: AccessControl;
  readonly #http: HttpDoor;
  readonly api: Api;
  #socket: Listener | undefined;

  constructor(options: DoorsOptions) {
    const { stateDir, clock, log } = options;
    this.#o = options;
    this.#access = new AccessControl({ path: join(stateDir, 'access.json'), clock });
    this.api = new Api({ ...options, access: this.#access });
    this.#http = new HttpDoor({ api: this.api, access: this.#access, clock, log });
  }

  /** Opens the port. @throws like {@link HttpDoor.use}. */
  async openPort(http: PlannedHttp | undefined): Promise<void> {
    await this.#loadUsers();
    await this.#http.use(http);
  }

  /** Moves or closes the port. @throws like {@link HttpDoor.use}. */
  movePort(http: PlannedHttp | undefined): Promise<void> {
    return this.#http.use(http);
  }

  /** Reads users and the certificate again. */
  async refresh(): Promise<void> {
    await Promise.all([this.#loadUsers(), this.#http.renew()]);
  }

  async openSocket(): Promise<void> {
    this.#socket = await listenOnSocket(controlSocketPath(this.#o.runDir), this.api);
  }

  closeSocket(): Promise<void> {
    return this.#socket?.close() ?? Promise.resolve();
  }

  closePort(): Promise<void> {
    return this.#http.close();
  }

  async #loadUsers(): Promise<void> {
    const failure = await this.#access.load();
    if (failure)
      this.#o.log.error(`${failure.message}; nobody is let in over the network until it is mended or removed`);
  }
}
