import { type Clock, type Log, messageOf } from '@vigia/base';
import { DirectoryScan } from './directory-scan.ts';
import { inParallel } from './keyed-locks.ts';
import type { SegmentFiles } from './segment-files.ts';
import { keyOf, type SegmentRow } from './segment-row.ts';

/** Options of {@link Scanner}. */
export interface ScannerOptions {
  readonly dirs: readonly string[];
  readonly files: SegmentFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a directory answers. One that does not is looked at with a later scan. */
  readonly usable: (dir: string) => boolean;
  /** Runs work on a directory; rejects when that stops answering meanwhile. */
  readonly whileUsable: <T>(dir: string, work: () => Promise<T>) => Promise<T>;
  /** Whether a copy with this name is being written. */
  readonly moving: (file: string) => boolean;
}

/** What a rebuild found. */
export interface Rebuilt {
  readonly segments: number;
  readonly bytes: number;
  /** Rows that had no file. */
  readonly removed: number;
  readonly seconds: number;
}

/** Files that are read together. */
const TOGETHER = 4;
/** Rows that are taken from the index at a time. */
const PAGE = 64;
/** How often a long reading is reported, milliseconds. */
const PROGRESS_MS = 10_000;

/**
 * Keeps the index and the files the same: at the start, once a minute, and on request. First all files are listed, so that
 * the sums of bytes are right soon; then the new ones are read, the newest first. One scan runs at a time.
 */
export class Scanner {
  readonly #o: ScannerOptions;
  readonly #scans: ReadonlyMap<string, DirectoryScan>;
  /** Directories whose files were all listed once. */
  readonly #listed = new Set<string>();
  readonly #tried = new Set<string>();
  readonly #failed = new Map<string, string>();
  #tail: Promise<unknown> = Promise.resolve();
  #busy = 0;
  #ended = false;

  constructor(options: ScannerOptions) {
    this.#o = options;
    const { dirs, files, log, clock, moving } = options;
    const wallMs = (): number => clock.wallMs();
    this.#scans = new Map(dirs.map((dir) => [dir, new DirectoryScan({ dir, dirs, files, log, wallMs, moving })]));
  }

  /** Whether the sums of a directory include all its files, as far as they can be listed. */
  isListed(dir: string): boolean {
    return this.#tried.has(dir);
  }

  /** Whether all files of a directory were listed, so that the index knows all its recordings. */
  isComplete(dir: string): boolean {
    return this.#listed.has(dir);
  }

  /** The index was emptied: the sums are wrong until all files are listed again. */
  forgetListed(): void {
    this.#listed.clear();
    this.#tried.clear();
  }

  /** Compares all files with the index by name and size, and reads those that differ. */
  full(): Promise<void> {
    return this.#queue(async () => {
      await this.#list(true);
      await this.#readAll();
    });
  }

  /** Compares the names of files with the index, where a folder changed. Does nothing while another scan runs. */
  light(): Promise<void> {
    if (this.#busy > 0) return Promise.resolve();
    return this.#queue(async () => {
      await this.#list(this.#o.dirs.some((dir) => !this.#listed.has(dir)));
      await this.#readAll();
    });
  }

  /** Reads every file again. */
  rebuild(): Promise<Rebuilt> {
    return this.#queue(async () => {
      const { clock, files, log } = this.#o;
      const startedMs = clock.nowMs();
      files.index.forgetRead();
      const removed = await this.#list(true);
      await this.#readAll();
      const { segments, bytes } = files.index.tally.all();
      const seconds = (clock.nowMs() - startedMs) / 1000;
      log.info(`the index of recordings was made again from ${segments} files in ${seconds.toFixed(1)} s`);
      return { segments, bytes, removed, seconds };
    });
  }

  /** Ends what runs, early, and waits for it. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#tail;
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    const run = this.#tail.then(work).finally(() => {
      this.#busy -= 1;
    });
    this.#tail = run.catch(() => undefined);
    return run;
  }

  /** @returns how many rows had no file. */
  async #list(thorough: boolean): Promise<number> {
    let removed = 0;
    for (const [dir, scan] of this.#scans) if (this.#o.usable(dir)) removed += await this.#listOne(dir, scan, thorough);
    return removed;
  }

  async #listOne(dir: string, scan: DirectoryScan, thorough: boolean): Promise<number> {
    try {
      const removed = await this.#o.whileUsable(dir, () => scan.run(thorough, () => this.#ended));
      if (removed > 0)
        this.#o.log.warn(`${removed} recordings in ${dir} have disappeared: somebody removed their files`);
      this.#failed.delete(dir);
      if (!this.#ended) this.#listed.add(dir);
      return removed;
    } catch (error) {
      const why = messageOf(error);
      if (this.#failed.get(dir) !== why) this.#o.log.error(`the recordings in ${dir} cannot be listed: ${why}`);
      this.#failed.set(dir, why);
      return 0;
    } finally {
      this.#tried.add(dir);
    }
  }

  async #readAll(): Promise<void> {
    const { files, clock, log } = this.#o;
    const all = files.index.unreadCount();
    const startedMs = clock.nowMs();
    let saidMs = startedMs;
    const tried = new Set<string>();
    for (;;) {
      const rows = files.index.unread(PAGE + tried.size).filter((row) => !tried.has(keyOf(row)));
      if (rows.length === 0 || this.#ended) break;
      await inParallel(rows, TOGETHER, async (one) => {
        await this.#read(one);
        // Of a directory that went away: the next scan tries it again.
        if (files.index.get(one.camera, one.order)?.read === false) tried.add(keyOf(one));
      });
      if (clock.nowMs() - saidMs < PROGRESS_MS) continue;
      saidMs = clock.nowMs();
      log.info(`reading recordings: ${Math.max(0, all - files.index.unreadCount())} of ${all} are read`);
    }
    if (saidMs > startedMs) log.info(`reading recordings: all ${all} are read`);
  }

  async #read(one: SegmentRow): Promise<void> {
    const { files, usable, whileUsable } = this.#o;
    await files.locked(one, async (row) => {
      if (!row || row.read || this.#ended || !usable(row.dir)) return;
      // What ends the wait is said by the watch of the directory.
      await whileUsable(row.dir, () => files.read(row)).catch(() => undefined);
    });
  }
}
