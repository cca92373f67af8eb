import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, systemClock, makeFolders } from '@vigia/base';

/** Prefix of unfinished folders; versions are hexadecimal. */
const PREFIX = '.pull-';
/** An unfinished folder of this age belongs to a process that was killed. */
const ABANDONED_MS = 60 * 60 * 1000;

/** Retries: a process that fails to add a model removes its empty parent folder, possibly at this moment. */
const TRIES = 5;

/** Creates an empty folder for one pull inside `parent`, and removes those of pulls that were killed long ago. */
export async function createWorkFolder(parent: string): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      await makeFolders(parent, 0o777);
      for (const name of await readdir(parent)) {
        if (name.startsWith(PREFIX)) await removeAbandoned(join(parent, name));
      }
      return await mkdtemp(join(parent, PREFIX));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || tries >= TRIES) throw error;
    }
  }
}

// By age and not by process: containers that share a cache may not see each other's processes.
async function removeAbandoned(path: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    if (systemClock.wallMs() - mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  } catch (error) {
    // Another pull removed it meanwhile.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Renames a finished folder into place. If another process was faster, its folder stays when `isGood` accepts it, and
 * is replaced otherwise.
 *
 * @param work Where a replaced folder goes, to be removed with the rest.
 */
export async function moveIntoPlace(
  from: string,
  to: string,
  work: string,
  isGood: () => Promise<boolean>,
): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
    if (await isGood()) return;
    await rename(to, join(work, 'replaced'));
    await rename(from, to);
  }
}
