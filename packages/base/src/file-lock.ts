import { closeSync, constants, fstatSync, ftruncateSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { codeOf, VigiaError } from './errors.ts';
import { nativeCalls } from './koffi.ts';

// flock(2) on Linux.
const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;

type Flock = (fd: number, operation: number) => number;
let flock: Flock | undefined;

/** The exclusive right that a locked file stands for. The kernel ends it with the process, also when that is killed. */
export interface FileLock {
  /** Removes the file and ends the right. Idempotent. */
  release(): void;
}

/** Options of {@link lockFile}. */
export interface LockOptions {
  /** Written into the file, for people and other processes. Undefined: its text stays. */
  readonly text?: string;
  /** Whether to create the file. Default true. */
  readonly create?: boolean;
}

/**
 * Locks a file. Never waits.
 *
 * @returns undefined when another process holds the lock.
 * @throws VigiaError `lock` when the file system has no locks; the error of the file system when the file cannot be opened.
 */
export function lockFile(path: string, { text, create = true }: LockOptions = {}): FileLock | undefined {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | (create ? constants.O_CREAT : 0);
  for (;;) {
    const fd = openSync(path, flags, 0o600);
    if (!isLocked(fd, path)) {
      closeSync(fd);
      return undefined;
    }
    // The file may have been removed between opening and locking it: then the lock is on nothing.
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) {
      if (text !== undefined) write(fd, text);
      return releaser(fd, path);
    }
    closeSync(fd);
  }
}

function isLocked(fd: number, path: string): boolean {
  flock ??= nativeCalls().load(null).func('int flock(int fd, int operation)') as Flock;
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const errno = nativeCalls().errno();
  if (errno === EWOULDBLOCK) return false;
  closeSync(fd);
  throw new VigiaError('lock', `${path}: cannot be locked (errno ${errno})`, { path });
}

function write(fd: number, text: string): void {
  ftruncateSync(fd);
  writeSync(fd, text, 0);
}

function releaser(fd: number, path: string): FileLock {
  let held = true;
  return {
    release: () => {
      if (!held) return;
      held = false;
      // While the lock is held, so that nobody has locked another file of this name.
      try {
        // Another file system may be mounted there by now.
        if (statSync(path).ino === fstatSync(fd).ino) unlinkSync(path);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
      } finally {
        closeSync(fd);
      }
    },
  };
}
