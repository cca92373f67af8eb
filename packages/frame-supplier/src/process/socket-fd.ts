import type { Socket } from 'node:net';
import { VigiaError } from '@vigia/base';

/**
 * The descriptor of a connected socket. Node has no public name for it. A doorbell is one `send` that must neither
 * wait, queue nor allocate, and a thread that sleeps in a futex has no running event loop to send it.
 *
 * @throws VigiaError `no_descriptor` when the socket is not connected.
 */
export function socketFd(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null && 'fd' in handle ? handle.fd : undefined;
  if (typeof fd !== 'number' || fd < 0) throw new VigiaError('no_descriptor', 'the socket has no descriptor');
  return fd;
}
