import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { codeOf, messageOf } from '@vigia/base';
import { type FrameRoots, notFound } from './frame-roots.ts';
import {
  checkGeometry,
  frameError,
  type FrameGeometry,
  type FrameRead,
  type FrameRequest,
  swapRedAndBlue,
} from './frame-source.ts';

// Non-blocking, so that opening a pipe that nobody writes to returns.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a plain file that holds exactly one tightly packed frame (the original contract) into `into`, as RGB24.
 *
 * @param roots The reference must lead to a regular file in one of these.
 */
export function readPlainFile(
  request: FrameRequest,
  wanted: FrameGeometry,
  roots: FrameRoots,
  into: Uint8Array,
): FrameRead {
  const geometry = checkGeometry(request.frame_metadata, wanted);
  if (geometry) return geometry;
  const checked = roots.resolve(request.frame_reference);
  if (checked.status === 'error') return checked;
  const read = readChecked(checked.path, roots, into);
  if (read.status === 'ok' && request.frame_metadata.format === 'BGR24') swapRedAndBlue(into);
  return read;
}

function readChecked(path: string, roots: FrameRoots, into: Uint8Array): FrameRead {
  let fd: number;
  try {
    fd = openSync(path, FLAGS);
  } catch (error) {
    // It was there a moment ago: gone since, or replaced by a link (ELOOP), or not ours to read.
    if (codeOf(error) === 'ENOENT') return notFound(path);
    return frameError('frame_invalid', `${path} cannot be read: ${messageOf(error)}`);
  }
  try {
    return readOpen(fd, path, roots, into);
  } catch (error) {
    return frameError('frame_invalid', `${path} cannot be read: ${messageOf(error)}`);
  } finally {
    closeSync(fd);
  }
}

function readOpen(fd: number, path: string, roots: FrameRoots, into: Uint8Array): FrameRead {
  const stat = fstatSync(fd);
  if (!stat.isFile() || !roots.containsOpen(fd)) return frameError('frame_invalid', `${path} is not a frame file`);
  if (stat.size !== into.byteLength) {
    return frameError('frame_invalid', `${path} has ${stat.size} bytes, one packed frame has ${into.byteLength}`);
  }
  for (let done = 0; done < into.byteLength; ) {
    const count = readSync(fd, into, done, into.byteLength - done, done);
    if (count === 0) return frameError('frame_invalid', `${path} became shorter while it was read`);
    done += count;
  }
  return { status: 'ok' };
}
