import { join, resolve as absolute } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, every, type FileLock, type Log, messageOf, Scope } from '@vigia/base';
import type { FootageView } from '#core/footage';
import type {
  FootageCounters,
  FootageLimits,
  FootageSetup,
  GapNotice,
  MarkNotice,
  RebuildReply,
  ResultsNotice,
  RoomNotice,
  SpansAsk,
  SpansReply,
  UnmarkNotice,
  WrittenNotice,
} from '#core/footage-link';
import {
  chooseRoom,
  fileOf,
  FootageIndex,
  Growth,
  makeDirectory,
  Mover,
  reachOf,
  ResultFiles,
  Retention,
  type RetentionDir,
  Scanner,
  SegmentFiles,
  type StorageLook,
  StorageWatch,
} from '#services/footage';

/** What the footage process says to the node. False when the node did not take it. */
export interface ToNode {
  notify(name: 'room', notice: RoomNotice): boolean;
  notify(name: 'counters', notice: FootageCounters): boolean;
}

/** Options of {@link Footage}. */
export interface FootageOptions {
  readonly setup: FootageSetup;
  readonly toNode: ToNode;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts playback on a Unix socket. The footage closes what it returns. Undefined: nothing can be played. */
  readonly openPlayback?: ((view: FootageView, socketPath: string) => Promise<() => Promise<void>>) | undefined;
  /** Looks at a directory; see `StorageWatch`. */
  readonly look?: ((dir: string, write: boolean) => Promise<StorageLook>) | undefined;
  /** Takes a directory for this node; see `StorageWatch`. */
  readonly lock?: ((dir: string) => FileLock | undefined) | undefined;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** Recordings of a node: composes index, scan, retention and the watch of directories, once a second. */
export class Footage {
  readonly #o: FootageOptions;
  readonly #scope = new Scope();
  readonly #index: FootageIndex;
  readonly #files: SegmentFiles;
  readonly #growth: Growth;
  readonly #scanner: Scanner;
  readonly #retention: Retention;
  readonly #results: ResultFiles;
  readonly #watches: readonly StorageWatch[];
  /** The index was empty: until all files are listed, nobody knows how much room is left. */
  #mustList: boolean;
  #hidden = 0;
  #reach: FootageCounters['cameras'] = {};
  #reachedMs = Number.NEGATIVE_INFINITY;
  #said: RoomNotice | undefined;

  /** Opens the index. Starts nothing. */
  constructor(options: FootageOptions) {
    this.#o = options;
    const { setup, clock, log } = options;
    const dirs = setup.dirs.map(({ path }) => absolute(path));
    const onEmptied = (): void => void setImmediate(() => this.#onEmptied());
    this.#index = new FootageIndex({ path: join(setup.stateDir, 'footage.db'), dirs, log, onEmptied });
    this.#scope.defer(() => this.#index.close());
    this.#mustList = this.#index.fresh;
    this.#watches = dirs.map((dir) => this.#newWatch(dir));
    const present = (dir: string): Promise<boolean> => this.#watch(dir)?.isPresent() ?? Promise.resolve(false);
    const files = new SegmentFiles(this.#index, log, present);
    this.#files = files;
    this.#growth = new Growth({ dirs, files, clock, log });
    const mover = new Mover({ files, log });
    const usable = (dir: string): boolean => this.#watch(dir)?.isUsable() ?? false;
    const whileUsable = <T>(dir: string, work: () => Promise<T>): Promise<T> =>
      this.#watch(dir)?.whileUsable(work) ?? work();
    const moving = (file: string): boolean => mover.isCopying(file);
    this.#scanner = new Scanner({ dirs, files, clock, log, usable, whileUsable, moving });
    this.#retention = this.#newRetention(mover);
    this.#scope.defer(() => this.#scanner.close());
    this.#scope.defer(() => mover.close());
    this.#scope.defer(() => this.#retention.close());
    this.#results = this.#newResults();
    this.#scope.defer(() => this.#results.close());
  }

  /** What is recorded, for playback. */
  get view(): FootageView {
    return this.#index;
  }

  /** Begins to watch, compare, keep inside limits and report, and starts playback. @throws the error of playback. */
  async start(): Promise<void> {
    const { clock, setup, openPlayback } = this.#o;
    const looks = this.#watches.map((watch) => this.#firstLook(watch));
    const second = every(clock, SECOND_MS, () => this.#everySecond());
    const minute = every(clock, MINUTE_MS, () => this.#everyMinute());
    this.#scope.defer(() => second.cancel());
    this.#scope.defer(() => minute.cancel());
    const closePlayback = await openPlayback?.(this.#index, setup.socketPath);
    if (closePlayback) this.#scope.defer(closePlayback);
    // A disk that hangs is reported by its watch, a second later.
    void Promise.all(looks).then(() => this.#everySecond());
  }

  /** See {@link Growth.written}. */
  async written({ camera, path, closed }: WrittenNotice): Promise<void> {
    await this.#growth.written(camera, path, closed);
  }

  /** See {@link Growth.stopped}. */
  gap({ camera, sinceMs, reason }: GapNotice): void {
    this.#growth.stopped(camera, sinceMs, reason);
  }

  /** See {@link Growth.mark}. */
  async mark({ camera, alarm, ...range }: MarkNotice): Promise<void> {
    await this.#growth.mark(camera, range, alarm);
  }

  /** See {@link Growth.unmark}. */
  async unmark({ camera, alarm, atMs }: UnmarkNotice): Promise<void> {
    await this.#growth.unmark(camera, alarm, atMs);
  }

  /** See {@link ResultFiles.append}. */
  results(notice: ResultsNotice): void {
    this.#results.append(notice);
  }

  /** Other limits, from the next check on. */
  setLimits(limits: FootageLimits): void {
    this.#reachedMs = Number.NEGATIVE_INFINITY;
    this.#retention.setLimits(limits);
  }

  /** What was recorded between two times. Lets other work pass between two cameras. */
  async spans({ camera, fromMs, toMs }: SpansAsk): Promise<SpansReply> {
    const cameras: Record<string, SpansReply['cameras'][string]> = {};
    for (const id of camera === null ? this.#index.cameras() : [camera]) {
      cameras[id] = this.#spansOf(id, fromMs, toMs);
      await nextTurn();
    }
    return { cameras };
  }

  /** Reads every file again, and takes the directories as they are now. */
  async rebuild(): Promise<RebuildReply> {
    for (const watch of this.#watches) if (watch.trouble()?.reason === 'unmounted') await accepted(watch);
    const { removed, ...rest } = await this.#scanner.rebuild();
    this.#recount();
    return { ...rest, removed };
  }

  /** Closes everything; what is being moved or removed is finished first. Idempotent. */
  close(): Promise<void> {
    return this.#scope.close();
  }

  #newWatch(dir: string): StorageWatch {
    const { clock, log, look, lock } = this.#o;
    const known = (): number => this.#index.tally.ofDir(dir).segments;
    const knownFile = (): string | undefined => this.#index.oldest({ dirs: [dir] }, 1).map(fileOf)[0];
    const onUsable = (): void => this.#scan(dir);
    const watch = new StorageWatch({ dir, clock, log, known, knownFile, onUsable, lock, ...(look ? { look } : {}) });
    // Last of all: until then, files are moved and removed.
    this.#scope.defer(() => watch.release());
    return watch;
  }

  get #dirs(): RetentionDir[] {
    const { dirs } = this.#o.setup;
    return this.#watches.map((watch, i) => ({ path: watch.dir, maxBytes: dirs[i]?.maxBytes ?? null, watch }));
  }

  #newRetention(mover: Mover): Retention {
    const { setup, clock, log } = this.#o;
    const rateOf = (camera: string): number => this.#growth.rateOf(camera);
    return new Retention({ limits: setup, dirs: this.#dirs, files: this.#files, mover, clock, log, rateOf });
  }

  #newResults(): ResultFiles {
    const { clock, log } = this.#o;
    const timed = <T>(dir: string, work: () => Promise<T>): Promise<T> => this.#watch(dir)?.timed(work) ?? work();
    return new ResultFiles({ index: this.#index, clock, log, timed, dir: () => this.#room()?.dir });
  }

  #watch(dir: string): StorageWatch | undefined {
    return this.#watches.find((watch) => watch.dir === dir);
  }

  /** A directory that has recordings exists, or its disk is not mounted: then it must not be made. */
  async #firstLook(watch: StorageWatch): Promise<void> {
    const { dir } = watch;
    if (this.#index.tally.ofDir(dir).segments === 0) await watch.timed(() => makeDirectory(dir)).catch(() => undefined);
    await watch.check();
  }

  #everySecond(): void {
    if (this.#scope.closed) return;
    for (const watch of this.#watches) void watch.check();
    if (!this.#mustList || this.#isListed()) this.#keep();
    this.#sayRoom();
    this.#results.resume();
    this.#o.toNode.notify('counters', this.#counters());
  }

  #everyMinute(): void {
    this.#index.settle();
    void this.#minute().catch((error) => this.#o.log.error(`recordings cannot be checked: ${messageOf(error)}`));
  }

  async #minute(): Promise<void> {
    await this.#growth.closeQuiet();
    await this.#scanner.light();
    this.#recount();
  }

  #recount(): void {
    this.#hidden = this.#index.hiddenSegments();
  }

  #keep(): void {
    this.#mustList = false;
    this.#retention.check().then(
      () => {
        this.#sayRoom(true);
        this.#measureReach();
        this.#sweepResults();
      },
      (error) => this.#o.log.error(`recordings cannot be kept inside their limits: ${messageOf(error)}`),
    );
  }

  #measureReach(): void {
    const { clock } = this.#o;
    if (this.#scope.closed || clock.nowMs() - this.#reachedMs < MINUTE_MS) return;
    this.#reachedMs = clock.nowMs();
    this.#reach = reachOf(this.#index, this.#retention.limits, this.#dirs, clock.wallMs());
  }

  /** Results go when their footage has gone. Nobody knows that before all of it was listed. */
  #sweepResults(): void {
    if (this.#scope.closed) return;
    if (!this.#watches.every((watch) => watch.isUsable() && this.#scanner.isComplete(watch.dir))) return;
    this.#results.sweep().catch((error) => this.#o.log.error(`old results cannot be removed: ${messageOf(error)}`));
  }

  /** @param dir It answers again: if its files were listed before, their names are compared only. */
  #scan(dir?: string): void {
    if (this.#scope.closed) return;
    const known = dir !== undefined && this.#scanner.isListed(dir);
    (known ? this.#scanner.light() : this.#scanner.full()).then(
      () => this.#recount(),
      (error) => this.#o.log.error(`recordings cannot be compared with the index: ${messageOf(error)}`),
    );
  }

  #onEmptied(): void {
    this.#mustList = true;
    this.#retention.forgetChecks();
    this.#scanner.forgetListed();
    this.#scan();
  }

  /** Directories that do not answer are not waited for. */
  #isListed(): boolean {
    const usable = this.#watches.filter((watch) => watch.isUsable());
    return usable.length > 0 && usable.every(({ dir }) => this.#scanner.isListed(dir));
  }

  /** @param changed Only when it is another one than was said last. */
  #sayRoom(changed = false): void {
    const room = this.#scope.closed ? undefined : this.#room();
    if (!room || (changed && JSON.stringify(room) === JSON.stringify(this.#said))) return;
    this.#said = room;
    this.#o.toNode.notify('room', room);
  }

  /** Undefined until the limits have been enforced once; recorders wait until then. */
  #room(): RoomNotice | undefined {
    const looks = this.#watches.map((watch) => ({ watch, dir: watch.dir, trouble: watch.trouble() }));
    if (looks.some(({ watch, trouble }) => !trouble && !watch.isUsable())) return undefined;
    const known = looks.filter(({ dir, trouble }) => trouble ?? this.#retention.isChecked(dir));
    if (known.length === 0) return undefined;
    return chooseRoom(known.map(({ dir, trouble }) => ({ dir, trouble, full: this.#retention.fullness(dir) })));
  }

  #spansOf(camera: string, fromMs: number, toMs: number): SpansReply['cameras'][string] {
    const spans = this.#index.spans(camera, fromMs, toMs).map((span) => {
      return { from_ms: span.fromMs, to_ms: span.toMs, event: span.event };
    });
    const gaps = this.#index.gaps(camera, fromMs, toMs).map((gap) => {
      return { from_ms: gap.fromMs, to_ms: gap.toMs, reason: gap.reason };
    });
    return { spans, gaps };
  }

  #counters(): FootageCounters {
    const { segments } = this.#index.tally.all();
    const { removed } = this.#retention;
    const watch = (this.#said?.dir && this.#watch(this.#said.dir)) || this.#watches[0];
    return {
      segments,
      bytes: this.#index.bytes(),
      eventBytes: this.#index.tally.events().bytes,
      freeBytes: watch?.isUsable() ? watch.freeBytes : 0,
      deletedSegments: removed.segments,
      deletedBytes: removed.bytes,
      lostSegments: this.#files.lost,
      hiddenSegments: this.#hidden,
      lostResults: this.#results.lost,
      oldestMs: this.#index.oldestMs() ?? null,
      cameras: this.#reach,
    };
  }
}

/** What cannot be taken is reported by the watch. */
async function accepted(watch: StorageWatch): Promise<void> {
  await watch.accept().catch(() => undefined);
}
