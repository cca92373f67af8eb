import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './errors.ts';

/**
 * Makes a folder and those that are missing above it, each with `mode`; nothing if it exists.
 *
 * Not `mkdir` with `recursive`: where a parent exists and still no folder can be made (below `/proc`), Node 20 tries for
 * ever, in native code that no signal ends.
 *
 * @throws the file system's error: `ENOENT` also where folders cannot be made at all.
 */
export function makeFoldersSync(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && statSync(path).isDirectory()) return;
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    makeFoldersSync(dirname(path), mode);
    makeLast(path, mode);
  }
}

/** {@link makeFoldersSync} for a disk that may take its time. */
export async function makeFolders(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolders(dirname(path), mode);
    await mkdir(path, { mode }).catch(unlessMade);
  }
}

/** Its parent exists now. */
function makeLast(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    unlessMade(error);
  }
}

/** Another process may make it in the same moment. */
function unlessMade(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}
