import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, processStartSeconds, SHM_DIR, systemClock } from '@vigia/base';
import { HEADER, SEGMENT_MAGIC } from '@vigia/contracts';

/** What the header of a file in /dev/shm says about who made it. Segments, seat tables and readers' pages agree in it. */
interface SegmentFacts {
  readonly path: string;
  /** Undefined while the header is not whole: its magic is written last. */
  readonly writer: number | undefined;
  /** Milliseconds since the file was made or last sized. */
  readonly ageMs: number;
  /** Seconds of the monotonic clock. */
  readonly heartbeatS: number;
}

/**
 * Readers of any instance make their pages at any time, and making one takes microseconds. A page that is unfinished for so
 * long was given up. (Segments of a prefix are made by whoever sweeps it.)
 */
const PAGE_UNFINISHED_MS = 60_000;

/** Pages of readers that died between making theirs and being seated, whoever's readers they were. */
const READER_PAGE_PREFIX = 'vigia_reader_';

/** Where a reader makes its page. */
export function readerPagePath(pid: number, random: string): string {
  return `${SHM_DIR}/${READER_PAGE_PREFIX}${pid}_${random}`;
}

/**
 * Removes files of /dev/shm whose writer is gone: segments and seat tables whose name begins with the prefix, and readers'
 * pages. Never those of a process that lives. For the start of a node, before it makes its own.
 *
 * @param prefix E.g. `vigia_ward-3_frames_`: names of one node, so that no other instance's are looked at.
 * @returns the paths that were removed. What may not be removed (another user's) is left.
 */
export function sweepSegments(prefix: string): string[] {
  const ours = segmentsOf(prefix).filter((facts) => isStale(facts));
  const pages = segmentsOf(READER_PAGE_PREFIX).filter((facts) => isStale(facts, PAGE_UNFINISHED_MS));
  const stale = [...ours, ...pages];
  return stale.map(({ path }) => path).filter(remove);
}

/** Whether a file is a segment that is just being made: its magic is written last. */
export function isUnfinished(path: string): boolean {
  const magic = Buffer.alloc(SEGMENT_MAGIC.length);
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return readSync(fd, magic, 0, magic.length, 0) < magic.length || magic.every((byte) => byte === 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Gone again, or not to be read: whatever it is, it is not being made.
    return false;
  }
}

/** @param graceMs How old a file without a whole header must be, where somebody may just be making it. */
function isStale({ writer, heartbeatS, ageMs }: SegmentFacts, graceMs?: number): boolean {
  if (writer === undefined) return graceMs === undefined || ageMs >= graceMs;
  const startS = processStartSeconds(writer, systemClock.nowMs() / 1000);
  // A process that started after the file's last sign of life is another one with the same pid.
  return startS === undefined || startS > heartbeatS + 1;
}

/** Removes what one process made under the prefix. For when it is known to be dead. */
export function removeSegmentsOfWriter(prefix: string, pid: number): void {
  for (const { path, writer } of segmentsOf(prefix)) if (writer === pid) remove(path);
}

/** Whether the file is gone. In /dev/shm only its owner may remove a file: another user's must not keep us from starting. */
function remove(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    return codeOf(error) === 'ENOENT';
  }
}

function segmentsOf(prefix: string): SegmentFacts[] {
  const names = readdirSync(SHM_DIR).filter((name) => name.startsWith(prefix));
  return names.map((name) => segmentFacts(join(SHM_DIR, name)));
}

function segmentFacts(path: string): SegmentFacts {
  const head = Buffer.alloc(HEADER.heartbeat + 8);
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const ageMs = systemClock.wallMs() - fstatSync(fd).ctimeMs;
      const whole = readSync(fd, head, 0, head.byteLength, 0) === head.byteLength;
      if (!whole || head.readBigUInt64LE(HEADER.magic) === 0n) return { path, writer: undefined, heartbeatS: 0, ageMs };
    } finally {
      closeSync(fd);
    }
  } catch {
    // Unreadable means it is not ours to remove: pid 1 always lives, and always beat.
    return { path, writer: 1, heartbeatS: Number.POSITIVE_INFINITY, ageMs: 0 };
  }
  return {
    path,
    writer: head.readUInt32LE(HEADER.writerPid),
    heartbeatS: Number(head.readBigUInt64LE(HEADER.heartbeat)) / 1e9,
    ageMs: 0,
  };
}
