import { type Clock, every, type Log, messageOf, UsageError } from '@vigia/base';
import type { AccessControl } from '#core/access';
import type { ListenSetup } from '#core/api-link';
import { type HttpApi, isLoopback, listenOnPort, type PortListener } from '#services/control-plane';
import { type LoadedTls, loadTls, versionOf } from './tls-files.ts';

/** Options of {@link HttpDoor}. */
export interface HttpDoorOptions {
  readonly api: HttpApi;
  readonly access: AccessControl;
  readonly clock: Clock;
  readonly log: Log;
}

/** A port that is left serves requests that are under way for this long. Milliseconds. */
const LEAVE_MS = 1_000;
/** How often the certificate is looked at, milliseconds. */
const CERTIFICATE_MS = 60_000;

interface Open {
  readonly http: ListenSetup;
  readonly listener: PortListener;
  tls: LoadedTls | undefined;
}

/** The TCP port on which the node's API listens. A reload may move it. */
export class HttpDoor {
  readonly #o: HttpDoorOptions;
  readonly #leaving = new Set<PortListener>();
  readonly #looking: { cancel(): void };
  #open: Open | undefined;
  #closed = false;

  constructor(options: HttpDoorOptions) {
    this.#o = options;
    this.#looking = every(options.clock, CERTIFICATE_MS, () => void this.renew(), { unref: true });
  }

  /**
   * Listens at an address, and closes the previous one a second later. One with the same port is closed first: 0.0.0.0 has it
   * already where 127.0.0.1 has it.
   *
   * @throws UsageError for an open port of a node without users; VigiaError when the address cannot be used. The
   *   previous one is open then, or again.
   */
  async use(http: ListenSetup): Promise<void> {
    const before = this.#open;
    const ready = await this.#ready(http);
    if (!before || partsOf(before.http.listen).port !== partsOf(http.listen).port) {
      this.#open = await this.#listen(http, ready);
      if (before) this.#leave(before.listener);
      return;
    }
    await before.listener.close();
    try {
      this.#open = await this.#listen(http, ready);
    } catch (error) {
      this.#open = await this.#listen(before.http, before.tls);
      throw error;
    }
  }

  /** Reads the certificate again if its files have changed. One that cannot be used changes nothing; the log says so. */
  async renew(): Promise<void> {
    const open = this.#open;
    const files = open?.http.tls;
    if (!open?.tls || !files || (await versionOf(files)) === open.tls.version) return;
    try {
      open.tls = await loadTls(files);
      open.listener.renew(open.tls.tls);
      this.#o.log.info('HTTP API: uses the new certificate');
    } catch (error) {
      this.#o.log.error(`${messageOf(error)}; the previous certificate stays in use`);
    }
  }

  /** Stops listening and cuts open connections. Idempotent. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#closed = true;
    this.#looking.cancel();
    await Promise.all([open?.listener.close(), ...[...this.#leaving].map((one) => one.close())]);
  }

  /** Not at once: the change that moves the port may have come through it, and is answered first. */
  #leave(listener: PortListener): void {
    this.#leaving.add(listener);
    const close = (): void => void listener.close().finally(() => this.#leaving.delete(listener));
    this.#o.clock.after(LEAVE_MS, close, { unref: true });
  }

  /** Everything that can be checked before the previous port is given up. */
  #ready({ listen, tls, names }: ListenSetup): Promise<LoadedTls | undefined> {
    const { access } = this.#o;
    // TLS and names of its own mean that others come, through a proxy on this machine.
    const isOpen = !isLoopback(partsOf(listen).host) || tls !== undefined || names.length > 0;
    if (isOpen && !access.hasUsers)
      throw new UsageError(
        `http.listen: ${listen} is open to other machines, and this node has no users; add one with \`vigia users add NAME --role admin\`, or listen on 127.0.0.1 without tls and names`,
        { path: 'http.listen' },
      );
    return tls ? loadTls(tls) : Promise.resolve(undefined);
  }

  async #listen(http: ListenSetup, tls: LoadedTls | undefined): Promise<Open> {
    const { api, access, log } = this.#o;
    const { host, port } = partsOf(http.listen);
    const listener = await listenOnPort({ host, port, names: http.names, tls: tls?.tls }, api, access);
    if (this.#closed) await listener.close();
    log.info(`HTTP API at http${tls ? 's' : ''}://${http.listen}/api/v1/openapi.json`);
    if (!tls && !isLoopback(host))
      log.warn('HTTP API: without http.tls passwords and tokens can be read on the network');
    return { http, listener, tls };
  }
}

function partsOf(listen: string): { readonly host: string; readonly port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon), port: Number(listen.slice(colon + 1)) };
}
