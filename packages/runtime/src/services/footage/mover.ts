import { copyFile, mkdir, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Log, messageOf } from '@vigia/base';
import { type SegmentFiles, syncPath } from './segment-files.ts';
import { fileOf, keyOf, type SegmentRow } from './segment-row.ts';

/** Of a copy that is being written. */
export const MOVING_SUFFIX = '.moving';

/** What a move does to files. A test stops between its steps. */
export interface MoveSteps {
  readonly copy: (from: string, to: string) => Promise<void>;
  /** Makes a file or a folder survive a power cut. */
  readonly sync: (path: string) => Promise<void>;
  readonly rename: (from: string, to: string) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
}

const REAL: MoveSteps = { copy: (from, to) => copyFile(from, to), sync: syncPath, rename, remove: unlink };

/** Options of {@link Mover}. */
export interface MoverOptions {
  readonly files: SegmentFiles;
  readonly log: Log;
  readonly steps?: MoveSteps;
}

/** Rows that are taken from the index at a time. */
const PAGE = 16;

/** Moves closed segments from one directory to another. At each moment exactly one row names one complete file. */
export class Mover {
  readonly #o: MoverOptions;
  readonly #steps: MoveSteps;
  readonly #copies = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #failed = new Map<string, string>();
  #ended = false;

  constructor(options: MoverOptions) {
    this.#o = options;
    this.#steps = options.steps ?? REAL;
  }

  /** Whether a copy with this name is being written. */
  isCopying(file: string): boolean {
    return this.#copies.has(file);
  }

  /**
   * Moves the oldest segments out of a directory while `wanted` says so. Does nothing while it does so already. Never
   * rejects: an error ends it and is said once.
   */
  start(from: string, to: string, wanted: () => boolean): Promise<void> {
    const running = this.#running.get(from) ?? this.#run(from, to, wanted).finally(() => this.#running.delete(from));
    this.#running.set(from, running);
    return running;
  }

  /** Moves one segment. Under its lock. @throws the file system's error: the segment is where it was. */
  async move(row: SegmentRow, to: string): Promise<void> {
    const { files } = this.#o;
    const { copy, sync, rename: give, remove } = this.#steps;
    const moved = { ...row, dir: to };
    const [source, target] = [fileOf(row), fileOf(moved)];
    const part = target + MOVING_SUFFIX;
    this.#copies.add(part);
    try {
      await mkdir(dirname(target), { recursive: true });
      await copy(source, part);
      await sync(part);
      await give(part, target);
      await sync(dirname(target));
      files.index.put(moved);
      await remove(source);
    } catch (error) {
      await unlink(part).catch(() => undefined);
      throw error;
    } finally {
      this.#copies.delete(part);
    }
  }

  /** Resolves when nothing is being moved. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** Ends when the segments that are being moved are there. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.settled();
  }

  async #run(from: string, to: string, wanted: () => boolean): Promise<void> {
    const tried = new Set<string>();
    try {
      for (;;) {
        const rows = this.#o.files.index
          .oldest({ dirs: [from] }, PAGE + tried.size)
          .filter((row) => !tried.has(keyOf(row)));
        if (rows.length === 0) return;
        for (const row of rows) {
          if (this.#ended || !wanted()) return;
          await this.#one(row, from, to);
          if (this.#o.files.index.get(row.camera, row.order)?.dir === from) tried.add(keyOf(row));
        }
        this.#failed.delete(from);
      }
    } catch (error) {
      this.#sayOnce(from, to, error);
    }
  }

  #one(found: SegmentRow, from: string, to: string): Promise<void> {
    return this.#o.files.locked(found, async (row) => {
      if (row?.dir === from && row.closed) await this.move(row, to);
    });
  }

  #sayOnce(from: string, to: string, error: unknown): void {
    const why = messageOf(error);
    if (this.#failed.get(from) !== why) this.#o.log.error(`recordings cannot be moved from ${from} to ${to}: ${why}`);
    this.#failed.set(from, why);
  }
}
