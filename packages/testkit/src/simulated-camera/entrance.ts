import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, sleep } from '@vigia/base';
import { listen, portOf } from './listen.ts';

/** What an {@link Entrance} needs. */
export interface EntranceOptions {
  readonly host: string;
  /** 0 takes any free port, the first time. */
  readonly port: number;
  readonly clock: Clock;
  readonly onSocket: (socket: Socket) => void;
  /** One connection could not be taken. */
  readonly onLost: () => void;
}

const REOPEN_TRIES = 40;
const REOPEN_PAUSE_MS = 250;

/** The port of a camera, which may be shut and opened again. Owns the listening socket, not what comes in. */
export class Entrance {
  readonly port: number;
  readonly #options: EntranceOptions;
  #server: Server | undefined;
  #closed = false;

  private constructor(options: EntranceOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    this.port = portOf(server);
  }

  /** @throws VigiaError `port_in_use` or `listen_failed`. Nothing is left open then. */
  static async open(options: EntranceOptions): Promise<Entrance> {
    return new Entrance(options, await openServer(options, options.port));
  }

  get isOpen(): boolean {
    return this.#server !== undefined;
  }

  /** Nothing listens from now on. Resolves when what came in is gone, too: the caller destroys that. */
  async shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /**
   * Listens again on the same port. It was free for everybody meanwhile, so it may take some tries.
   *
   * @throws VigiaError `port_in_use` or `listen_failed` after 10 s of them.
   */
  async reopen(): Promise<void> {
    for (let tries = 1; !this.#server && !this.#closed; tries += 1) {
      try {
        const server = await openServer(this.#options, this.port);
        if (this.#closed) server.close();
        else this.#server = server;
      } catch (error) {
        if (tries >= REOPEN_TRIES) throw error;
        await sleep(this.#options.clock, REOPEN_PAUSE_MS);
      }
    }
  }

  /** For ever. Twice is fine. */
  close(): Promise<void> {
    this.#closed = true;
    return this.shut();
  }
}

async function openServer(options: EntranceOptions, port: number): Promise<Server> {
  // No connection can come in before it listens.
  const server = createServer(options.onSocket);
  await listen(server, options.host, port);
  // Failing to take one connection (no file descriptors left) must not end the camera.
  server.on('error', options.onLost);
  return server;
}
