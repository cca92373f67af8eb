import type { Clock, Log } from '@vigia/base';
import { type Api, listenOnPort, type Listener } from '#services/control-plane';

/** Options of {@link HttpDoor}. */
export interface HttpDoorOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
}

/** A port that is left serves requests that are under way for this long. Milliseconds. */
const LEAVE_MS = 1_000;

/** The TCP port on which the node's API listens. A reload may move it or close it. */
export class HttpDoor {
  readonly #o: HttpDoorOptions;
  readonly #leaving = new Set<Listener>();
  #listener: Listener | undefined;
  #closed = false;

  constructor(options: HttpDoorOptions) {
    this.#o = options;
  }

  /**
   * Listens at an address, and closes the previous one a second later.
   *
   * @param listen `HOST:PORT`; undefined: no port.
   * @throws VigiaError when the address cannot be used. The previous one is still open then.
   */
  async use(listen: string | undefined): Promise<void> {
    const before = this.#listener;
    this.#listener = listen === undefined ? undefined : await this.#open(listen);
    if (before) this.#leave(before);
  }

  /** Stops listening and cuts open connections. Idempotent. */
  async close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#closed = true;
    await Promise.all([listener?.close(), ...[...this.#leaving].map((one) => one.close())]);
  }

  /** Not at once: the change that moves the port may have come through it, and is answered first. */
  #leave(listener: Listener): void {
    this.#leaving.add(listener);
    const close = (): void => void listener.close().finally(() => this.#leaving.delete(listener));
    this.#o.clock.after(LEAVE_MS, close, { unref: true });
  }

  async #open(listen: string): Promise<Listener> {
    const colon = listen.lastIndexOf(':');
    const address = { host: listen.slice(0, colon), port: Number(listen.slice(colon + 1)) };
    const listener = await listenOnPort(address, this.#o.api);
    if (this.#closed) await listener.close();
    this.#o.log.info(`HTTP API at http://${listen}/api/v1/openapi.json`);
    return listener;
  }
}
