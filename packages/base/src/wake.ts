import { VigiaError } from './errors.ts';
import { nativeCalls } from './koffi.ts';

// Linux ABI constants.
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_PEEK = 0x02;
/** System call numbers, by Node's name of the architecture. */
const SYS_FUTEX: Readonly<Record<string, number>> = { x64: 202, arm64: 98 };

type Futex = (n: number, addr: bigint, op: number, val: number, timeout: Buffer | null, a: null, b: number) => number;
type Send = (fd: number, bytes: Buffer, length: number, flags: number) => number;

interface Native {
  readonly futex: Futex;
  readonly send: Send;
  readonly recv: Send;
}

let native: Native | undefined;

function libc(): Native {
  if (native) return native;
  const lib = nativeCalls().load(null);
  native = {
    // Raw bytes for the time, not a struct: no allocation or conversion per call.
    futex: lib.func(
      'long syscall(long n, void *addr, int op, uint32_t val, void *timeout, void *a, uint32_t b)',
    ) as Futex,
    send: lib.func('long send(int fd, void *bytes, size_t length, int flags)') as Send,
    recv: lib.func('long recv(int fd, void *bytes, size_t length, int flags)') as Send,
  };
  return native;
}

/**
 * struct timespec of 64-bit machines: seconds and nanoseconds. One is enough, because the thread blocks while it is in
 * use.
 */
const timeout = Buffer.alloc(16);
const timeoutWords = new Uint32Array(timeout.buffer, timeout.byteOffset, 4);

/** @throws VigiaError `no_futex`. */
function futexNumber(): number {
  const number = SYS_FUTEX[process.arch];
  if (number === undefined)
    throw new VigiaError('no_futex', `waking by futex knows x64 and arm64, this is ${process.arch}`);
  return number;
}

/** Whether processes can wait for each other in a futex on this machine. */
export const futexSupported: boolean = process.platform === 'linux' && SYS_FUTEX[process.arch] !== undefined;

/**
 * Blocks the calling thread until the word is woken, differs from the expected value, or the time is over. The result
 * does not say which: check the word. May also return spuriously.
 *
 * @param address Of a 32-bit word in memory shared between processes; a read-only mapping will do.
 * @param timeoutMs At most this long.
 */
export function futexWait(address: bigint, expected: number, timeoutMs: number): void {
  const { futex } = libc();
  const sec = Math.floor(timeoutMs / 1000);
  timeoutWords[0] = sec;
  timeoutWords[2] = Math.floor((timeoutMs - sec * 1000) * 1e6);
  futex(futexNumber(), address, FUTEX_WAIT, expected >>> 0, timeout, null, 0);
}

/** Wakes one thread, of any process, that waits on the word. Costs 5–10 µs when there is one. */
export function futexWake(address: bigint): void {
  const { futex } = libc();
  futex(futexNumber(), address, FUTEX_WAKE, 1, null, null, 0);
}

const ONE = Buffer.from([1]);

/**
 * Sends the byte 1 over a connected socket without waiting. A full socket counts as success (the peer has enough to
 * read), and so does a broken one (its end is noticed elsewhere).
 */
export function sendDoorbell(fd: number): void {
  libc().send(fd, ONE, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

const PEEKED = Buffer.alloc(1);

/**
 * Whether the peer of a connected socket has closed it. Neither waits nor uses the event loop: for threads that block.
 */
export function isPeerGone(fd: number): boolean {
  return libc().recv(fd, PEEKED, 1, MSG_PEEK | MSG_DONTWAIT) === 0;
}
