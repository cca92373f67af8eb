import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, processStartSeconds, SHM_DIR, systemClock } from '@vigia/base';
import { HEADER, SEGMENT_MAGIC } from '@vigia/contracts';

/**
 * The header fields of a file in /dev/shm that identify its creator. Segments, seat tables and readers' pages share
 * their offsets.
 */
interface SegmentFacts {
  readonly path: string;
  /** Undefined while the header is incomplete: its magic is written last. */
  readonly writer: number | undefined;
  /** Milliseconds since the file was created or last resized. */
  readonly ageMs: number;
  /** Seconds of the monotonic clock. */
  readonly heartbeatS: number;
}

/**
 * Readers of any instance create pages at any time, which takes microseconds. A page that is incomplete for this long
 * was abandoned. (Only the process that sweeps a prefix creates segments under it.)
 */
const PAGE_UNFINISHED_MS = 60_000;

/** Pages of readers that died between creating theirs and getting a seat, of any instance. */
const READER_PAGE_PREFIX = 'vigia_reader_';

/** Where a reader creates its page. */
export function readerPagePath(pid: number, random: string): string {
  return `${SHM_DIR}/${READER_PAGE_PREFIX}${pid}_${random}`;
}

/**
 * Removes files in /dev/shm whose writer has died: segments and seat tables whose name begins with the prefix, and
 * readers' pages. Never files of a live process. For the start of a node, before it creates its own.
 *
 * @param prefix E.g. `vigia_ward-3_frames_`: names of one node, so that files of other instances are not touched.
 * @returns the removed paths. Files that cannot be removed (another user's) are left.
 */
export function sweepSegments(prefix: string): string[] {
  const ours = segmentsOf(prefix).filter((facts) => isStale(facts));
  const pages = segmentsOf(READER_PAGE_PREFIX).filter((facts) => isStale(facts, PAGE_UNFINISHED_MS));
  const stale = [...ours, ...pages];
  return stale.map(({ path }) => path).filter(remove);
}

/** Whether a file is a segment that is just being created: its magic is written last. */
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
    // Removed already, or unreadable: either way it is not being created.
    return false;
  }
}

/** @param graceMs Minimum age of a file without a complete header, where another process may just be creating it. */
function isStale({ writer, heartbeatS, ageMs }: SegmentFacts, graceMs?: number): boolean {
  if (writer === undefined) return graceMs === undefined || ageMs >= graceMs;
  const startS = processStartSeconds(writer, systemClock.nowMs() / 1000);
  // A process that started after the file's last heartbeat is another one with the same pid.
  return startS === undefined || startS > heartbeatS + 1;
}

/** Removes the files of one process under the prefix. Only for a process that is known to be dead. */
export function removeSegmentsOfWriter(prefix: string, pid: number): void {
  for (const { path, writer } of segmentsOf(prefix)) if (writer === pid) remove(path);
}

/** Whether the file is gone. In /dev/shm only its owner may remove a file: another user's must not prevent a start. */
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
    // Unreadable, so not ours to remove. Pid 1 is always alive and counts as having a heartbeat.
    return { path, writer: 1, heartbeatS: Number.POSITIVE_INFINITY, ageMs: 0 };
  }
  return {
    path,
    writer: head.readUInt32LE(HEADER.writerPid),
    heartbeatS: Number(head.readBigUInt64LE(HEADER.heartbeat)) / 1e9,
    ageMs: 0,
  };
}
