import { access, constants, open, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, codeOf, type FileLock, type Log, messageOf, VigiaError, makeFolders } from '@vigia/base';
import type { RoomReason } from '#core/footage-link';

/** What a directory's file system says of itself. */
export interface StorageLook {
  /** The device that the directory is on. */
  readonly device: number;
  readonly freeBytes: number;
  /** Whether another file can be made. */
  readonly freeFiles: boolean;
  /** Nothing is in the directory that a recorder would have made. */
  readonly empty: boolean;
}

/** Why a directory cannot be used. */
export interface StorageTrouble {
  readonly reason: RoomReason;
  /** A sentence. */
  readonly message: string;
}

/** Options of {@link StorageWatch}. */
export interface StorageWatchOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How many recordings the index knows in the directory. */
  readonly known: () => number;
  /** One of these, absolute; by it a disk is recognised that comes back as another device. */
  readonly knownFile: () => string | undefined;
  /** The directory can be used: for the first time, or again. */
  readonly onUsable: () => void;
  /** Looks at the directory. @param write Whether to try to write. Rejects with the file system's error. */
  readonly look?: (dir: string, write: boolean) => Promise<StorageLook>;
  /**
   * Takes the directory for this node, once it can be used; undefined: its file system has no locks. Throws when another node
   * has it. Default: nothing is locked.
   */
  readonly lock?: ((dir: string) => FileLock | undefined) | undefined;
}

/** The file with which writing is tried. */
export const PROBE_NAME = 'vigia-footage.probe';
/** An operation that takes longer: the disk hangs, or serves somebody else. Milliseconds. */
const SLOW_MS = 2_000;
/** Writing is tried with each look of so many. */
const WRITE_EVERY = 5;
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ENOTCONN', 'ESTALE', 'EHOSTDOWN']);
/** Troubles of a directory that stays ours. */
const HOLDING: ReadonlySet<RoomReason> = new Set<RoomReason>(['full', 'slow']);
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/**
 * Watches one directory of recordings. It asks the file system once a second and judges by time: an operation that hangs
 * holds a thread of libuv's pool, and never the loop. One look is under way at a time.
 */
export class StorageWatch {
  readonly #o: StorageWatchOptions;
  readonly #look: (dir: string, write: boolean) => Promise<StorageLook>;
  /** When operations that have not ended began, on the monotonic clock. */
  readonly #outstanding = new Map<symbol, number>();
  readonly #waiting = new Set<{ readonly id: symbol | undefined; readonly reject: (why: VigiaError) => void }>();
  #device: number | undefined;
  #trouble: StorageTrouble | undefined;
  #said: RoomReason | undefined;
  #looks = 0;
  #looking: Promise<void> | undefined;
  #freeBytes = 0;
  #seen = false;
  #wasUsable = false;
  /** Held while the directory can be used. */
  #lock: { readonly held: FileLock | undefined } | undefined;

  constructor(options: StorageWatchOptions) {
    this.#o = options;
    this.#look = options.look ?? lookAt;
  }

  get dir(): string {
    return this.#o.dir;
  }

  /** As of the last look, bytes. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** The device of the directory; undefined before it was seen. */
  get device(): number | undefined {
    return this.#device;
  }

  /** Why the directory cannot be used; undefined when it can. Before the first look it cannot, for no reason. */
  trouble(): StorageTrouble | undefined {
    const oldestMs = Math.min(...this.#outstanding.values());
    if (this.#o.clock.nowMs() - oldestMs > SLOW_MS)
      return {
        reason: 'slow',
        message: `${this.dir} has not answered for ${SLOW_MS / 1000} s: its disk is slow or hangs`,
      };
    return this.#trouble;
  }

  isUsable(): boolean {
    return this.#seen && this.trouble() === undefined;
  }

  /** Looks at the directory, unless a look is under way. Call it once a second. Resolves when the look has ended. */
  check(): Promise<void> {
    this.#say();
    this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /**
   * Runs an operation on the directory. One that takes long makes the directory slow. @throws VigiaError `slow` then: the
   * operation itself goes on, and its result is dropped.
   */
  timed<T>(work: () => Promise<T>): Promise<T> {
    const id = Symbol(this.dir);
    return this.#orGivenUp(this.#tracked(id, work), id);
  }

  /** Runs work of any length. @throws VigiaError with the reason when the directory cannot be used meanwhile. */
  whileUsable<T>(work: () => Promise<T>): Promise<T> {
    return this.#orGivenUp(work(), undefined);
  }

  /** Whether the directory is, now, the one that it was. */
  async isPresent(): Promise<boolean> {
    try {
      return this.#device !== undefined && (await this.timed(() => stat(this.dir))).dev === this.#device;
    } catch {
      return false;
    }
  }

  /** The directory is right as it is, also on another device, and also without the recordings that were in it. */
  async accept(): Promise<void> {
    await this.timed(() => this.#looking ?? Promise.resolve());
    const { device } = await this.timed(() => this.#look(this.dir, false));
    this.#device = device;
    await this.check();
  }

  async #tracked<T>(id: symbol, work: () => Promise<T>): Promise<T> {
    this.#outstanding.set(id, this.#o.clock.nowMs());
    try {
      return await work();
    } finally {
      this.#outstanding.delete(id);
    }
  }

  /** @param id The operation that must be the slow one; undefined: any trouble ends the wait. */
  #orGivenUp<T>(work: Promise<T>, id: symbol | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting = { id, reject };
      this.#waiting.add(waiting);
      work.then(resolve, reject).finally(() => this.#waiting.delete(waiting));
    });
  }

  #giveUp({ reason, message }: StorageTrouble): void {
    const nowMs = this.#o.clock.nowMs();
    for (const { id, reject } of this.#waiting)
      if (id === undefined || nowMs - (this.#outstanding.get(id) ?? nowMs) > SLOW_MS)
        reject(new VigiaError(reason, message));
  }

  async #lookOnce(): Promise<void> {
    // Not where a disk is missing: what is written there would be hidden by it.
    const missing = this.#trouble?.reason === 'unmounted';
    const write = !missing && (this.#looks % WRITE_EVERY === 0 || this.#trouble !== undefined);
    this.#looks += 1;
    try {
      const look = await this.#tracked(Symbol(this.dir), () => this.#look(this.dir, write));
      this.#freeBytes = look.freeBytes;
      this.#trouble = await this.#judge(look);
      if (!this.#trouble) this.#lock ??= { held: this.#o.lock?.(this.dir) };
    } catch (error) {
      this.#trouble = this.#troubleOf(error);
    }
    // An open file would keep its disk from being unmounted.
    if (this.#trouble && !HOLDING.has(this.#trouble.reason)) this.release();
    this.#seen = true;
    this.#say();
    if (!this.isUsable() || this.#wasUsable) return;
    this.#wasUsable = true;
    this.#o.onUsable();
  }

  /** Another node may use the directory. Idempotent. */
  release(): void {
    const held = this.#lock?.held;
    this.#lock = undefined;
    try {
      held?.release();
    } catch (error) {
      this.#o.log.warn(`${this.dir}: ${messageOf(error)}`);
    }
  }

  async #judge({ device, freeFiles, empty }: StorageLook): Promise<StorageTrouble | undefined> {
    const { dir, known } = this.#o;
    const unmounted = (why: string): StorageTrouble => ({ reason: 'unmounted', message: `${dir} ${why}` });
    if (this.#device === undefined && empty && known() > 0)
      return unmounted(`is empty, but ${known()} recordings are known in it: its disk is not mounted`);
    this.#device ??= device;
    if (device !== this.#device && (await this.#recognises())) this.#device = device;
    if (device !== this.#device)
      return unmounted('is on another file system than at the start: its disk is not mounted');
    if (!freeFiles) return { reason: 'full', message: `the file system of ${dir} takes no more files` };
    return undefined;
  }

  /** A disk that was unplugged may come back as another device. */
  async #recognises(): Promise<boolean> {
    const file = this.#o.knownFile();
    if (file === undefined) return false;
    return this.#tracked(Symbol(file), () => stat(file)).then(
      () => true,
      () => false,
    );
  }

  #troubleOf(error: unknown): StorageTrouble {
    const { dir } = this.#o;
    const code = codeOf(error) ?? '';
    if (GONE.has(code)) return { reason: 'unmounted', message: `${dir} is gone: its disk is not mounted` };
    if (FULL.has(code)) return { reason: 'full', message: `the disk of ${dir} is full` };
    if (code === 'EROFS')
      return { reason: 'read_only', message: `${dir} can only be read: its disk is mounted read-only` };
    if (code === 'in_use') return { reason: 'failed', message: messageOf(error) };
    return { reason: 'failed', message: `${dir} cannot be used: ${messageOf(error)}` };
  }

  #say(): void {
    const { log, dir } = this.#o;
    const now = this.trouble();
    if (now) {
      this.#wasUsable = false;
      this.#giveUp(now);
    }
    if (now?.reason === this.#said) return;
    this.#said = now?.reason;
    if (now) log.error(now.message);
    else log.info(`${dir} can be used again`);
  }
}

/** @throws the file system's error. */
async function lookAt(dir: string, write: boolean): Promise<StorageLook> {
  const { dev } = await stat(dir);
  const names = await readdir(dir);
  await access(dir, constants.W_OK);
  if (write) await tryToWrite(dir);
  const { bavail, bsize, files, ffree } = await statfs(dir);
  const empty = names.every((name) => name.startsWith('vigia-footage.') || name === 'lost+found');
  return { device: dev, freeBytes: bavail * bsize, freeFiles: files === 0 || ffree > 0, empty };
}

/** A file system may be full or broken and still answer. */
async function tryToWrite(dir: string): Promise<void> {
  const file = await open(join(dir, PROBE_NAME), 'w', 0o600);
  try {
    await file.write('.');
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Makes a directory of recordings that was never used. One that cannot be made is reported by its watch. */
export async function makeDirectory(dir: string): Promise<void> {
  await makeFolders(dir, 0o750).catch(() => undefined);
}
