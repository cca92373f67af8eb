import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { isAbsolute, resolve, sep } from 'node:path';
import { codeOf, messageOf } from '@vigia/base';
import { type FrameFailure, frameError } from './frame-source.ts';

/** A checked path, or the error to answer with. */
export type CheckedPath = { readonly status: 'ok'; readonly path: string } | FrameFailure;

/** The folder of shared memory: frames there are always allowed. */
export const SHARED_MEMORY_DIR = '/dev/shm';

/** The folders that a frame reference may point into. */
export class FrameRoots {
  readonly #roots: readonly string[];

  /**
   * @param extra Allowed besides /dev/shm. Resolved now: a link that replaces a folder later has no effect.
   * @throws the system's error when one does not exist.
   */
  constructor(extra: readonly string[] = []) {
    this.#roots = [SHARED_MEMORY_DIR, ...extra].map((root) => realpathSync(root));
  }

  /**
   * Resolves a reference.
   *
   * @returns `frame_invalid` when it is not absolute, contains `..`, or leads out of the allowed folders;
   *   `frame_not_found` when the file does not exist. Nothing outside the folders is accessed, so that a peer cannot
   *   probe for files.
   */
  resolve(reference: string): CheckedPath {
    if (!isAbsolute(reference) || reference.split('/').includes('..') || reference.includes('\0')) {
      return this.#refused('must be an absolute path without ".."');
    }
    if (!this.contains(resolve(reference))) return this.#refused('is outside');
    try {
      if (this.#leadsOut(resolve(reference))) return this.#refused('leads nowhere, or outside');
      const path = realpathSync(reference);
      return this.contains(path) ? { status: 'ok', path } : this.#refused('leads nowhere, or outside');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return notFound(reference);
      return frameError('frame_invalid', `${reference}: ${messageOf(error)}`);
    }
  }

  /**
   * Whether a link on the path leads out of the folders, or nowhere. Checked before the target is accessed: otherwise
   * the answer would reveal whether it exists.
   */
  #leadsOut(path: string): boolean {
    const root = this.#roots.find((candidate) => path.startsWith(candidate + sep)) ?? '';
    const names = path.slice(root.length + 1).split(sep);
    return names.some((_, i) => {
      const prefix = [root, ...names.slice(0, i + 1)].join(sep);
      if (lstatSync(prefix, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return false;
      try {
        return !this.contains(realpathSync(prefix));
      } catch {
        // A dangling link, or a loop.
        return true;
      }
    });
  }

  /** Whether an absolute, normalised path lies in an allowed folder (and is not the folder itself). */
  contains(path: string): boolean {
    return this.#roots.some((root) => path.startsWith(root + sep) && path.length > root.length + 1);
  }

  /** Whether an open file lies in an allowed folder: asks the kernel, so that no rename can interfere. */
  containsOpen(fd: number): boolean {
    return this.contains(readlinkSync(`/proc/self/fd/${fd}`));
  }

  #refused(why: string): CheckedPath {
    return frameError('frame_invalid', `the frame reference ${why} (allowed: below ${this.#roots.join(', ')})`);
  }
}

/** The error value for a reference to a missing file. */
export function notFound(reference: string): FrameFailure {
  return frameError('frame_not_found', `there is no ${reference}`);
}
