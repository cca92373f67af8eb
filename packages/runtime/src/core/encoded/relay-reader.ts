import type { Socket } from 'node:net';
import { type Clock, sleep } from '@vigia/base';
import type { EncodedTap, TapItem } from './encoded-tap.ts';
import { encodeLine, encodeSoundHead, encodeUnitHead } from './relay-protocol.ts';

/** Options of {@link RelayReader}. */
export interface RelayReaderOptions {
  readonly socket: Socket;
  /** Closed by `end`. */
  readonly tap: EncodedTap;
  readonly clock: Clock;
  /** Packets that the connection has lost so far. */
  readonly lostPackets: () => number;
}

/** How long units wait for a reader that wants no pictures now. Milliseconds. */
const BUNCH_MS = 500;

/**
 * What one reader of the relay gets: pictures, and sound if it asked for it. Each unit is written as it comes; while the reader wants no pictures, those of half a
 * second together, for then a unit costs no more than its bytes.
 */
export class RelayReader {
  readonly #o: RelayReaderOptions;
  #wanted = true;
  /** Whether the reader wants sound. */
  hears = false;
  /** Ends the wait for a bunch. */
  #hurry = new AbortController();

  constructor(options: RelayReaderOptions) {
    this.#o = options;
  }

  /** Whether the reader wants pictures now. */
  set wanted(wanted: boolean) {
    this.#wanted = wanted;
    if (wanted) this.#hurry.abort();
    else if (this.#hurry.signal.aborted) this.#hurry = new AbortController();
  }

  /** Writes until `end`. */
  async run(): Promise<void> {
    const { socket, tap } = this.#o;
    for (let item = await tap.next(); item && !socket.destroyed; item = tap.take() ?? (await this.#next())) {
      this.#write(item);
      if (socket.writableNeedDrain) await drained(socket);
    }
  }

  /** Nothing waits now: the next item, as soon as the reader is to have it. */
  async #next(): Promise<TapItem | undefined> {
    // Aborted: there is a hurry now, or it is over.
    if (!this.#wanted) await sleep(this.#o.clock, BUNCH_MS, this.#hurry.signal).catch(() => undefined);
    return this.#o.tap.next();
  }

  /** The connection is over. Idempotent. */
  end(): void {
    this.wanted = true;
    this.#o.tap.close();
  }

  /** An item and what waits behind it, as much as the socket takes. */
  #write(first: TapItem): void {
    const { socket, tap } = this.#o;
    const lostPackets = this.#o.lostPackets();
    socket.cork();
    for (let item: TapItem | undefined = first; item; item = socket.writableNeedDrain ? undefined : tap.take()) {
      if (item.kind === 'format') socket.write(encodeLine({ type: 'format', format: item.format }));
      else if (item.kind === 'video') {
        socket.write(encodeUnitHead(item, lostPackets));
        socket.write(item.data);
      } else if (item.kind === 'audio' && this.hears) {
        const head = encodeSoundHead(item);
        if (!head) continue;
        socket.write(head);
        socket.write(item.data);
      }
    }
    socket.uncork();
  }
}

/** Resolves when more may be written, or never will be. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}
