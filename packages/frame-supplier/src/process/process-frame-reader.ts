import { type Clock, codeOf, futexWait, isPeerGone, sendDoorbell, systemClock } from '@vigia/base';
import { SEATS_LOST_MS } from '@vigia/contracts';
import { type BlockingFrameReader, type FrameReader, framesOf, framesOfBlocking, type Lease } from '#contract';
import { FarReader, SeatReader, type SharedFrame } from '#seats';
import { FrameSegmentReader, isUnfinished } from '#segment';
import { type Attachment, attach } from './attach.ts';

/** Options of attaching to a supplier in another process. */
export interface AttachReaderOptions {
  /** At most this many frames per second, greater than 0. Default: every frame. */
  readonly fps?: number;
  /** How long to wait for the supplier's answer. Milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** Common to both kinds of readers in other processes. */
class AttachedReader {
  readonly reader: SeatReader;

  constructor(id: string, attachment: Attachment, clock: Clock) {
    const { socket, fd, page, view, bellAddress, segmentPath } = attachment;
    this.reader = new SeatReader({
      id,
      view,
      page,
      clock,
      lostMs: SEATS_LOST_MS,
      openSegment: (epoch) => openSegment(segmentPath, epoch),
      tell: () => {
        // The number of a closed socket may belong to another one by now.
        if (!socket.destroyed) sendDoorbell(fd);
      },
      waitSync: (bell, timeoutMs) => futexWait(bellAddress, bell, timeoutMs),
      isSupplierGone: () => socket.destroyed || isPeerGone(fd),
      // The socket is always being read.
      watch: () => undefined,
      onEnd: () => socket.destroy(),
    });
    socket.on('close', () => this.reader.supplierGone());
  }
}

/**
 * A reader in another process that keeps its event loop free: woken by a byte on a Unix socket. Keeps the process alive
 * until it is closed or its supplier has died.
 */
export class ProcessFrameReader extends FarReader implements FrameReader<SharedFrame> {
  next(signal?: AbortSignal): Promise<Lease<SharedFrame> | undefined> {
    return this.reader.next(signal);
  }

  [Symbol.asyncIterator](): AsyncGenerator<SharedFrame, void, undefined> {
    return framesOf(this);
  }
}

/** A reader in its own thread or process that blocks while it waits: woken by a futex, the fastest way. */
export class BlockingProcessFrameReader extends FarReader implements BlockingFrameReader<SharedFrame> {
  nextSync(timeoutMs?: number): Lease<SharedFrame> | undefined {
    return this.reader.nextSync(timeoutMs);
  }

  [Symbol.iterator](): Generator<SharedFrame, void, undefined> {
    return framesOfBlocking(this);
  }
}

/**
 * Attaches to the supplier that listens on the socket.
 *
 * @param id Unique among the supplier's consumers; `[a-z0-9][a-z0-9_-]{0,62}`.
 * @throws VigiaError with the supplier's code (`duplicate_consumer`, `seats_full`, `supplier_stopped` …),
 *   `supplier_unreachable`, `attach_timeout`, `bad_answer`; `frame_not_found`, `frame_invalid` for the seat table;
 *   `shm_full`, `shm_create`, `shm_map` for the reader's page. Nothing is left behind.
 */
export async function attachReader(
  socketPath: string,
  id: string,
  options: AttachReaderOptions = {},
): Promise<ProcessFrameReader> {
  let attached: AttachedReader | undefined;
  const { clock = systemClock, timeoutMs = 5_000, fps } = options;
  const onDoorbell = (): void => attached?.reader.wake();
  const attachment = await attach({ socketPath, id, fps, wake: 'socket', timeoutMs, clock, onDoorbell });
  attached = new AttachedReader(id, attachment, clock);
  return new ProcessFrameReader(attached.reader);
}

/**
 * The same for a reader that blocks.
 *
 * @throws the same as `attachReader`.
 */
export async function attachBlockingReader(
  socketPath: string,
  id: string,
  options: AttachReaderOptions = {},
): Promise<BlockingProcessFrameReader> {
  const { clock = systemClock, timeoutMs = 5_000, fps } = options;
  const onDoorbell = (): void => undefined;
  const attachment = await attach({ socketPath, id, fps, wake: 'futex', timeoutMs, clock, onDoorbell });
  return new BlockingProcessFrameReader(new AttachedReader(id, attachment, clock).reader);
}

/** The segment of an offer. When it was removed, replaced or is just being created, the offer is useless. */
function openSegment(path: string, epoch: number): FrameSegmentReader | undefined {
  try {
    const segment = FrameSegmentReader.open(path);
    if (segment.epochNumber === epoch) return segment;
    segment.close();
    return undefined;
  } catch (error) {
    if (codeOf(error) === 'frame_not_found' || isUnfinished(path)) return undefined;
    throw error;
  }
}
