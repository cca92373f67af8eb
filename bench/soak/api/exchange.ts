import { connect, type Socket } from 'node:net';
import { systemClock } from '@vigia/base';

/** What came back, byte by byte. */
export interface RawAnswer {
  /** Undefined: the connection was closed without an answer. */
  readonly status: number | undefined;
  /** Status line and headers. */
  readonly head: string;
  readonly body: string;
  readonly tookMs: number;
  /** Neither an answer nor an end came in time. */
  readonly hangs: boolean;
}

/** What is sent, and how. */
export interface Sending {
  readonly port: number;
  /** An address of this machine to connect from. */
  readonly from: string;
  /** Sent one after another. */
  readonly parts: readonly Buffer[];
  /** The client closes its side before the request is whole. */
  readonly cut: boolean;
  /** Sent when a WebSocket has been opened. */
  readonly frames: readonly Buffer[];
}

/** An answer takes no longer than this, milliseconds: a restart of a worker is waited for. */
const DEADLINE_MS = 20_000;
/** How long a stream is read, milliseconds. */
const STREAM_MS = 25;

interface Head {
  readonly status: number;
  readonly text: string;
  /** Where the body begins. */
  readonly at: number;
}

/** Sends bytes over a connection of their own. Never rejects. */
export function exchange({ port, from, parts, cut, frames }: Sending): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const startMs = systemClock.nowMs();
    const chunks: Buffer[] = [];
    let streaming = false;
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    const finish = (hangs: boolean): void => {
      deadline.cancel();
      socket.destroy();
      const whole = Buffer.concat(chunks);
      const head = headOf(whole);
      const body = head ? whole.subarray(head.at).toString('latin1') : '';
      const tookMs = systemClock.nowMs() - startMs;
      resolve({ status: head?.status, head: head?.text ?? whole.toString('latin1'), body, tookMs, hangs });
    };
    const deadline = systemClock.after(DEADLINE_MS, () => finish(true));
    socket.on('error', () => undefined).on('close', () => finish(false));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (streaming) return;
      const whole = Buffer.concat(chunks);
      const head = headOf(whole);
      if (!head) return;
      if (isStream(head)) {
        streaming = true;
        for (const frame of frames) socket.write(frame);
        systemClock.after(STREAM_MS, () => finish(false));
      } else if (whole.length - head.at >= lengthOf(head)) finish(false);
    });
    void write(socket, parts, cut);
  });
}

async function write(socket: Socket, parts: readonly Buffer[], cut: boolean): Promise<void> {
  for (const [i, part] of parts.entries()) {
    if (i > 0) await new Promise((resolve) => setImmediate(resolve));
    if (!socket.destroyed) socket.write(part);
  }
  if (cut) socket.end();
}

/** The first head that is final: `100 Continue` is not. */
function headOf(bytes: Buffer): Head | undefined {
  for (let from = 0; ; ) {
    const end = bytes.indexOf('\r\n\r\n', from);
    if (end < 0) return undefined;
    const text = bytes.subarray(from, end).toString('latin1');
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
    if (status !== 100) return { status, text, at: end + 4 };
    from = end + 4;
  }
}

function isStream({ status, text }: Head): boolean {
  return status === 101 || /^content-type: (?:text\/event-stream|multipart\/x-mixed-replace)/im.test(text);
}

/** Infinite: until the end of the connection. */
function lengthOf({ text }: Head): number {
  return Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? Number.POSITIVE_INFINITY);
}
