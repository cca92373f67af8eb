import { open } from 'node:fs/promises';

/**
 * Writes a new file and flushes it to disk. Folders are renamed into place afterwards: without the flush, a power
 * failure could leave a model of zeros.
 */
export async function writeDurably(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
