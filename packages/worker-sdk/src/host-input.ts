import { fstatSync } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

/** What the host writes, piece by piece. A piece is good until the next one is asked for: its memory is used again. */
export interface HostInput extends AsyncIterable<Buffer> {
  /** Reads no more, and keeps the process alive no longer. */
  destroy(): void;
}

/** As much as a socket gives at once. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Standard input. A stream of Node makes a new buffer for every 64 KiB, which for large pictures is more garbage than can be
 * collected at the side; a socket can be read into one that stays.
 */
export function standardInput(): HostInput {
  const stat = fstatSync(0);
  return stat.isSocket() || stat.isFIFO() ? new SocketInput(0) : process.stdin;
}

class SocketInput implements HostInput {
  readonly #socket: Socket;
  /** Read, and not given yet. */
  #piece: Buffer | undefined;
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(fd: number) {
    const memory = Buffer.allocUnsafeSlow(PIECE_BYTES);
    const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
      fd,
      readable: true,
      writable: false,
      onread: {
        buffer: memory,
        // False: no more before this one was used.
        callback: (bytes) => {
          this.#piece = memory.subarray(0, bytes);
          this.#wake?.();
          return false;
        },
      },
    };
    this.#socket = new Socket(options);
    this.#socket.on('error', (error) => (this.#error = error));
    for (const end of ['end', 'close'] as const)
      this.#socket.on(end, () => {
        this.#ended = true;
        this.#wake?.();
      });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      if (!this.#piece && !this.#ended) {
        const { promise, resolve } = newSignal();
        this.#wake = resolve;
        this.#socket.resume();
        await promise;
        this.#wake = undefined;
      }
      const piece = this.#piece;
      this.#piece = undefined;
      if (piece) yield piece;
      else if (this.#error) throw this.#error;
      else if (this.#ended) return;
    }
  }
}

function newSignal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
