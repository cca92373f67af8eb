import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, type Log, systemClock } from '@vigia/base';
import { Connection } from './connection.ts';
import { listenOnSocket } from './listen.ts';
import { ModelService, type ModelServiceOptions } from './model-service.ts';

/** Options of {@link ContainerServer.start}. */
export interface ContainerServerOptions extends Omit<ModelServiceOptions, 'clock'> {
  /** Where to listen. At most 107 bytes. */
  readonly socketPath: string;
  readonly log: Log;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Most connections at once; further ones are closed on arrival. Default {@link MAX_CONNECTIONS}. */
  readonly maxConnections?: number;
}

/**
 * 32 cameras with a few consumers each, twice over. Each connection may hold one unfinished message (1 MiB) and 1 MiB
 * of unread answers.
 */
export const MAX_CONNECTIONS = 256;

/** Serves one model on a Unix socket (protocol 1). Owns its connections and its socket; does not own the runner. */
export class ContainerServer {
  readonly #server: Server;
  readonly #service: ModelService;
  readonly #options: ContainerServerOptions;
  readonly #clock: Clock;
  readonly #connections = new Set<Connection>();
  #nextConnection = 1;
  #closing: Promise<void> | undefined;

  private constructor(options: ContainerServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#service = new ModelService({ ...options, clock: this.#clock });
    // Half-open connections are allowed: a peer may shut down its side after one request and keep reading.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
    this.#server.on('drop', () =>
      options.log.warn(`more than ${this.#server.maxConnections} connections: one was refused`),
    );
  }

  /**
   * Listens.
   *
   * @throws UsageError when the socket path is too long; VigiaError `socket_in_use` or `socket`.
   */
  static async start(options: ContainerServerOptions): Promise<ContainerServer> {
    const container = new ContainerServer(options);
    await listenOnSocket(container.#server, options.socketPath);
    // Accepting may fail later (out of file descriptors): that connection is lost, the server continues.
    container.#server.on('error', (error) => options.log.warn(`a connection could not be accepted: ${error.message}`));
    return container;
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Closes socket and connections. Settles waiting requests first, does not wait for a run. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Also removes the socket's file.
    const ended = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#service.close();
    for (const connection of this.#connections) connection.close();
    await Promise.all([ended, ...Array.from(this.#connections, (connection) => connection.closed)]);
  }

  #accept(socket: Socket): void {
    const { modelId, log } = this.#options;
    const connection = new Connection({
      id: this.#nextConnection++,
      socket,
      service: this.#service,
      modelId,
      clock: this.#clock,
      log,
    });
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }
}
