import type { Clock, Log } from '@vigia/base';
import type { CameraKeep, FootageDirSetup, FootageLimits } from '#core/footage-link';
import { headroomOf } from './headroom.ts';
import type { Mover } from './mover.ts';
import { Remover } from './remover.ts';
import type { SegmentFiles } from './segment-files.ts';
import type { RowFilter } from './segment-table.ts';

/** What retention knows of a directory. */
export interface RetentionDir extends FootageDirSetup {
  /** See `StorageWatch`. */
  readonly watch: {
    readonly freeBytes: number;
    readonly device: number | undefined;
    isUsable(): boolean;
    timed<T>(work: () => Promise<T>): Promise<T>;
  };
}

/** Options of {@link Retention}. */
export interface RetentionOptions {
  readonly limits: FootageLimits;
  /** In the order in which recordings move on. */
  readonly dirs: readonly RetentionDir[];
  readonly files: SegmentFiles;
  readonly mover: Mover;
  readonly clock: Clock;
  readonly log: Log;
  /** How fast a camera is recorded, bytes per second. */
  readonly rateOf: (camera: string) => number;
}

/** A wall clock that jumped is not believed for this long, milliseconds: a wrong date must not remove recordings. */
const DISTRUST_MS = 10 * 60_000;
/** A jump of the wall clock. Milliseconds. */
const JUMP_MS = 3_600_000;
/** So much of what is kept in a place may be footage of events while older footage of none goes for it. */
const EVENTS_SHARE = 1 / 2;
/** What was removed shows in the free bytes of a file system after this time at the latest, milliseconds. */
const SETTLE_MS = 5_000;
const MIB = 1024 * 1024;

/** Free bytes that are to be expected on a file system. */
interface Expected {
  readonly bytes: number;
  readonly untilMs: number;
}

/**
 * Keeps recordings inside their limits: by age and bytes of each camera and kind, of the node, of each directory, and of
 * what stays free on file systems. It makes room before recorders need it.
 */
export class Retention {
  readonly #o: RetentionOptions;
  readonly #remover: Remover;
  readonly #expected = new Map<number, Expected>();
  #limits: FootageLimits;
  #running: Promise<void> | undefined;
  #checked: ReadonlySet<string> = new Set();
  #epoch = 0;
  #nodeFull: string | undefined;
  #dirFull: ReadonlyMap<string, string> = new Map();
  #wall: { readonly wallMs: number; readonly nowMs: number } | undefined;
  #distrustUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: RetentionOptions) {
    this.#o = options;
    this.#limits = options.limits;
    const { files, clock, log, dirs } = options;
    const watches = new Map(dirs.map(({ path, watch }) => [path, watch]));
    const timed = <T>(dir: string, work: () => Promise<T>): Promise<T> => watches.get(dir)?.timed(work) ?? work();
    this.#remover = new Remover({ files, clock, log, timed });
  }

  /** What was removed since the start, and how often that failed. */
  get removed(): { readonly segments: number; readonly bytes: number; readonly errors: number } {
    return this.#remover.counts;
  }

  get limits(): FootageLimits {
    return this.#limits;
  }

  /** Other limits, from the next check on. */
  setLimits(limits: FootageLimits): void {
    this.#limits = limits;
  }

  /** Whether the last check included a directory: before that nobody knows whether it has room. */
  isChecked(dir: string): boolean {
    return this.#checked.has(dir);
  }

  /** The index was emptied: what was checked does not count, nor what is being checked. */
  forgetChecks(): void {
    this.#epoch += 1;
    this.#checked = new Set();
  }

  /** Why nothing may be written to a directory although it works: a sentence. As of the last check. */
  fullness(dir: string): string | undefined {
    return this.#nodeFull ?? this.#dirFull.get(dir);
  }

  /** Removes and moves what must go. Call it once a second; a check that takes longer is not begun twice. */
  check(): Promise<void> {
    this.#running ??= this.#check().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Waits for a check that is under way. */
  async close(): Promise<void> {
    await this.#running;
  }

  async #check(): Promise<void> {
    const [believed, epoch, usable] = [this.#believesClock(), this.#epoch, this.#usable()];
    for (const [camera, keep] of Object.entries(this.#limits.cameras)) await this.#checkCamera(camera, keep, believed);
    await this.#checkNode();
    // The last one first: it makes room for what moves on.
    for (const dir of this.#o.dirs.toReversed()) if (dir.watch.isUsable()) await this.#checkDir(dir);
    for (const device of this.#devices()) await this.#checkDevice(device);
    this.#dirFull = new Map(this.#o.dirs.flatMap((dir) => this.#fullnessOf(dir)));
    if (epoch === this.#epoch) this.#checked = new Set(usable);
  }

  async #checkCamera(camera: string, keep: CameraKeep, believed: boolean): Promise<void> {
    const { files, clock, rateOf } = this.#o;
    for (const event of [false, true]) {
      const filter = { camera, event, dirs: this.#usable() };
      const keepMs = event ? keep.keepEventsMs : keep.keepMs;
      if (keepMs !== null && believed)
        await this.#remover.removeAll({ ...filter, endBeforeMs: clock.wallMs() - keepMs });
      const limit = event ? keep.maxEventBytes : keep.maxBytes;
      if (limit === null) continue;
      const ahead = event ? 0 : headroomOf([rateOf(camera)], limit);
      await this.#remover.removeBytes(filter, files.index.tally.ofCamera(camera, event).bytes + ahead - limit);
    }
  }

  async #checkNode(): Promise<void> {
    const { maxBytes } = this.#limits;
    this.#nodeFull = undefined;
    if (maxBytes === null) return;
    const ahead = this.#headroom(maxBytes);
    const bytes = this.#o.files.index.bytes();
    const left = await this.#removeOldest({ dirs: this.#usable() }, bytes + ahead - maxBytes);
    if (left > ahead / 2)
      this.#nodeFull = `recordings take ${mib(bytes)} of ${mib(maxBytes)} MiB, and none of them can be removed`;
  }

  /** Where recordings can move on, they are not removed for a disk that is slow for a moment: half of the room waits for it. */
  async #checkDir(dir: RetentionDir): Promise<void> {
    const next = this.#next(dir);
    const spare = this.#isLast(dir) ? 0 : this.#headroom(dir.maxBytes) / 2;
    if (!next) await this.#removeOldest({ dirs: [dir.path] }, this.#excess(dir) - spare);
    else if (this.#wantsToMove(dir, next))
      void this.#o.mover.start(dir.path, next.path, () => this.#wantsToMove(dir, next));
  }

  #wantsToMove(dir: RetentionDir, next: RetentionDir): boolean {
    return dir.watch.isUsable() && this.#surplus(dir, next) > 0 && this.#takes(next);
  }

  /** Removes before `minFreeBytes` are touched; where recordings can move on, later. */
  async #checkDevice(device: number): Promise<void> {
    const dirs = this.#o.dirs.filter(({ watch }) => watch.isUsable() && watch.device === device);
    const freeBytes = this.#freeBytes(device);
    const ahead = this.#headroom(null) * Math.min(...dirs.map((dir) => this.#shareAhead(dir)));
    const needed = this.#limits.minFreeBytes + ahead - freeBytes;
    if (needed <= 0) return;
    const left = await this.#removeOldest({ dirs: dirs.map(({ path }) => path) }, needed);
    if (left >= needed) return;
    const untilMs = this.#o.clock.nowMs() + SETTLE_MS;
    this.#expected.set(device, { bytes: freeBytes + needed - left, untilMs });
  }

  /** How much of the room for what comes is made by removing: all of it where nothing can move on. */
  #shareAhead(dir: RetentionDir): number {
    const next = this.#next(dir);
    if (next && next.watch.device !== dir.watch.device && this.#takes(next)) return 0;
    return next || this.#isLast(dir) ? 1 : 1 / 2;
  }

  /**
   * Of all cameras: first what is of no event. Events beyond their share come before that: otherwise they would leave nothing of
   * the last hour. @returns the bytes that are missing still.
   */
  async #removeOldest(filter: RowFilter & { readonly dirs: readonly string[] }, bytes: number): Promise<number> {
    const { tally } = this.#o.files.index;
    const all = filter.dirs.reduce((sum, dir) => sum + tally.ofDir(dir).bytes, 0);
    const events = filter.dirs.reduce((sum, dir) => sum + tally.eventsOfDir(dir).bytes, 0);
    const over = Math.min(bytes, events - (all - bytes) * EVENTS_SHARE);
    const beyond = over > 0 ? over - (await this.#remover.removeBytes({ ...filter, event: true }, over)) : 0;
    const left = await this.#remover.removeBytes({ ...filter, event: false }, bytes - beyond);
    return this.#remover.removeBytes({ ...filter, event: true }, left);
  }

  /** Bytes above the limit of a directory, with what recorders will write. */
  #excess({ path, maxBytes }: RetentionDir): number {
    if (maxBytes === null) return 0;
    return this.#o.files.index.bytesIn(path) + this.#headroom(maxBytes) - maxBytes;
  }

  /** Bytes above the limit of a directory or of its file system: what should move on. */
  #surplus(dir: RetentionDir, next: RetentionDir): number {
    const { device } = dir.watch;
    if (device === next.watch.device) return this.#excess(dir);
    const short = this.#limits.minFreeBytes + this.#headroom(null) - this.#freeBytes(device);
    return Math.max(this.#excess(dir), short);
  }

  /** Whether recordings may move to a directory: what they take there is removed from it by its own check. */
  #takes(dir: RetentionDir): boolean {
    const { path, maxBytes, watch } = dir;
    const bytes = this.#o.files.index.bytesIn(path);
    const full = maxBytes !== null && bytes >= maxBytes;
    return watch.isUsable() && !full && watch.freeBytes > this.#limits.minFreeBytes;
  }

  #fullnessOf(dir: RetentionDir): [dir: string, message: string][] {
    const { path, maxBytes, watch } = dir;
    if (maxBytes !== null && this.#excess(dir) > this.#headroom(maxBytes) / 2)
      return [[path, `the recordings in ${path} take all of the ${mib(maxBytes)} MiB that they may take`]];
    const ahead = this.#headroom(null);
    const { minFreeBytes } = this.#limits;
    const freeBytes = this.#freeBytes(watch.device);
    if (!watch.isUsable() || minFreeBytes + ahead - freeBytes <= ahead / 2) return [];
    const needed = `${mib(minFreeBytes)} MiB that must stay free, and ${mib(ahead)} MiB for what is recorded next`;
    const sizes = `${mib(freeBytes)} MiB are free, ${mib(minFreeBytes + ahead)} MiB are needed: ${needed}`;
    return [[path, `the disk of ${path} is full: ${sizes}`]];
  }

  /** What is removed counts before the file system shows it: otherwise more would be removed than needed. */
  #freeBytes(device: number | undefined): number {
    const seen = this.#o.dirs.find(({ watch }) => watch.device === device)?.watch.freeBytes ?? 0;
    const expected = device === undefined ? undefined : this.#expected.get(device);
    return expected && expected.untilMs > this.#o.clock.nowMs() ? Math.max(seen, expected.bytes) : seen;
  }

  #headroom(limit: number | null): number {
    return headroomOf(Object.keys(this.#limits.cameras).map(this.#o.rateOf), limit);
  }

  #next(dir: RetentionDir): RetentionDir | undefined {
    const { dirs } = this.#o;
    return dirs.slice(dirs.indexOf(dir) + 1).find(({ watch }) => watch.isUsable());
  }

  #isLast(dir: RetentionDir): boolean {
    return this.#o.dirs.at(-1) === dir;
  }

  #usable(): string[] {
    return this.#o.dirs.filter(({ watch }) => watch.isUsable()).map(({ path }) => path);
  }

  #devices(): ReadonlySet<number> {
    return new Set(this.#o.dirs.flatMap(({ watch }) => (watch.isUsable() ? (watch.device ?? []) : [])));
  }

  #believesClock(): boolean {
    const { clock, log } = this.#o;
    const [wallMs, nowMs, last] = [clock.wallMs(), clock.nowMs(), this.#wall];
    this.#wall = { wallMs, nowMs };
    if (last && Math.abs(wallMs - last.wallMs - (nowMs - last.nowMs)) > JUMP_MS) {
      this.#distrustUntilMs = nowMs + DISTRUST_MS;
      log.warn('the clock jumped by more than an hour: no recording is removed for its age in the next 10 minutes');
    }
    return nowMs >= this.#distrustUntilMs;
  }
}

function mib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
