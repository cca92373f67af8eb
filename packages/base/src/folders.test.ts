import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf } from './errors.ts';
import { makeFoldersSync, makeFolders } from './folders.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-folders-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe.each([
  ['makeFoldersSync', async (path: string) => makeFoldersSync(path, 0o700)],
  ['makeFolders', (path: string) => makeFolders(path, 0o700)],
])('%s', (_, make) => {
  test('makes every missing folder with the mode, and is content with one that exists', async () => {
    const path = join(dir, 'a/b/c');
    await make(path);
    await make(path);
    for (const one of [path, join(dir, 'a/b'), join(dir, 'a')]) expect(statSync(one).mode & 0o777).toBe(0o700);
  });

  test('fails where a file has the name, at the end or on the way', async () => {
    writeFileSync(join(dir, 'file'), '');
    expect(codeOf(await make(join(dir, 'file')).catch((error: unknown) => error))).toBe('EEXIST');
    expect(codeOf(await make(join(dir, 'file/below')).catch((error: unknown) => error))).toBe('ENOTDIR');
  });

  // A parent that exists, and takes no folder: `mkdir` with `recursive` does not return.
  test.each(['/proc/vigia-folder', '/proc/vigia-folder/below'])('ends at %s', async (path) => {
    expect(codeOf(await make(path).catch((error: unknown) => error))).toBe('ENOENT');
  });
});
