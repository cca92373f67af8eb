import type { ServerResponse } from 'node:http';
import { takenBytes } from '@vigia/base';
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
  /** Sends bytes, or drops them when others still wait. Returns whether it sent them. Undefined: it can send text only. */
  readonly sendBytes?: (bytes: Uint8Array) => boolean;
  /** Shows both ends that the other one is there. */
  beat(): void;
  /** Beats in a row that the client has not answered, or in which it has taken nothing of what waits for it. */
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
  const progress = progressOf(response);
  let unanswered = 0;
  return {
    get closed() {
      return response.closed || response.destroyed;
    },
    send: ({ id, event, data }) => {
      const text = `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
      return response.write(text) ? undefined : whenDrained(response);
    },
    beat: () => {
      unanswered = progress() ? 0 : unanswered + 1;
      if (!response.writableNeedDrain) response.write(':\n\n');
    },
    get unanswered() {
      return unanswered;
    },
    cut: () => response.destroy(),
    onClose: (closed) => response.once('close', closed),
  };
}

/**
 * Whether a client has taken anything since the last call, or nothing waits for it. It has no way to answer, and megabytes may
 * wait in the kernel before Node notices that it reads nothing.
 */
function progressOf({ socket }: ServerResponse): () => boolean {
  let [written, taken] = [0, -1];
  return () => {
    const before = { written, taken };
    const now = socket ? takenBytes(socket) : undefined;
    if (now === undefined) return true;
    [written, taken] = [socket?.bytesWritten ?? 0, now];
    return taken > before.taken || before.written === before.taken;
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
/** The same before pictures, here or on the way: while so much waits, none is added, because it would be late. */
const WAITING_PICTURE_BYTES = 65_536;

/**
 * A WebSocket: each message is the JSON, `id` is inside. Megabytes may wait in kernels, TLS and proxies between. So a ping
 * follows pictures, one at a time; its answer says that the client has what was sent before it.
 */
export function webSocketOutlet(socket: WebSocket): Outlet {
  let unanswered = 0;
  /** Bytes of pictures: in all, before the last ping, and before the last ping that was answered. */
  let [sent, asked, taken] = [0, 0, 0];
  const ping = (): void => {
    asked = sent;
    socket.ping(String(asked));
  };
  // Every WebSocket library answers a ping by itself, with its content, once the program reads. It may leave out earlier ones.
  socket.on('pong', (content: Buffer) => {
    unanswered = 0;
    const before = Number(content.toString());
    if (before > taken && before <= asked) taken = before;
    if (taken === asked && asked < sent) ping();
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
    sendBytes: (bytes) => {
      if (socket.readyState !== socket.OPEN) return false;
      if (Math.max(socket.bufferedAmount, sent - taken) >= WAITING_PICTURE_BYTES) return false;
      socket.send(bytes, () => undefined);
      sent += bytes.byteLength;
      if (taken === asked) ping();
      return true;
    },
    beat: () => {
      unanswered += 1;
      ping();
    },
    get unanswered() {
      return unanswered;
    },
    cut: () => socket.terminate(),
    onClose: (closed) => socket.once('close', closed),
  };
}
