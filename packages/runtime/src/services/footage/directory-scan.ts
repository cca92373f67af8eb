import type { Dirent } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, type Log } from '@vigia/base';
import { ID_PATTERN } from '@vigia/contracts';
import {
  type FootageName,
  footagePath,
  isFootageDay,
  parseFootagePath,
  parseResultPath,
  type ResultFileName,
  resultPath,
} from '#core/footage';
import { inParallel } from './keyed-locks.ts';
import { MOVING_SUFFIX } from './mover.ts';
import type { ResultFile } from './result-list.ts';
import type { SegmentFiles } from './segment-files.ts';
import { fileOf, type SegmentRow } from './segment-row.ts';
import { LOCK_NAME } from './directory-lock.ts';
import { PROBE_NAME } from './storage-watch.ts';

/** Options of {@link DirectoryScan}. */
export interface DirectoryScanOptions {
  readonly dir: string;
  /** All directories, in order: of two complete copies of a segment the one in the later directory stays. */
  readonly dirs: readonly string[];
  readonly files: SegmentFiles;
  readonly log: Log;
  readonly wallMs: () => number;
  /** Whether a copy with this name is being written. */
  readonly moving: (file: string) => boolean;
}

/** Names in a directory that are ours and no recordings. */
const OURS = new Set([LOCK_NAME, PROBE_NAME, 'lost+found']);
/** Files that are looked at together. */
const TOGETHER = 4;
/** A file that was written to within this time may be growing. Milliseconds. */
const FRESH_MS = 10_000;
/** A folder that changed within this time may change again in the same tick of its file system. Milliseconds. */
const TICK_MS = 2_000;

/** Compares the files of one directory with their rows, by name and size. Reads no file. */
export class DirectoryScan {
  readonly #o: DirectoryScanOptions;
  /** When the folder of each day changed, as of the last look. Milliseconds since 1970. */
  readonly #changedMs = new Map<string, number>();

  constructor(options: DirectoryScanOptions) {
    this.#o = options;
  }

  /**
   * @param thorough Compares also sizes, and days whose folders have not changed. Otherwise only names are read.
   * @param ended Ends the scan early.
   * @returns how many rows had no file. @throws the file system's error, when the directory itself cannot be read.
   */
  async run(thorough: boolean, ended: () => boolean): Promise<number> {
    const { dir, files } = this.#o;
    const before = files.lost;
    const unseen = new Map(files.index.days(dir).map(({ camera, dayMs }) => [`${camera}/${dayMs}`, { camera, dayMs }]));
    const days = await this.#days();
    files.index.resultList.keepFolders(dir, new Set(days.map(({ camera, day }) => `${camera}/${day}`)));
    for (const { camera, day } of days) {
      if (ended()) return files.lost - before;
      const dayMs = Date.parse(`${day}T00:00:00Z`);
      unseen.delete(`${camera}/${dayMs}`);
      await this.#day(camera, day, dayMs, thorough);
    }
    for (const { camera, dayMs } of ended() ? [] : unseen.values())
      await this.#checkGone(files.index.ofDay(dir, camera, dayMs));
    return files.lost - before;
  }

  /** The folders of days, the newest first. */
  async #days(): Promise<{ readonly camera: string; readonly day: string }[]> {
    const { dir } = this.#o;
    const days: { readonly camera: string; readonly day: string }[] = [];
    for (const camera of await readdir(dir, { withFileTypes: true })) {
      if (!this.#isFolder(camera, '', (name) => ID_PATTERN.test(name))) continue;
      for (const day of await entriesOf(join(dir, camera.name)))
        if (this.#isFolder(day, camera.name, isFootageDay)) days.push({ camera: camera.name, day: day.name });
    }
    return days.sort((a, b) => b.day.localeCompare(a.day));
  }

  #isFolder(entry: Dirent, under: string, fits: (name: string) => boolean): boolean {
    if (entry.isDirectory() && !OURS.has(entry.name) && fits(entry.name)) return true;
    if (under !== '' || !OURS.has(entry.name)) this.#foreign(join(under, entry.name));
    return false;
  }

  #foreign(path: string): void {
    this.#o.files.foreign(join(this.#o.dir, path), 'vigia names its recordings CAMERA/DAY/TIME-NUMBER.mp4');
  }

  async #day(camera: string, day: string, dayMs: number, thorough: boolean): Promise<void> {
    const folder = join(camera, day);
    if (!(await this.#hasChanged(folder)) && !thorough) return;
    const rows = this.#o.files.index.ofDay(this.#o.dir, camera, dayMs);
    const known = new Map(rows.map((row) => [row.path, row]));
    // Before the folder is read: what is made meanwhile is not missing.
    const knownResults = this.#o.files.index.resultList.ofDay(this.#o.dir, camera, dayMs);
    const found: FootageName[] = [];
    const results: ResultFileName[] = [];
    for (const entry of await entriesOf(join(this.#o.dir, folder))) {
      const path = `${folder}/${entry.name}`;
      const name = entry.isFile() ? parseFootagePath(path) : undefined;
      const hour = entry.isFile() ? parseResultPath(path) : undefined;
      if (hour) results.push(hour);
      else if (!name) await this.#other(path);
      else if (thorough || !known.has(path)) found.push(name);
      if (name) known.delete(path);
    }
    await this.#checkFound(found);
    await this.#checkGone(known.values());
    await this.#checkResults(knownResults, results, thorough);
  }

  /** Files of results have no rows: what the folder has counts. */
  async #checkResults(
    known: readonly ResultFile[],
    found: readonly ResultFileName[],
    thorough: boolean,
  ): Promise<void> {
    const { dir, files } = this.#o;
    const list = files.index.resultList;
    const hours = new Set(found.map(({ hourMs }) => hourMs));
    for (const file of known) if (!hours.has(file.hourMs)) list.remove(file);
    for (const name of found) {
      if (!thorough && list.has({ ...name, dir })) continue;
      const { size } = await statOf(join(dir, resultPath(name)));
      if (size !== undefined) list.put({ ...name, dir }, size);
    }
  }

  async #hasChanged(folder: string): Promise<boolean> {
    const { mtimeMs } = await statOf(join(this.#o.dir, folder));
    const changed = this.#changedMs.get(folder) !== mtimeMs;
    if (Math.abs(this.#o.wallMs() - mtimeMs) > TICK_MS) this.#changedMs.set(folder, mtimeMs);
    else this.#changedMs.delete(folder);
    return changed;
  }

  /** What a move left that was interrupted is ours. */
  async #other(path: string): Promise<void> {
    const file = join(this.#o.dir, path);
    const left = path.endsWith(MOVING_SUFFIX) && parseFootagePath(path.slice(0, -MOVING_SUFFIX.length));
    if (!left) this.#foreign(path);
    else if (!this.#o.moving(file)) await unlink(file).catch(() => undefined);
  }

  async #checkFound(names: readonly FootageName[]): Promise<void> {
    const { files, dir } = this.#o;
    const newest = names.reduce((most, { order }) => Math.max(most, order), 0);
    await inParallel(names, TOGETHER, async (name) => {
      const path = footagePath(name);
      if (files.isForeign(join(dir, path))) return;
      await files.locked(name, async (row) => {
        // Under the lock: a file that is removed in between would get a row again.
        const { size, mtimeMs } = await statOf(join(dir, path));
        if (size !== undefined) await this.#check(row, { ...name, path, size, mtimeMs, newest: name.order === newest });
      });
    });
  }

  /** Under the lock of the segment. */
  async #check(row: SegmentRow | undefined, found: Found): Promise<void> {
    const { files, dir } = this.#o;
    if (!row) files.index.put(this.#newRow(found));
    else if (row.dir !== dir || row.path !== found.path) await this.#second(row, found);
    else if (!row.closed || row.bytes !== found.size) files.index.put({ ...row, bytes: found.size, read: false });
  }

  #newRow({ camera, order, event, startMs, path, ...found }: Found): SegmentRow {
    const newest = found.newest && (this.#o.files.index.newest(camera)?.order ?? 0) < order;
    const closed = !newest || Math.abs(this.#o.wallMs() - found.mtimeMs) > FRESH_MS;
    const times = { startMs, endMs: startMs, bytes: found.size, gap: null };
    return { camera, order, dir: this.#o.dir, path, event, closed, read: false, ...times };
  }

  /** The segment has a row for another file: it was renamed or moved, or a move was interrupted. */
  async #second(row: SegmentRow, { path, event, size }: Found): Promise<void> {
    const { files, dir, dirs, log } = this.#o;
    const here: SegmentRow = { ...row, dir, path, event, bytes: size, closed: true, read: false };
    const other = await statOf(fileOf(row));
    if (other.size === undefined) {
      files.index.put({ ...here, closed: row.closed, startMs: nameMs(path), endMs: nameMs(path) });
      return;
    }
    if (row.dir === dir) {
      files.foreign(join(dir, path), `it has the number of ${fileOf(row)}`);
      return;
    }
    if (!row.closed) return;
    const hereWins = size === other.size ? dirs.indexOf(dir) > dirs.indexOf(row.dir) : size > other.size;
    const [stays, goes] = hereWins ? [here, row] : [row, here];
    log.info(`${fileOf(goes)} was being moved when vigia ended: ${fileOf(stays)} is complete and stays`);
    if (hereWins) files.index.put({ ...here, startMs: nameMs(path), endMs: nameMs(path) });
    await unlink(fileOf(goes)).catch(() => undefined);
  }

  /** Rows whose files the folder does not have. */
  async #checkGone(rows: Iterable<SegmentRow>): Promise<void> {
    const { files, dir } = this.#o;
    await inParallel(rows, TOGETHER, ({ camera, order, path }) =>
      files.locked({ camera, order }, async (row) => {
        if (row && row.dir === dir && row.path === path) await files.loseIfGone(row);
      }),
    );
  }
}

interface Found extends FootageName {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** Of its camera, among the files of its folder. */
  readonly newest: boolean;
}

function nameMs(path: string): number {
  return parseFootagePath(path)?.startMs ?? 0;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** No size for a file that is gone. */
async function statOf(path: string): Promise<{ readonly size: number | undefined; readonly mtimeMs: number }> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { size: undefined, mtimeMs: 0 };
    throw error;
  }
}
