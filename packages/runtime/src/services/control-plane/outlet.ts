import type { ServerResponse } from 'node:http';
import type { WebSocket } from 'ws';

/** One message of a stream. */
export interface StreamMessage {
  /** The event that a client may resume after. */
  readonly id?: string | undefined;
  readonly event: string;
  /** JSON. */
  readonly data: string;
}

/** The way to one client of a stream. */
export interface Outlet {
  readonly closed: boolean;
  /** Sends a message. Resolves when the client has room for more; undefined: it has. */
  send(message: StreamMessage): Promise<void> | undefined;
  /** Shows both ends that the other one is there. */
  beat(): void;
  /** Beats in a row that the client has not answered. Always 0 where it has no way to answer. */
  readonly unanswered: number;
  /** Cuts the connection. */
  cut(): void;
  /** Called once, when either end has closed. */
  onClose(closed: () => void): void;
}

/** Server-Sent Events (html.spec.whatwg.org/multipage/server-sent-events.html). */
export function sseOutlet(response: ServerResponse): Outlet {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  return {
    get closed() {
      return response.closed;
    },
    send: ({ id, event, data }) => {
      const text = `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
      return response.write(text) ? undefined : whenDrained(response);
    },
    beat: () => {
      if (!response.writableNeedDrain) response.write(':\n\n');
    },
    unanswered: 0,
    cut: () => response.destroy(),
    onClose: (closed) => response.once('close', closed),
  };
}

function whenDrained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** Bytes that may wait in a WebSocket before its client counts as slow: as in a stream of Node. */
const WAITING_BYTES = 16_384;

/** A WebSocket: each message is the JSON, `id` is inside. */
export function webSocketOutlet(socket: WebSocket): Outlet {
  let unanswered = 0;
  // Every WebSocket library answers a ping by itself, once the program reads.
  socket.on('pong', () => {
    unanswered = 0;
  });
  return {
    get closed() {
      return socket.readyState !== socket.OPEN;
    },
    send: ({ data }) => {
      if (socket.bufferedAmount < WAITING_BYTES) {
        socket.send(data, () => undefined);
        return undefined;
      }
      return new Promise((resolve) => socket.send(data, () => resolve()));
    },
    beat: () => {
      unanswered += 1;
      socket.ping();
    },
    get unanswered() {
      return unanswered;
    },
    cut: () => socket.terminate(),
    onClose: (closed) => socket.once('close', closed),
  };
}
