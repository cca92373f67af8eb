import { lstatSync, realpathSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf, VigiaError } from '@vigia/base';

const WRITABLE_BY_OTHERS = 0o022;
/** In such a folder everybody may create something, and remove only what is theirs. */
const STICKY = 0o1000;

/**
 * Makes sure that no other user can change what is in a folder, or put another folder in its place: what lies there names
 * processes to be ended and sockets to be believed. Looks at every folder on the path, and on the path behind links. Folders that do
 * not exist yet are fine.
 *
 * @param owner Who must own the folder. Default: the user of this process.
 * @throws VigiaError `run_dir`
 */
export function checkTrusted(path: string, owner: number = process.getuid?.() ?? 0): void {
  const given = resolve(path);
  checkPath(given, owner);
  const real = realPathOf(given);
  if (real !== given) checkPath(real, owner);
}

/** The path itself when it is not there yet. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return path;
    throw unseen(path, error);
  }
}

function checkPath(path: string, owner: number): void {
  for (const part of [...parentsOf(path), path]) {
    const stats = statsOf(part);
    if (!stats) return;
    const isLast = part === path;
    if (stats.uid !== owner && (isLast || stats.uid !== 0))
      throw refusal(part, `belongs to user ${stats.uid}, not to user ${owner}`);
    const mode = stats.mode & 0o7777;
    const open = !stats.isSymbolicLink() && (mode & WRITABLE_BY_OTHERS) !== 0;
    if (open && (isLast || (mode & STICKY) === 0))
      throw refusal(part, `can be changed by other users (mode ${mode.toString(8)}; \`chmod go-w ${part}\` ends that)`);
  }
}

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...parentsOf(parent), parent];
}

function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unseen(path, error);
  }
}

/** A folder above it is closed to this user: the node belongs to another user. */
function unseen(path: string, error: unknown): VigiaError {
  const user = process.getuid?.() ?? 0;
  const what =
    codeOf(error) === 'EACCES'
      ? `is closed to user ${user}: its node is another user's; run the command as that user, or set VIGIA_RUN_DIR to a folder of your own`
      : `cannot be looked at (${codeOf(error)}); set VIGIA_RUN_DIR to a folder of your own`;
  return new VigiaError('run_dir', `${path} ${what}`, { path, cause: error });
}

function refusal(path: string, what: string): VigiaError {
  const text = `${path} ${what}: somebody else could take the node's place; set VIGIA_RUN_DIR to a folder of your own`;
  return new VigiaError('run_dir', text, { path });
}
