import type { Socket } from 'node:net';
import {
  type Clock,
  codeOf,
  encodeJson,
  FrameDecoder,
  futexSupported,
  futexWake,
  mapSharedFile,
  messageOf,
  sendDoorbell,
  type SharedMapping,
  type Timer,
  VigiaError,
} from '@vigia/base';
import {
  ATTACH_LIMIT_BYTES,
  type AttachErrorCode,
  type AttachRequest,
  type AttachResponse,
  attachErrorCodeSchema,
  attachRequestSchema,
  SEAT,
  SEAT_BYTES,
  SEATS_TABLE_OFFSET,
} from '@vigia/contracts';
import type { SuppliedFrame } from '#contract';
import { type FrameRing, ReaderPageView, type Seat, type SeatLink } from '#seats';
import { socketFd } from './socket-fd.ts';

/** Time until a connection that sends nothing is closed. */
const ATTACH_DEADLINE_MS = 5_000;

/** State shared by all connections of a server. */
export interface ConnectionContext<F extends SuppliedFrame> {
  readonly ring: FrameRing<F>;
  readonly clock: Clock;
  readonly seats: { readonly path: string; readonly epoch: bigint; readonly address: bigint };
  readonly segmentPath: string;
  readonly onSeated: () => void;
  readonly onError: (error: unknown) => void;
  readonly onClose: (connection: ReaderConnection<F>) => void;
}

/** The supplier's end of one reader's socket: first the attach messages, then single bytes. */
export class ReaderConnection<F extends SuppliedFrame> {
  readonly #socket: Socket;
  readonly #o: ConnectionContext<F>;
  readonly #decoder = new FrameDecoder(ATTACH_LIMIT_BYTES);
  readonly #deadline: Timer;
  #seat: Seat<F> | undefined;

  constructor(socket: Socket, context: ConnectionContext<F>) {
    this.#socket = socket;
    this.#o = context;
    this.#deadline = context.clock.after(ATTACH_DEADLINE_MS, () => this.close(), { unref: true });
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => this.close());
    socket.on('close', () => this.#onClose());
    socket.unref();
  }

  /** The reader's seat, once it has one. */
  get seat(): Seat<F> | undefined {
    return this.#seat;
  }

  /** Closes the connection. Idempotent. */
  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#seat) {
      this.#seat.evaluate();
      return;
    }
    try {
      const [message] = this.#decoder.push(chunk);
      if (message) this.#attach(parseRequest(message));
    } catch (error) {
      this.#refuse(error);
    }
  }

  #attach(request: AttachRequest): void {
    const { ring, seats, segmentPath, onSeated } = this.#o;
    const options = request.fps === undefined ? {} : { fps: request.fps };
    const link = this.#linkOf(request.wake);
    const seat = ring.seat(request.reader, options, new ReaderPageView(mapPage(request.page)), link);
    this.#seat = seat;
    this.#deadline.cancel();
    onSeated();
    this.#answer({
      seat: seat.index,
      seats: seats.path,
      epoch: seats.epoch.toString(),
      segment: segmentPath,
      error: null,
    });
  }

  #linkOf(wake: AttachRequest['wake']): SeatLink {
    if (wake === 'futex') {
      if (!futexSupported)
        throw new VigiaError('bad_request', `wake: futex does not work on ${process.arch}, socket does`);
      const { address } = this.#o.seats;
      let bell: bigint | undefined;
      // Nothing is offered before the seat is known.
      return {
        wake: () => {
          bell ??= address + BigInt(bellOffset(this.#seat?.index ?? 0));
          futexWake(bell);
        },
      };
    }
    const fd = socketFd(this.#socket);
    return {
      // The number of a closed socket may belong to another one by now.
      wake: () => {
        if (!this.#socket.destroyed) sendDoorbell(fd);
      },
    };
  }

  #refuse(error: unknown): void {
    const code = attachErrorCodeSchema.safeParse(codeOf(error));
    const known: AttachErrorCode = code.success ? code.data : 'bad_request';
    this.#o.onError(error);
    this.#answer({ error: { code: known, message: messageOf(error) } });
    // Ignores further input; a peer that does not close is closed at the deadline.
    this.#socket.removeAllListeners('data').resume().end();
  }

  #answer(response: AttachResponse): void {
    this.#socket.write(encodeJson(response));
  }

  #onClose(): void {
    this.#deadline.cancel();
    this.#seat?.readerGone();
    this.#o.onClose(this);
  }
}

function bellOffset(seat: number): number {
  return SEATS_TABLE_OFFSET + seat * SEAT_BYTES + SEAT.bell;
}

function parseRequest(message: Buffer): AttachRequest {
  let json: unknown;
  try {
    json = JSON.parse(message.toString('utf8'));
  } catch (error) {
    throw new VigiaError('bad_request', 'attach: not JSON', { cause: error });
  }
  const parsed = attachRequestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') || 'attach';
  throw new VigiaError('bad_request', `${where}: ${issue?.message ?? 'not an attach request'}`);
}

function mapPage(path: string): SharedMapping {
  try {
    return mapSharedFile(path);
  } catch (error) {
    throw new VigiaError('invalid_page', messageOf(error), { path, cause: error });
  }
}
