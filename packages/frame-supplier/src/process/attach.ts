import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import {
  type Clock,
  codeOf,
  createSharedFile,
  encodeJson,
  FrameDecoder,
  mapSharedFile,
  messageOf,
  type SharedMapping,
  VigiaError,
} from '@vigia/base';
import {
  ATTACH_LIMIT_BYTES,
  type AttachResponse,
  attachResponseSchema,
  READER_PAGE_BYTES,
  SEATS_VERSION,
  type Wake,
} from '@vigia/contracts';
import { ReaderPage, SeatView } from '#seats';
import { readerPagePath } from '#segment';
import { socketFd } from './socket-fd.ts';

/** A reader's connection after it was given a seat. */
export interface Attachment {
  readonly socket: Socket;
  /** The socket's descriptor. */
  readonly fd: number;
  readonly page: ReaderPage;
  readonly view: SeatView;
  /** Address of the word to wait on. */
  readonly bellAddress: bigint;
  readonly segmentPath: string;
}

/** Options of attaching. */
export interface AttachOptions {
  readonly socketPath: string;
  readonly id: string;
  readonly fps: number | undefined;
  readonly wake: Wake;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Called for all bytes after the answer. */
  readonly onDoorbell: () => void;
}

/** Enough for the answer and any number of doorbells; one buffer for the life of the connection. */
const RECEIVE_BYTES = 4_096;

/**
 * Requests a seat.
 *
 * @throws VigiaError with the supplier's code (`duplicate_consumer`, `seats_full` …), `supplier_unreachable`,
 *   `attach_timeout`, `frame_invalid`. Nothing is left behind.
 */
export async function attach(options: AttachOptions): Promise<Attachment> {
  const path = readerPagePath(process.pid, randomBytes(6).toString('hex'));
  const memory = createSharedFile(path, READER_PAGE_BYTES);
  try {
    const page = new ReaderPage(memory, options.clock);
    const { socket, fd, answer } = await negotiate(options, path);
    try {
      const table = mapSharedFile(answer.seats);
      const view = new SeatView(table, answer.seat, BigInt(answer.epoch));
      const bellAddress = table.address + BigInt(view.bellOffset);
      return { socket, fd, page, view, bellAddress, segmentPath: answer.segment };
    } catch (error) {
      socket.destroy();
      throw error;
    }
  } catch (error) {
    retire(memory);
    throw error;
  } finally {
    // Both sides have mapped it: a page without a name cannot be left behind.
    rmSync(path, { force: true });
  }
}

function retire(memory: SharedMapping): void {
  memory.retire();
}

type Seated = Extract<AttachResponse, { error: null }>;

interface Negotiated {
  readonly socket: Socket;
  readonly fd: number;
  readonly answer: Seated;
}

function negotiate(options: AttachOptions, page: string): Promise<Negotiated> {
  const { socketPath, id, fps, wake, timeoutMs, clock } = options;
  return new Promise((resolve, reject) => {
    const decoder = new FrameDecoder(ATTACH_LIMIT_BYTES);
    let onBytes = (chunk: Buffer): void => {
      const answer = parseAnswer(socketPath, decoder, chunk);
      if (!answer) return;
      timer.cancel();
      socket.removeAllListeners();
      // Errors from here on show as the end of the stream.
      socket.on('error', () => socket.destroy());
      onBytes = () => options.onDoorbell();
      resolve({ socket, fd: socketFd(socket), answer });
    };
    const fail = (error: unknown): void => {
      timer.cancel();
      socket.destroy();
      reject(error instanceof VigiaError ? error : unreachable(socketPath, error));
    };
    const socket = connect({
      path: socketPath,
      onread: {
        buffer: Buffer.alloc(RECEIVE_BYTES),
        callback: (size, buffer) => {
          try {
            // The buffer is reused for the next bytes.
            onBytes(Buffer.from(buffer.subarray(0, size)));
          } catch (error) {
            fail(error);
          }
          return true;
        },
      },
    });
    const timer = clock.after(timeoutMs, () =>
      fail(new VigiaError('attach_timeout', `${socketPath}: no answer within ${timeoutMs} ms`, { path: socketPath })),
    );
    socket.on('error', fail);
    socket.on('close', () => fail(new VigiaError('supplier_unreachable', `${socketPath}: the supplier hung up`)));
    const request = {
      op: 'attach',
      protocol: SEATS_VERSION,
      reader: id,
      page,
      wake,
      ...(fps === undefined ? {} : { fps }),
    };
    socket.write(encodeJson(request));
  });
}

/** Undefined until the answer is complete. */
function parseAnswer(socketPath: string, decoder: FrameDecoder, chunk: Buffer): Seated | undefined {
  let answer: AttachResponse;
  try {
    const [message] = decoder.push(chunk);
    if (!message) return undefined;
    answer = attachResponseSchema.parse(JSON.parse(message.toString('utf8')));
  } catch (error) {
    throw new VigiaError(
      'bad_answer',
      `${socketPath}: this is not a supplier of frames (${messageOf(error).slice(0, 200)})`,
      {
        path: socketPath,
        cause: error,
      },
    );
  }
  if (answer.error) throw new VigiaError(answer.error.code, answer.error.message, { path: socketPath });
  return answer;
}

function unreachable(socketPath: string, error: unknown): VigiaError {
  return new VigiaError('supplier_unreachable', `${socketPath}: no supplier answers there (${codeOf(error)})`, {
    path: socketPath,
    cause: error,
  });
}
