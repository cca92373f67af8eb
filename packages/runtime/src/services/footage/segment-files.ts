import { open, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, type Log, messageOf } from '@vigia/base';
import { parseFootagePath, readSegment, type Segment } from '#core/footage';
import type { FootageIndex } from './footage-index.ts';
import { KeyedLocks } from './keyed-locks.ts';
import { fileOf, keyOf, type SegmentRow } from './segment-row.ts';
import { fitsName, LONGEST_MS } from './segment-table.ts';

/** What a file says that a row does not know. */
export type ReadPart = Pick<SegmentRow, 'startMs' | 'endMs' | 'bytes' | 'gap' | 'read'>;

/** Files that are no recordings and were named in the log are remembered up to this number. */
const FOREIGN_LIMIT = 10_000;
/** Of these, the first ones get a line each. */
const FOREIGN_LINES = 20;

/**
 * The files of recordings and the rows that stand for them. Everything that changes a file or its row does so under the
 * lock of the segment, with the row as it is then.
 */
export class SegmentFiles {
  readonly index: FootageIndex;
  readonly #log: Log;
  readonly #present: (dir: string) => Promise<boolean>;
  readonly #locks = new KeyedLocks();
  readonly #foreign = new Set<string>();
  /** Files that could not be read, each named once in the log. */
  readonly #unread = new Set<string>();
  #lost = 0;

  /** @param present Whether a directory is the one that it was. One that went away has lost nothing. */
  constructor(index: FootageIndex, log: Log, present: (dir: string) => Promise<boolean>) {
    this.index = index;
    this.#log = log;
    this.#present = present;
  }

  /** Files that disappeared without vigia, since the start. */
  get lost(): number {
    return this.#lost;
  }

  /** Runs `work` while nothing else changes the segment. */
  locked<T>(of: Pick<SegmentRow, 'camera' | 'order'>, work: (row: SegmentRow | undefined) => Promise<T>): Promise<T> {
    return this.#locks.with(keyOf(of), () => work(this.index.get(of.camera, of.order)));
  }

  isForeign(path: string): boolean {
    return this.#foreign.has(path);
  }

  /** A file that is none of ours: it is never touched, and named once. */
  foreign(path: string, why: string): void {
    if (this.#foreign.has(path) || this.#foreign.size >= FOREIGN_LIMIT) return;
    this.#foreign.add(path);
    const { size } = this.#foreign;
    if (size <= FOREIGN_LINES) this.#log.warn(`${path} is no recording (${why}): it is left alone`);
    else if (size === FOREIGN_LINES + 1) this.#log.warn('more files are no recordings: they are not named');
  }

  /** Reads the file of a row and corrects the row. Under the lock. @returns what was read, for a later read of the same file. */
  async read(row: SegmentRow, known?: Segment): Promise<Segment | undefined> {
    const { index } = this;
    try {
      const segment = await readSegment(fileOf(row), known);
      const part = segment ? partOf(row, segment) : await this.#unreadable(row);
      if (part) index.put({ ...row, ...part });
      else this.#disown(row);
      return part ? segment : undefined;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') await this.#lose(row);
      else this.#cannotRead(row, error);
      return undefined;
    }
  }

  /** Removes the row of a file that is gone. Under the lock. @returns whether it was gone. */
  async loseIfGone(row: SegmentRow): Promise<boolean> {
    try {
      await stat(fileOf(row));
      return false;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return false;
      return this.#lose(row);
    }
  }

  /** Removes a file and its row. Under the lock. @returns false when the file was gone. @throws the file system's error. */
  async remove(row: SegmentRow): Promise<boolean> {
    try {
      await unlink(fileOf(row));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || !(await this.#lose(row))) throw error;
      return false;
    }
    this.index.remove(row.camera, row.order);
    return true;
  }

  /** Gives a file another name in its folder, and its row. Under the lock. @throws the file system's error. */
  async rename(row: SegmentRow, path: string, event: boolean): Promise<void> {
    await rename(fileOf(row), join(row.dir, path));
    this.index.put({ ...row, path, event });
  }

  async #lose(row: SegmentRow): Promise<boolean> {
    if (!(await this.#present(row.dir)) || !this.index.remove(row.camera, row.order)) return false;
    this.#lost += 1;
    return true;
  }

  #disown(row: SegmentRow): void {
    this.index.remove(row.camera, row.order);
    this.foreign(fileOf(row), 'its note is that of another segment');
  }

  /** A killed recorder leaves files without a whole fragment: they take room, and nothing of them can be played. */
  async #unreadable(row: SegmentRow): Promise<ReadPart> {
    const { size } = await stat(fileOf(row));
    return { startMs: row.startMs, endMs: row.startMs, bytes: size, gap: null, read: true };
  }

  /** What was read of it before stays: a disk that fails for a while takes nothing out of the index. A later scan reads it. */
  #cannotRead(row: SegmentRow, error: unknown): void {
    const file = fileOf(row);
    if (!this.#unread.has(file) && this.#unread.size < FOREIGN_LIMIT) {
      this.#unread.add(file);
      this.#log.warn(`the recording ${file} cannot be read: ${messageOf(error)}`);
    }
    this.index.put({ ...row, read: false });
  }
}

/** Undefined when the file is not the one that its name says. */
function partOf(row: SegmentRow, { note, durationMs, fileBytes }: Segment): ReadPart | undefined {
  const name = parseFootagePath(row.path);
  const own = note.camera === row.camera && note.order === row.order && name && fitsName(note.start_ms, name.startMs);
  if (!own) return undefined;
  const lastsMs = durationMs >= 0 && durationMs <= LONGEST_MS ? durationMs : 0;
  const gap = note.gap && { reason: note.gap.reason, sinceMs: note.gap.since_ms };
  return { startMs: note.start_ms, endMs: note.start_ms + lastsMs, bytes: fileBytes, gap, read: true };
}

/** Removes the folder of a day, if it is empty. */
export async function removeEmptyDay(folder: string): Promise<void> {
  try {
    const names = await readdir(folder);
    if (names.length === 0) await rmdir(folder);
  } catch {
    // It has files again, or is gone: both are fine.
  }
}

/** Makes a file or a folder survive a power cut. @throws the file system's error. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
