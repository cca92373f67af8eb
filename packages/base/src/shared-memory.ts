import { closeSync, constants, fstatSync, openSync, statfsSync, unlinkSync } from 'node:fs';
import { codeOf, VigiaError } from './errors.ts';
import { nativeCalls } from './koffi.ts';

// Linux ABI constants, the same on x86-64 and ARM64.
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const ENOSPC = 28;

/** The folder of all segments. */
export const SHM_DIR = '/dev/shm';

interface Libc {
  readonly mmap: (
    addr: bigint | null,
    length: number,
    prot: number,
    flags: number,
    fd: number,
    offset: number,
  ) => bigint;
  readonly munmap: (addr: bigint, length: number) => number;
  readonly fallocate: (fd: number, offset: number, length: number) => number;
}

let libc: Libc | undefined;

/** libc of this process, so that glibc and musl both work. */
function native(): Libc {
  if (!libc) {
    const lib = nativeCalls().load(null);
    libc = {
      mmap: lib.func(
        'void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)',
      ) as Libc['mmap'],
      munmap: lib.func('int munmap(void *addr, size_t length)') as Libc['munmap'],
      fallocate: lib.func('int posix_fallocate(int fd, int64_t offset, int64_t len)') as Libc['fallocate'],
    };
  }
  return libc;
}

/**
 * A mapped shared-memory file.
 *
 * `bytes` stays readable for as long as it is referenced. Node cannot detach such a view, and access to unmapped memory
 * kills the process; so `retire` does not unmap but covers the mapping with anonymous memory. The file's pages are
 * freed, stale views read zeros (and must not be written). The address range is freed when the last view has been
 * garbage-collected.
 */
export interface SharedMapping {
  readonly path: string;
  /** Start of the mapping in this process, for futexes. */
  readonly address: bigint;
  /** The whole file. After `retire` it reads zeros. */
  readonly bytes: Buffer;
  /** Frees the memory. Idempotent. */
  retire(): void;
}

/** Unmaps a covered range once no view of it is left. */
const unmapped = new FinalizationRegistry<{ readonly address: bigint; readonly length: number }>(
  ({ address, length }) => void native().munmap(address, length),
);

function map(path: string, fd: number, length: number, prot: number): SharedMapping {
  const address = native().mmap(null, length, prot, MAP_SHARED, fd, 0);
  if (address === MAP_FAILED) throw new VigiaError('shm_map', `${path}: ${length} bytes could not be mapped`, { path });
  const bytes = Buffer.from(nativeCalls().view(address, length));
  let retired = false;
  return {
    path,
    address,
    bytes,
    retire: () => {
      if (retired) return;
      retired = true;
      const flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
      const cover = native().mmap(address, length, PROT_READ, flags, -1, 0);
      if (cover !== address) throw new VigiaError('shm_map', `${path}: the mapping could not be retired`, { path });
      unmapped.register(bytes.buffer, { address, length });
    },
  };
}

/**
 * Creates a shared-memory file and maps it for writing. Its space is allocated up front: tmpfs is overcommitted, and
 * touching a page of a sparse file raises SIGBUS when /dev/shm is full.
 *
 * @param bytes Size of the file.
 * @param mode Permission bits. Default 0640: the group may read.
 * @throws VigiaError `shm_full` when there is no space, `shm_exists` when the file exists, otherwise `shm_create`.
 *   Nothing is left behind.
 */
export function createSharedFile(path: string, bytes: number, mode = 0o640): SharedMapping {
  let fd: number;
  try {
    fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW, mode);
  } catch (error) {
    const exists = codeOf(error) === 'EEXIST';
    const text = exists ? 'the segment exists already' : `the segment could not be created (${codeOf(error)})`;
    throw new VigiaError(exists ? 'shm_exists' : 'shm_create', `${path}: ${text}`, { path, cause: error });
  }
  try {
    const errno = native().fallocate(fd, 0, bytes);
    if (errno === ENOSPC) throw shmFull(path, bytes);
    if (errno !== 0)
      throw new VigiaError('shm_create', `${path}: ${bytes} bytes could not be allocated (errno ${errno})`, { path });
    return map(path, fd, bytes, PROT_READ | PROT_WRITE);
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * Maps an existing file read-only; a write through the view raises SIGSEGV.
 *
 * @throws VigiaError `frame_not_found` when the file does not exist, `frame_invalid` when it is a symbolic link, not a
 *   regular file, or empty.
 */
export function mapSharedFile(path: string): SharedMapping {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') throw new VigiaError('frame_not_found', `${path}: no such segment`, { path, cause: error });
    throw new VigiaError('frame_invalid', `${path}: not readable as a segment (${code})`, { path, cause: error });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size === 0) throw new VigiaError('frame_invalid', `${path}: not a segment`, { path });
    return map(path, fd, stat.size, PROT_READ);
  } finally {
    closeSync(fd);
  }
}

/** Free bytes of /dev/shm. */
export function freeSharedBytes(): number {
  const stat = statfsSync(SHM_DIR);
  return stat.bavail * stat.bsize;
}

/** The error for "does not fit", with both sizes. */
export function shmFull(path: string, bytes: number): VigiaError<'shm_full'> {
  return new VigiaError(
    'shm_full',
    `${path}: ${mib(bytes)} of shared memory are needed, ${SHM_DIR} has ${mib(freeSharedBytes())} free`,
    {
      path,
    },
  );
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
