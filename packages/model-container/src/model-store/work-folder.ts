import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, systemClock } from '@vigia/base';

/** Names of unfinished folders begin so; versions are hexadecimal. */
const PREFIX = '.pull-';
/** An unfinished folder this old belongs to a process that was killed. */
const ABANDONED_MS = 60 * 60 * 1000;

/** Tries until `parent` stays there: who fails to add a model removes its empty folder, maybe just now. */
const TRIES = 5;

/** Makes an empty folder for one pull inside `parent`, and removes those of pulls that were killed long ago. */
export async function createWorkFolder(parent: string): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      await mkdir(parent, { recursive: true });
      for (const name of await readdir(parent)) {
        if (name.startsWith(PREFIX)) await removeAbandoned(join(parent, name));
      }
      return await mkdtemp(join(parent, PREFIX));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || tries >= TRIES) throw error;
    }
  }
}

// By age and not by process: the cache may be shared between containers that do not see each other's processes.
async function removeAbandoned(path: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    if (systemClock.wallMs() - mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  } catch (error) {
    // Another pull removed it in between.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Renames a finished folder into place. When another process was faster, its folder stays if `isGood` says so, else it is
 * replaced.
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
