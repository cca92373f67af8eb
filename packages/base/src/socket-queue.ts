import type { Socket } from 'node:net';
import { nativeCalls } from './koffi.ts';

/** ioctl(2) on Linux: bytes in the send queue that the other end has not acknowledged (tcp(7)). */
const TIOCOUTQ = 0x5411;

type Ioctl = (fd: number, request: number, type: string, value: Buffer) => number;
let ioctl: Ioctl | undefined;
const answer = Buffer.alloc(4);

/**
 * Bytes that the other end of a TCP socket has taken since it was opened, as its kernel says. Undefined where the kernel
 * cannot be asked: TLS, and a socket that is closed.
 */
export function takenBytes(socket: Socket): number | undefined {
  // Node has no public way to the descriptor. Without it the answer is unknown.
  const { fd } = (Reflect.get(socket, '_handle') ?? {}) as { readonly fd?: unknown };
  if (typeof fd !== 'number' || fd < 0) return undefined;
  ioctl ??= nativeCalls().load(null).func('int ioctl(int fd, unsigned long request, ...)') as Ioctl;
  if (ioctl(fd, TIOCOUTQ, 'void *', answer) !== 0) return undefined;
  // What Node itself still holds counts as written.
  return socket.bytesWritten - socket.writableLength - answer.readInt32LE(0);
}
