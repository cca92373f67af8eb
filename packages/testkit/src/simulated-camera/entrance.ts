import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type Clock, messageOf, sleep, VigiaError } from '@vigia/base';
import { listen, portOf } from './listen.ts';

/** PEM texts. */
export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
}

/** What an {@link Entrance} needs. */
export interface EntranceOptions {
  readonly host: string;
  /** 0 takes any free port, the first time. */
  readonly port: number;
  readonly clock: Clock;
  /** Undefined: no TLS. */
  readonly tls: TlsOptions | undefined;
  readonly onSocket: (socket: Socket) => void;
  /** A connection could not be accepted. */
  readonly onLost: () => void;
}

const REOPEN_TRIES = 40;
const REOPEN_PAUSE_MS = 250;

/** A server, and a way to destroy accepted sockets that have not been passed on. */
interface Door {
  readonly server: Server;
  readonly dropStrangers: () => void;
}

/** Time limit of a TLS handshake. */
const HANDSHAKE_MS = 10_000;

/** A camera's port, which can be closed and reopened. Owns the listening socket, not the accepted ones. */
export class Entrance {
  readonly port: number;
  readonly #options: EntranceOptions;
  #door: Door | undefined;
  #closed = false;

  private constructor(options: EntranceOptions, door: Door) {
    this.#options = options;
    this.#door = door;
    this.port = portOf(door.server);
  }

  /**
   * @throws VigiaError `port_in_use`, `listen_failed` or, for the PEM texts, `bad_option`. Nothing is left open then.
   */
  static async open(options: EntranceOptions): Promise<Entrance> {
    return new Entrance(options, await openDoor(options, options.port));
  }

  /** Stops listening. Resolves when the accepted sockets are closed, too: the caller destroys them. */
  async shut(): Promise<void> {
    const door = this.#door;
    this.#door = undefined;
    if (!door) return;
    const closed = new Promise<void>((resolve) => door.server.close(() => resolve()));
    door.dropStrangers();
    await closed;
  }

  /**
   * Listens again on the same port. Other processes could take it meanwhile, so this may need retries.
   *
   * @throws VigiaError `port_in_use` or `listen_failed` after 10 s of them.
   */
  async reopen(): Promise<void> {
    for (let tries = 1; !this.#door && !this.#closed; tries += 1) {
      try {
        const door = await openDoor(this.#options, this.port);
        if (this.#closed) door.server.close();
        else this.#door = door;
      } catch (error) {
        if (tries >= REOPEN_TRIES) throw error;
        await sleep(this.#options.clock, REOPEN_PAUSE_MS);
      }
    }
  }

  /** Closes permanently. Idempotent. */
  close(): Promise<void> {
    this.#closed = true;
    return this.shut();
  }
}

async function openDoor(options: EntranceOptions, port: number): Promise<Door> {
  // No connection can arrive before it listens.
  const door = options.tls ? createTlsDoor(options, options.tls) : createPlainDoor(options);
  await listen(door.server, options.host, port);
  // Failing to accept one connection (no file descriptors left) must not end the camera.
  door.server.on('error', options.onLost);
  return door;
}

function createPlainDoor({ onSocket }: EntranceOptions): Door {
  return { server: createServer(onSocket), dropStrangers: () => {} };
}

function createTlsDoor({ onSocket, onLost }: EntranceOptions, { cert, key }: TlsOptions): Door {
  try {
    const server = createTlsServer({ cert, key, handshakeTimeout: HANDSHAKE_MS }, onSocket);
    // A failed handshake is the client's problem; its socket is closed already.
    server.on('tlsClientError', onLost);
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    const dropStrangers = (): void => {
      for (const socket of sockets) socket.destroy();
    };
    return { server, dropStrangers };
  } catch (cause) {
    const message = `tls is no certificate with its key (${messageOf(cause)}): two PEM texts that belong together are needed`;
    throw new VigiaError('bad_option', message, { path: 'tls', cause });
  }
}
