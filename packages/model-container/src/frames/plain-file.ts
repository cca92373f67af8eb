import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { codeOf, messageOf } from '@vigia/base';
import { type FrameRoots, notFound } from './frame-roots.ts';
import { FRAME_BYTES_LIMIT, type FrameFailure, type FrameRequest, frameError } from './frame-source.ts';
import { packedLayout, type RawFrame } from './raw-frame.ts';

// Non-blocking, so that opening a pipe without a writer returns.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads plain files that contain exactly one tightly packed frame each (the original contract), into one buffer that
 * grows to the largest frame actually read.
 */
export class PlainFiles {
  readonly #roots: FrameRoots;
  #buffer: Uint8Array = new Uint8Array(0);

  /** @param roots A reference must lead to a regular file in one of these folders. */
  constructor(roots: FrameRoots) {
    this.#roots = roots;
  }

  /** The frame of a request; its pixels are valid until the next call. */
  read({ frame_reference, frame_metadata }: FrameRequest): { readonly frame: RawFrame } | FrameFailure {
    const { width, height, format, strides, offset } = frame_metadata;
    const { planes, byteLength } = packedLayout(format, width, height);
    if (offset !== undefined) return frameError('frame_invalid', 'an offset goes with a slot only');
    const wrong = strides?.findIndex((stride, i) => stride !== planes[i]?.stride) ?? -1;
    if (wrong >= 0) {
      const text = `lines of ${strides?.[wrong]} bytes were announced, packed lines of ${planes[wrong]?.stride ?? 0} are expected`;
      return frameError('frame_invalid', text);
    }
    if (byteLength > FRAME_BYTES_LIMIT) {
      return frameError('frame_invalid', `a frame of ${byteLength} bytes; at most ${FRAME_BYTES_LIMIT} are looked at`);
    }
    const checked = this.#roots.resolve(frame_reference);
    if (checked.status === 'error') return checked;
    const failure = this.#readChecked(checked.path, byteLength);
    if (failure) return failure;
    return { frame: { width, height, format, planes, pixels: this.#buffer.subarray(0, byteLength) } };
  }

  #readChecked(path: string, byteLength: number): FrameFailure | undefined {
    let fd: number;
    try {
      fd = openSync(path, FLAGS);
    } catch (error) {
      // Resolved a moment ago, so: removed since, replaced by a link (ELOOP), or not readable.
      if (codeOf(error) === 'ENOENT') return notFound(path);
      return frameError('frame_invalid', `${path} cannot be read: ${messageOf(error)}`);
    }
    try {
      return this.#readOpen(fd, path, byteLength);
    } catch (error) {
      return frameError('frame_invalid', `${path} cannot be read: ${messageOf(error)}`);
    } finally {
      closeSync(fd);
    }
  }

  #readOpen(fd: number, path: string, byteLength: number): FrameFailure | undefined {
    const stat = fstatSync(fd);
    if (!stat.isFile() || !this.#roots.containsOpen(fd)) {
      return frameError('frame_invalid', `${path} is not a frame file`);
    }
    if (stat.size !== byteLength) {
      return frameError('frame_invalid', `${path} has ${stat.size} bytes, one packed frame has ${byteLength}`);
    }
    // Only now: announcing a size allocates nothing.
    if (this.#buffer.byteLength < byteLength) this.#buffer = new Uint8Array(byteLength);
    for (let done = 0; done < byteLength; ) {
      const count = readSync(fd, this.#buffer, done, byteLength - done, done);
      if (count === 0) return frameError('frame_invalid', `${path} became shorter while it was read`);
      done += count;
    }
    return undefined;
  }
}
