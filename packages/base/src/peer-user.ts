import type { Socket } from 'node:net';
import { nativeCalls } from './koffi.ts';

// getsockopt(2) and unix(7) on Linux.
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid, 32 bits each. */
const UCRED_BYTES = 12;
const UID_AT = 4;

type GetOption = (fd: number, level: number, name: number, value: Buffer, length: Buffer) => number;
let getOption: GetOption | undefined;

/**
 * The user of the process at the other end of a Unix socket, as the kernel noted it when that process connected or began to
 * listen. Undefined where the kernel cannot be asked: a TCP socket, and one that is closed.
 */
export function peerUser(socket: Socket): number | undefined {
  // Node has no public way to the descriptor.
  const { fd } = (Reflect.get(socket, '_handle') ?? {}) as { readonly fd?: unknown };
  if (typeof fd !== 'number' || fd < 0) return undefined;
  getOption ??= nativeCalls()
    .load(null)
    .func('int getsockopt(int fd, int level, int name, void *value, void *length)') as GetOption;
  const value = Buffer.alloc(UCRED_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(UCRED_BYTES);
  if (getOption(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0) return undefined;
  const uid = value.readUInt32LE(UID_AT);
  // For TCP sockets the kernel reports no peer user.
  return uid === 0xff_ff_ff_ff ? undefined : uid;
}
