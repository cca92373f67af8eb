import type { Log } from '@vigia/base';
import { type Api, listenOnPort, type Listener } from '#services/control-plane';

/** Options of {@link HttpDoor}. */
export interface HttpDoorOptions {
  readonly api: Api;
  readonly log: Log;
}

/** The TCP port on which the node's API listens. A reload may move it or close it. */
export class HttpDoor {
  readonly #o: HttpDoorOptions;
  #listener: Listener | undefined;

  constructor(options: HttpDoorOptions) {
    this.#o = options;
  }

  /**
   * Listens at an address, then closes the previous one.
   *
   * @param listen `HOST:PORT`; undefined: no port.
   * @throws VigiaError when the address cannot be used. The previous one is still open then.
   */
  async use(listen: string | undefined): Promise<void> {
    const before = this.#listener;
    this.#listener = listen === undefined ? undefined : await this.#open(listen);
    await before?.close();
  }

  /** Stops listening and cuts open connections. Idempotent. */
  async close(): Promise<void> {
    await this.use(undefined);
  }

  async #open(listen: string): Promise<Listener> {
    const colon = listen.lastIndexOf(':');
    const address = { host: listen.slice(0, colon), port: Number(listen.slice(colon + 1)) };
    const listener = await listenOnPort(address, this.#o.api);
    this.#o.log.info(`HTTP API at http://${listen}/api/v1/openapi.json`);
    return listener;
  }
}
