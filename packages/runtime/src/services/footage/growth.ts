import { stat } from 'node:fs/promises';
import { type Clock, codeOf, type Log, messageOf } from '@vigia/base';
import { footagePath, type FootageName, type GapReason, parseFootagePath, type Segment } from '#core/footage';
import type { SegmentFiles } from './segment-files.ts';
import { fileOf, keyOf, type SegmentRow } from './segment-row.ts';
import type { TimeRange } from './segment-table.ts';

/** Options of {@link Growth}. */
export interface GrowthOptions {
  readonly dirs: readonly string[];
  readonly files: SegmentFiles;
  readonly clock: Clock;
  readonly log: Log;
}

/** A segment that a recorder writes. */
interface Growing {
  readonly camera: string;
  readonly order: number;
  /** What was read of its file so far. */
  segment: Segment | undefined;
  bytes: number;
  /** When it was last seen to grow, on the monotonic clock. */
  grownMs: number;
  /** The file's name of the last notice. */
  named: { readonly dir: string; readonly path: string };
  closed: boolean;
  /** A notice came while it was read. */
  again: boolean;
  reading: Promise<void> | undefined;
}

/** A segment that does not grow for this long has no recorder any longer. Milliseconds. */
const QUIET_MS = 60_000;
/** How much a new rate of a camera counts against a higher one before it. */
const DECAY = 0.05;

/**
 * What recorders write: follows growing segments by their notices, marks footage of events, and keeps the gaps that last.
 */
export class Growth {
  readonly #o: GrowthOptions;
  readonly #growing = new Map<string, Growing>();
  readonly #rates = new Map<string, { readonly bytesPerS: number; readonly atMs: number }>();
  readonly #said = new Set<string>();

  constructor(options: GrowthOptions) {
    this.#o = options;
    const { files, clock } = options;
    for (const row of files.index.growing())
      this.#growing.set(keyOf(row), newGrowing(row, row.dir, row.path, clock.nowMs()));
  }

  /** The highest rate of late at which a camera is recorded, bytes per second. 0 for one that is not recorded now. */
  rateOf(camera: string): number {
    const { bytesPerS, atMs } = this.#rates.get(camera) ?? { bytesPerS: 0, atMs: 0 };
    return this.#o.clock.nowMs() - atMs < QUIET_MS ? bytesPerS : 0;
  }

  /** A segment grew, or is finished. */
  written(camera: string, file: string, closed: boolean): Promise<void> {
    const place = this.#placeOf(file);
    if (place?.name.camera !== camera) {
      this.#sayOnce(file);
      return Promise.resolve();
    }
    const { name, dir, path } = place;
    const key = keyOf(name);
    const one = this.#growing.get(key) ?? newGrowing(name, dir, path, this.#o.clock.nowMs());
    this.#growing.set(key, one);
    one.named = { dir, path };
    one.closed ||= closed;
    one.again = true;
    one.reading ??= this.#follow(one, name).finally(() => (one.reading = undefined));
    return one.reading;
  }

  /** Nothing is recorded of a camera now. */
  stopped(camera: string, sinceMs: number, reason: GapReason): void {
    const { index } = this.#o.files;
    // A recorder that dies while nothing is recorded anyway changes nothing.
    if (reason === 'node_down' && index.openGap(camera)) return;
    index.beginGap(camera, { fromMs: sinceMs, toMs: null, reason });
  }

  /**
   * What lies between two times is of an event: what was recorded of it, and what will be.
   *
   * @param alarm Its subject; null: something else.
   */
  async mark(camera: string, range: TimeRange, alarm: string | null): Promise<void> {
    this.#o.files.index.addMark(camera, range, alarm);
    await this.#markAgain(camera, range);
  }

  /** An alarm was none: what only it had marked is of no event. @param atMs When it lasted. */
  async unmark(camera: string, alarm: string, atMs: number): Promise<void> {
    const range = this.#o.files.index.removeMarks(camera, alarm, atMs);
    if (range) await this.#markAgain(camera, range);
  }

  async #markAgain(camera: string, { fromMs, toMs }: TimeRange): Promise<void> {
    const { files } = this.#o;
    for (const found of files.index.overlapping(camera, fromMs, toMs))
      await files.locked(found, async (row) => {
        if (row && row.event !== files.index.isMarked(row)) await this.#rename(row, !row.event);
      });
  }

  /** Closes segments whose recorder is gone. */
  async closeQuiet(): Promise<void> {
    const { files, clock } = this.#o;
    for (const found of files.index.growing()) {
      const one = this.#growing.get(keyOf(found)) ?? newGrowing(found, found.dir, found.path, clock.nowMs());
      this.#growing.set(keyOf(found), one);
      if (clock.nowMs() - one.grownMs >= QUIET_MS) await this.#close(one);
    }
  }

  async #follow(one: Growing, name: FootageName): Promise<void> {
    let isRead = true;
    // First: a killed recorder wrote more than it said, and what its successor notes begins at the true end. Those on another
    // disk, which may hang, come last.
    await this.#closeBefore(one, one.named.dir).catch((error: unknown) => this.#sayOnce(messageOf(error)));
    while (one.again) {
      one.again = false;
      try {
        isRead = await this.#o.files.locked(one, (row) => this.#update(one, name, row));
      } catch (error) {
        isRead = false;
        this.#sayOnce(`${fileOf(one.named)}: ${messageOf(error)}`);
      }
    }
    // One whose disk was away at its end is read when the next one begins.
    if (one.closed && isRead) this.#growing.delete(keyOf(one));
    else await this.#closeBefore(one);
  }

  /** Under the lock of the segment. @returns whether its file could be read. */
  async #update(one: Growing, name: FootageName, known: SegmentRow | undefined): Promise<boolean> {
    const { files } = this.#o;
    const row = { ...(known ?? (await this.#newRow(one, name))), closed: one.closed };
    one.segment = await files.read(row, one.segment);
    const now = files.index.get(one.camera, one.order);
    if (!now) return false;
    this.#endGap(now, known === undefined);
    this.#grew(one, now.bytes);
    await this.#markIfDue(now);
    return one.segment !== undefined;
  }

  /** A new segment ends a gap, also when the clock was set back; the end of the one before it does not. */
  #endGap({ camera, startMs, closed }: SegmentRow, isNew: boolean): void {
    const { index } = this.#o.files;
    const gap = index.openGap(camera);
    if (gap && ((isNew && !closed) || startMs >= gap.fromMs)) index.endGap(camera);
  }

  /** A segment that an event marked has another name than its recorder knows: the row has it, if the index was not lost. */
  async #newRow({ named, camera, order }: Growing, { startMs, event }: FootageName): Promise<SegmentRow> {
    const names = [named.path, footagePath({ camera, order, startMs, event: !event })];
    const sizes = await Promise.all(names.map((path) => sizeOf(fileOf({ dir: named.dir, path }))));
    const at = sizes.findIndex((size) => size !== undefined);
    const [path, bytes] = [names[Math.max(0, at)] ?? named.path, sizes[at] ?? 0];
    const of = { camera, order, dir: named.dir, path, event: at === 1 ? !event : event };
    return { ...of, startMs, endMs: startMs, bytes, closed: false, read: false, gap: null };
  }

  #grew(one: Growing, bytes: number): void {
    const nowMs = this.#o.clock.nowMs();
    const [grown, elapsedMs] = [bytes - one.bytes, nowMs - one.grownMs];
    one.bytes = bytes;
    if (grown <= 0) return;
    one.grownMs = nowMs;
    const rate = (grown * 1000) / Math.max(1_000, elapsedMs);
    const before = this.rateOf(one.camera);
    const bytesPerS = Math.max(rate, before * (1 - DECAY) + rate * DECAY);
    this.#rates.set(one.camera, { bytesPerS, atMs: nowMs });
  }

  /** A recorder that began another segment has finished those before it. @param dir Only those in this directory. Default: all. */
  async #closeBefore({ camera, order }: Growing, dir?: string): Promise<void> {
    for (const one of this.#growing.values())
      if (one.camera === camera && one.order < order && (dir ?? one.named.dir) === one.named.dir)
        await this.#close(one);
  }

  async #close(one: Growing): Promise<void> {
    const { files } = this.#o;
    await files.locked(one, async (known) => {
      if (known?.closed && known.read) return;
      // One whose disk was away from its first notice on has no row.
      const name = parseFootagePath(one.named.path);
      const row = known ?? (name && (await this.#newRow(one, name)));
      if (row) await files.read({ ...row, closed: true }, one.segment);
    });
    this.#growing.delete(keyOf(one));
  }

  /** Under the lock of the segment. What an event has marked once stays so, unless {@link unmark} says otherwise. */
  async #markIfDue(row: SegmentRow): Promise<void> {
    if (!row.event && this.#o.files.index.isMarked(row)) await this.#rename(row, true);
  }

  /** Under the lock of the segment. A recorder holds the file by its descriptor: its name may change. */
  async #rename(row: SegmentRow, event: boolean): Promise<void> {
    const { files, log } = this.#o;
    const name = parseFootagePath(row.path);
    if (!name || row.endMs <= row.startMs) return;
    try {
      await files.rename(row, footagePath({ ...name, event }), event);
    } catch (error) {
      const what = `footage of ${event ? 'an' : 'no'} event`;
      log.error(`the recording ${fileOf(row)} cannot be marked as ${what}: ${messageOf(error)}`);
    }
  }

  #placeOf(file: string): { readonly name: FootageName; readonly dir: string; readonly path: string } | undefined {
    const dir = this.#o.dirs.find((one) => file.startsWith(`${one}/`));
    const path = dir === undefined ? '' : file.slice(dir.length + 1);
    const name = parseFootagePath(path);
    return name && dir !== undefined ? { name, dir, path } : undefined;
  }

  #sayOnce(what: string): void {
    if (this.#said.has(what) || this.#said.size > 1_000) return;
    this.#said.add(what);
    this.#o.log.error(`a recorder writes what the index cannot take: ${what}`);
  }
}

function newGrowing(of: Pick<SegmentRow, 'camera' | 'order'>, dir: string, path: string, nowMs: number): Growing {
  const { camera, order } = of;
  const state = { segment: undefined, bytes: 0, grownMs: nowMs, closed: false, again: false, reading: undefined };
  return { camera, order, named: { dir, path }, ...state };
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
