import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { VigiaError } from '@vigia/base';

/** Requests that may wait on one connection, and on all of a listener. */
const WAITING_OF_CONNECTION = 512;
const WAITING = 4_096;

/** A connection. */
interface Line {
  busy: boolean;
  /** Lets the next ones begin, in their order. */
  readonly waiting: (() => void)[];
}

/**
 * One request of a connection is answered at a time: a client that sends hundreds at once (HTTP/1.1 pipelining) gets no more
 * of this process than one that waits for its answers. Their answers would have to wait for each other anyway.
 */
export class OneAtATime {
  readonly #lines = new WeakMap<Socket, Line>();
  #waiting = 0;

  /**
   * Resolves when it is this request's turn, which lasts until `response` has closed. A connection on which too many wait is
   * cut.
   *
   * @throws VigiaError for a request of a connection that has ended.
   */
  async wait(socket: Socket, response: ServerResponse): Promise<void> {
    const line = this.#lines.get(socket) ?? this.#newLine(socket);
    if (!line.busy) line.busy = true;
    else if (line.waiting.length < WAITING_OF_CONNECTION && this.#waiting < WAITING) await this.#turn(line);
    else socket.destroy();
    if (socket.destroyed) throw new VigiaError('busy', 'the connection has ended');
    response.once('close', () => {
      line.busy = line.waiting.length > 0;
      this.#next(line);
    });
  }

  #newLine(socket: Socket): Line {
    const line: Line = { busy: false, waiting: [] };
    this.#lines.set(socket, line);
    socket.once('close', () => {
      // Nobody reads these answers: each ends at once.
      while (line.waiting.length > 0) this.#next(line);
    });
    return line;
  }

  #turn(line: Line): Promise<void> {
    this.#waiting += 1;
    return new Promise((resolve) => line.waiting.push(resolve));
  }

  #next(line: Line): void {
    const go = line.waiting.shift();
    if (!go) return;
    this.#waiting -= 1;
    go();
  }
}
