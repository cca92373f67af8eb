import { fstatSync } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

/** The host's bytes, chunk by chunk. A chunk is valid until the next one is requested: its memory is reused. */
export interface HostInput extends AsyncIterable<Buffer> {
  /** Stops reading and no longer keeps the process alive. */
  destroy(): void;
}

/** The most that one read of a socket returns. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Standard input. A Node stream allocates a buffer for every 64 KiB: with large frames, more garbage than can be
 * collected in the background. A socket can be read into a fixed buffer.
 */
export function standardInput(): HostInput {
  const stat = fstatSync(0);
  return stat.isSocket() || stat.isFIFO() ? new SocketInput(0) : process.stdin;
}

class SocketInput implements HostInput {
  readonly #socket: Socket;
  /** Read, and not yet returned. */
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
        // False: nothing more until this one has been used.
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
