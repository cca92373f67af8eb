import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { basename } from 'node:path';
import { type Clock, codeOf, createSharedFile, every, type SharedMapping, type Timer, VigiaError } from '@vigia/base';
import { SEATS_HEARTBEAT_MS, seatTableBytes } from '@vigia/contracts';
import type { SuppliedFrame } from '#contract';
import type { FrameSupplier } from '#loop';
import { FrameRing, type Rendition, type SeatReport, SeatTableWriter } from '#seats';
import { FrameSegmentWriter, type SegmentMemory, sweepSegments } from '#segment';
import { type ConnectionContext, ReaderConnection } from './reader-connection.ts';

/** Options of {@link ProcessFrameServer}. */
export interface ProcessFrameServerOptions<F extends SuppliedFrame> {
  readonly supplier: FrameSupplier<F>;
  readonly rendition: Rendition<F>;
  /** `/dev/shm/vigia_<instance>_frames_<camera>_<rendition>`. The seat table has this name with `.seats` appended. */
  readonly path: string;
  /** Socket path for readers: at most 107 bytes; mode 0660. */
  readonly socketPath: string;
  /** Most readers at a time, 1 to 256; allocates memory for `readers + 2` frames, at least 4. Default 8. */
  readonly readers?: number;
  /** How long a reader may hold a frame before its slot is reused. Milliseconds. Default 1000. */
  readonly readDeadlineMs?: number;
  /** A frame could not be rendered, or a reader misbehaved. Default: ignored; the counters show it. */
  readonly onError?: (error: unknown) => void;
  /** A reader has left; its final counts. */
  readonly onReaderEnd?: (id: string, report: SeatReport) => void;
}

/** Connections without a seat (yet): more are closed at once. */
const MAX_UNSEATED = 32;

/** Longest path of a Unix socket, in bytes, without the terminating zero (unix(7)). */
const SOCKET_PATH_LIMIT = 107;

/**
 * Lets other processes, in any language, read the frames of a supplier (docs/protocol/frame-readers.md). Pixels are
 * rendered once, into shared memory, and only for readers that requested them. Never waits for a reader.
 *
 * Owns segment, seat table and socket: `close` removes all three.
 */
export class ProcessFrameServer<F extends SuppliedFrame> {
  readonly socketPath: string;
  readonly #o: ProcessFrameServerOptions<F>;
  readonly #table: SeatTableWriter;
  readonly #ring: FrameRing<F>;
  readonly #server: Server;
  readonly #connections = new Set<ReaderConnection<F>>();
  readonly #context: ConnectionContext<F>;
  #heartbeat: Timer | undefined;
  #closed = false;

  private constructor(options: ProcessFrameServerOptions<F>) {
    const { path, supplier, readers = 8, readDeadlineMs = 1_000 } = options;
    const { clock } = supplier;
    this.#o = options;
    this.socketPath = options.socketPath;
    const memory = createTable(`${path}.seats`, readers);
    this.#table = tableOver(memory, readers, clock);
    try {
      this.#ring = new FrameRing<F>({
        supplier,
        clock,
        table: this.#table,
        rendition: options.rendition,
        readDeadlineMs,
        makeSegment: (slots, slotBytes) => FrameSegmentWriter.create({ path, slots, slotBytes, clock }),
        onError: (error) => this.#o.onError?.(error),
        onReaderEnd: (id, report) => this.#o.onReaderEnd?.(id, report),
      });
    } catch (error) {
      this.#table.close();
      throw error;
    }
    this.#context = {
      ring: this.#ring,
      clock,
      seats: { path: this.#table.path, epoch: this.#table.epoch, address: memory.address },
      segmentPath: path,
      onSeated: () => this.#beat(),
      onError: (error) => this.#o.onError?.(error),
      onClose: (connection) => this.#onConnectionClosed(connection),
    };
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /**
   * Removes what a dead process left under these names, allocates the memory and starts to listen.
   *
   * @throws VigiaError `shm_full`, `shm_exists`, `segment_geometry`, `socket_path`, `socket_in_use`. Nothing is left
   *   behind.
   */
  static async open<F extends SuppliedFrame>(options: ProcessFrameServerOptions<F>): Promise<ProcessFrameServer<F>> {
    const { socketPath } = options;
    const bytes = Buffer.byteLength(socketPath);
    if (bytes > SOCKET_PATH_LIMIT)
      throw new VigiaError('socket_path', `${socketPath}: ${bytes} bytes, at most ${SOCKET_PATH_LIMIT} are allowed`, {
        path: socketPath,
      });
    sweepSegments(basename(options.path));
    const server = new ProcessFrameServer(options);
    try {
      await server.#listen().catch((error: unknown) => server.#listenInstead(error));
      return server;
    } catch (error) {
      server.close();
      throw error;
    }
  }

  /** Current number of readers. */
  get readers(): number {
    return this.#ring.readers;
  }

  /** Counts of a current reader, else undefined. */
  report(id: string): SeatReport | undefined {
    for (const { seat } of this.#connections) if (seat?.id === id) return seat.report();
    return undefined;
  }

  /** Unsubscribes a reader: it gets the end. */
  remove(id: string): void {
    for (const { seat } of this.#connections) if (seat?.id === id) seat.stop();
  }

  /** Ends every reader, removes segment, seat table and socket. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#heartbeat?.cancel();
    // First the state, then the bells, then the sockets: a reader that wakes finds the reason.
    this.#ring.close();
    for (const connection of this.#connections) connection.close();
    // Closing the server removes its socket.
    this.#server.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #listen(): Promise<void> {
    const { socketPath } = this.#o;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        const inUse = codeOf(error) === 'EADDRINUSE';
        const text = inUse ? 'the socket is in use' : `the socket cannot be made (${codeOf(error)})`;
        reject(
          new VigiaError(inUse ? 'socket_in_use' : 'socket_path', `${socketPath}: ${text}`, {
            path: socketPath,
            cause: error,
          }),
        );
      });
      this.#server.listen(socketPath, () => {
        this.#server.removeAllListeners('error');
        this.#server.on('error', (error) => this.#o.onError?.(error));
        chmodSync(socketPath, 0o660);
        resolve();
      });
    });
  }

  /** A socket without a listener would block its successor. */
  async #listenInstead(error: unknown): Promise<void> {
    if (codeOf(error) !== 'socket_in_use' || (await answers(this.socketPath))) throw error;
    rmSync(this.socketPath, { force: true });
    await this.#listen();
  }

  #accept(socket: Socket): void {
    const unseated = this.#connections.size - this.#ring.readers;
    if (this.#closed || unseated >= MAX_UNSEATED) socket.destroy();
    else this.#connections.add(new ReaderConnection(socket, this.#context));
  }

  #onConnectionClosed(connection: ReaderConnection<F>): void {
    this.#connections.delete(connection);
    if (this.#ring.readers > 0) return;
    this.#heartbeat?.cancel();
    this.#heartbeat = undefined;
  }

  /** Not per frame: a heartbeat for readers that sleep in a futex, while there are any. */
  #beat(): void {
    this.#ring.heartbeat();
    this.#heartbeat ??= every(this.#o.supplier.clock, SEATS_HEARTBEAT_MS, () => this.#ring.heartbeat(), {
      unref: true,
    });
  }
}

/** Whether a process listens on a socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const tell = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', tell(true));
    socket.once('error', (error) => tell(codeOf(error) !== 'ECONNREFUSED')());
  });
}

/** The file of a seat table; retiring it removes it. */
interface TableMemory extends SegmentMemory {
  readonly address: bigint;
}

function createTable(path: string, readers: number): TableMemory {
  const mapping: SharedMapping = createSharedFile(path, seatTableBytes(Math.max(1, Math.min(readers, 256))));
  const retire = (): void => {
    rmSync(path, { force: true });
    mapping.retire();
  };
  return { path, bytes: mapping.bytes, address: mapping.address, retire };
}

function tableOver(memory: TableMemory, readers: number, clock: Clock): SeatTableWriter {
  try {
    return new SeatTableWriter(memory, readers, clock);
  } catch (error) {
    memory.retire();
    throw error;
  }
}
