import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '@vigia/base';
import { parseFootagePath, readSegment } from '#core/footage';

/** What earlier recorders of a camera have left. */
export interface EarlierFootage {
  /** The highest order of a segment; 0: there is none. */
  readonly order: number;
  /** Wall time at which the last one that can be played ends, milliseconds; null: none is known. */
  readonly endMs: number | null;
}

interface Named {
  readonly order: number;
  readonly path: string;
}

/** Higher ones are nobody's: the name of a segment has nine digits. */
const ORDER_LIMIT = 999_000_000;
/** Segments that are read: one whose recorder was killed at its beginning holds nothing. */
const READ_LIMIT = 8;

/**
 * Looks through the names of a camera's segments, and reads the newest. An archive that cannot be read is passed over when
 * newer footage is known: what moves there is old.
 *
 * @param dirs The first one is where segments are written.
 * @throws the file system's error: without the existing names, an order could be used twice.
 */
export async function earlierFootage(dirs: readonly string[], camera: string): Promise<EarlierFootage> {
  const newest: Named[] = [];
  for (const dir of dirs)
    await lookThrough(dir, camera, newest).catch((error: unknown) => {
      if (newest.length === 0) throw error;
    });
  return { order: newest[0]?.order ?? 0, endMs: await endOf(newest) };
}

async function lookThrough(dir: string, camera: string, newest: Named[]): Promise<void> {
  for (const day of await namesIn(join(dir, camera)))
    for (const file of await namesIn(join(dir, camera, day))) {
      const order = parseFootagePath(`${camera}/${day}/${file}`)?.order;
      if (order !== undefined && order < ORDER_LIMIT) keepNewest(newest, { order, path: join(dir, camera, day, file) });
    }
}

function keepNewest(newest: Named[], one: Named): void {
  newest.push(one);
  newest.sort((a, b) => b.order - a.order);
  newest.length = Math.min(newest.length, READ_LIMIT);
}

/** The end of the first of them that holds pictures. */
async function endOf(newest: readonly Named[]): Promise<number | null> {
  for (const { path } of newest) {
    const segment = await readSegment(path).catch(() => undefined);
    if (segment) return segment.note.start_ms + segment.durationMs;
  }
  return null;
}

/** Empty when it is not there, or no folder. */
async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return [];
    throw error;
  }
}
