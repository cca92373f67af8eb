import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { codeOf, messageOf, UsageError, VigiaError } from '@vigia/base';

/** Longest path of a Unix socket on Linux, in bytes (`sun_path` without its final zero). */
const MAX_SOCKET_PATH = 107;
/** Owner and group may connect. */
const SOCKET_MODE = 0o660;
/** The umask with which a socket is created with that mode: chmod afterwards would leave a gap. */
const SOCKET_UMASK = 0o777 & ~SOCKET_MODE;

/**
 * Listens on a Unix socket of mode 0660. Removes the socket of a dead process, but not one with a listener. Two
 * simultaneous starts are not handled: the parent starts one container per model.
 *
 * @throws UsageError when the path is too long; VigiaError `socket_in_use` or `socket`.
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH)
    throw new UsageError(`the socket path ${path} has ${bytes} bytes, at most ${MAX_SOCKET_PATH} are possible`);
  try {
    await tryListen(server, path);
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw socketError(path, error);
    await removeStale(path);
    await tryListen(server, path).catch((again: unknown) => {
      throw socketError(path, again);
    });
  }
  chmodSync(path, SOCKET_MODE);
}

function socketError(path: string, error: unknown): VigiaError {
  return new VigiaError('socket', `cannot listen on ${path}: ${messageOf(error)}`, { path, cause: error });
}

function tryListen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      server.off('listening', onListening);
      reject(error);
    };
    const onListening = (): void => {
      server.off('error', onError);
      resolve();
    };
    server.once('error', onError).once('listening', onListening);
    const before = process.umask(SOCKET_UMASK);
    try {
      // Binds synchronously, so that the umask affects this file only.
      server.listen(path);
    } finally {
      process.umask(before);
    }
  });
}

async function removeStale(path: string): Promise<void> {
  if (!lstatSync(path).isSocket()) throw new VigiaError('socket', `${path} exists and is no socket`, { path });
  if (await answers(path)) throw new VigiaError('socket_in_use', `another process serves ${path}`, { path });
  unlinkSync(path);
}

/** Whether a process listens: the kernel refuses at once when it is dead, so no time limit is needed. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const settle = (alive: boolean): void => {
      probe.destroy();
      resolve(alive);
    };
    probe.once('connect', () => settle(true));
    // Any error but a refusal (no permission, queue full) means that a process may be listening.
    probe.once('error', (error) => settle(codeOf(error) !== 'ECONNREFUSED'));
  });
}
