import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, type FileLock, lockFile, quoted, VigiaError } from '@vigia/base';

/** The file by which a node holds a directory of recordings. */
export const LOCK_NAME = 'vigia-footage.lock';
/** Of another node's name. */
const NAME_LIMIT = 64;

/**
 * Holds a directory of recordings for one node; the kernel ends that with the process. Undefined on a file system without
 * locks: there nothing keeps two nodes apart.
 *
 * @throws VigiaError `in_use` when another node holds it; the file system's error.
 */
export function lockDirectory(dir: string, node: string): FileLock | undefined {
  const path = join(dir, LOCK_NAME);
  try {
    const lock = lockFile(path, { text: node });
    if (lock) return lock;
  } catch (error) {
    if (codeOf(error) === 'lock') return undefined;
    throw error;
  }
  const other = nameIn(path);
  throw new VigiaError('in_use', `another node${other} records into ${dir}: a directory belongs to one node`);
}

function nameIn(path: string): string {
  try {
    const name = readFileSync(path, 'utf8');
    return name === '' ? '' : ` (${quoted(name, NAME_LIMIT)})`;
  } catch {
    // It has just gone.
    return '';
  }
}
