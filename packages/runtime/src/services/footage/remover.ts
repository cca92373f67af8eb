import { dirname } from 'node:path';
import { type Clock, type Log, messageOf } from '@vigia/base';
import { inParallel } from './keyed-locks.ts';
import { removeEmptyDay, type SegmentFiles } from './segment-files.ts';
import { fileOf, keyOf, type SegmentRow } from './segment-row.ts';
import type { RowFilter } from './segment-table.ts';
import { parseFootagePath } from '#core/footage';

/** Options of {@link Remover}. */
export interface RemoverOptions {
  readonly files: SegmentFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs an operation on a directory. */
  readonly timed: <T>(dir: string, work: () => Promise<T>) => Promise<T>;
}

/** Files that are removed together. */
const TOGETHER = 4;
/** Rows that are taken from the index at a time. */
const PAGE = 256;
/** A file that cannot be removed is tried again after this time, milliseconds. */
const RETRY_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

/** Removes the oldest segments: several at a time, never one that a recorder writes. Errors are counted and said once. */
export class Remover {
  readonly #o: RemoverOptions;
  /** Files that could not be removed, and when they are tried again. */
  readonly #failed = new Map<string, number>();
  readonly #said = new Set<string>();
  #segments = 0;
  #bytes = 0;
  #errors = 0;

  constructor(options: RemoverOptions) {
    this.#o = options;
  }

  /** What was removed since the start, and how often that failed. */
  get counts(): { readonly segments: number; readonly bytes: number; readonly errors: number } {
    return { segments: this.#segments, bytes: this.#bytes, errors: this.#errors };
  }

  /** Removes everything that fits. */
  async removeAll(filter: RowFilter): Promise<void> {
    await this.removeBytes(filter, Number.POSITIVE_INFINITY);
  }

  /** Removes the oldest segments until so many bytes are free. @returns the bytes that are missing still, or less than 0. */
  async removeBytes(filter: RowFilter, bytes: number): Promise<number> {
    let left = bytes;
    while (left > 0) {
      const chosen = upTo(this.#candidates(filter), left);
      if (chosen.length === 0) return left;
      left -= await this.#removeTogether(chosen);
      await this.#clearDays(chosen);
    }
    return left;
  }

  /** @returns the bytes that are free now. */
  async #removeTogether(rows: readonly SegmentRow[]): Promise<number> {
    const freed: number[] = [];
    await inParallel(rows, TOGETHER, async (row) => void freed.push(await this.#remove(row)));
    return freed.reduce((sum, bytes) => sum + bytes, 0);
  }

  #candidates(filter: RowFilter): SegmentRow[] {
    const nowMs = this.#o.clock.nowMs();
    for (const [key, retryMs] of this.#failed) if (retryMs <= nowMs) this.#failed.delete(key);
    const rows = this.#o.files.index.oldest(filter, PAGE + this.#failed.size);
    return rows.filter((row) => !this.#failed.has(keyOf(row)));
  }

  /** @returns the bytes that are free now. */
  async #remove(found: SegmentRow): Promise<number> {
    const { files, clock } = this.#o;
    try {
      return await files.locked(found, (row) => this.#removeLocked(row, found));
    } catch (error) {
      this.#errors += 1;
      this.#failed.set(keyOf(found), clock.nowMs() + RETRY_MS);
      this.#sayOnce(found.dir, messageOf(error));
      return 0;
    }
  }

  async #removeLocked(row: SegmentRow | undefined, found: SegmentRow): Promise<number> {
    const { files, timed } = this.#o;
    // It was moved or marked meanwhile, or a recorder writes to it again.
    if (!row?.closed || row.path !== found.path || row.dir !== found.dir) return 0;
    if (await timed(row.dir, () => files.remove(row))) {
      this.#segments += 1;
      this.#bytes += row.bytes;
    }
    return row.bytes;
  }

  #sayOnce(dir: string, why: string): void {
    const kind = why.split(',')[0] ?? why;
    if (this.#said.has(`${dir} ${kind}`)) return;
    this.#said.add(`${dir} ${kind}`);
    this.#o.log.error(`old recordings in ${dir} cannot be removed: ${why}`);
  }

  /** Not of a day in which a recorder may begin a segment. */
  async #clearDays(removed: readonly SegmentRow[]): Promise<void> {
    const old = removed.filter(
      ({ path }) => (parseFootagePath(path)?.startMs ?? 0) < this.#o.clock.wallMs() - 2 * DAY_MS,
    );
    for (const folder of new Set(old.map((row) => dirname(fileOf(row))))) await removeEmptyDay(folder);
  }
}

/** The first rows whose bytes reach a sum. */
function upTo(rows: readonly SegmentRow[], bytes: number): readonly SegmentRow[] {
  let sum = 0;
  const end = rows.findIndex((row) => (sum += row.bytes) >= bytes);
  return end < 0 ? rows : rows.slice(0, end + 1);
}
