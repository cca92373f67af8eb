import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, codeOf, type Log, messageOf, VigiaError } from '@vigia/base';
import { parseResultPath, RESULT_FILE_MS, resultPath } from '#core/footage';
import type { ResultsNotice } from '#core/footage-link';
import type { FootageIndex } from './footage-index.ts';
import { type ResultFile, resultFilePath } from './result-list.ts';
import { removeEmptyDay } from './segment-files.ts';

/** Options of {@link ResultFiles}. */
export interface ResultFilesOptions {
  readonly index: FootageIndex;
  readonly clock: Clock;
  readonly log: Log;
  /** Where recorders may write now. Null: nowhere; undefined: not known yet. */
  readonly dir: () => string | null | undefined;
  /** Runs an operation on a directory, and stops waiting when its disk hangs. */
  readonly timed: <T>(dir: string, work: () => Promise<T>) => Promise<T>;
  /** Appends whole lines to a file. Default: to the disk. @returns the bytes of the file then. */
  readonly append?: (path: string, lines: Buffer) => Promise<number>;
}

/** Lines that wait for an append of the same camera to end, or for a directory. Bytes per camera. */
const WAITING_LIMIT = 1024 * 1024;
/** Files that are compared with the index in one sweep. */
const SWEPT = 64;
/** A file whose hour is so close to now may belong to footage that is not in the index yet. Milliseconds. */
const FRESH_MS = RESULT_FILE_MS;
/** A segment that begins so long before an hour may last into it. Milliseconds. */
const SEGMENT_MS = 10 * 60_000;
const DAY_MS = 24 * RESULT_FILE_MS;

/** What of a camera is being written, or waits for that. */
interface Writing {
  readonly waiting: { readonly hourMs: number; readonly lines: Buffer }[];
  bytes: number;
  appending: Promise<void> | undefined;
  /** An append was given up, and has not ended: another one to a disk that hangs would hold another thread. */
  stuck: boolean;
}

/**
 * The files with results beside footage: appends to them, and removes those whose footage is gone. What a disk does not take
 * is dropped and counted. One append per camera is under way; nothing else waits for it.
 */
export class ResultFiles {
  readonly #o: ResultFilesOptions;
  readonly #cameras = new Map<string, Writing>();
  /** Troubles that were said, and have not ended: `directory code`. */
  readonly #said = new Set<string>();
  #round: ResultFile[] = [];
  #sweeping: Promise<void> | undefined;
  #lost = 0;
  #closed = false;

  constructor(options: ResultFilesOptions) {
    this.#o = options;
  }

  /** Results that were dropped since the start. Those of an append that failed may be in the file all the same. */
  get lost(): number {
    return this.#lost;
  }

  /** Results of one camera and hour. Returns at once. */
  append({ camera, hourMs, lines: text }: ResultsNotice): void {
    const lines = Buffer.from(text);
    const writing = this.#cameras.get(camera) ?? newWriting();
    const isName = parseResultPath(resultPath({ camera, hourMs }))?.hourMs === hourMs;
    if (!isName || writing.bytes + lines.byteLength > WAITING_LIMIT) {
      this.#lost += linesIn(lines);
      return;
    }
    this.#cameras.set(camera, writing);
    writing.waiting.push({ hourMs, lines });
    writing.bytes += lines.byteLength;
    this.#go(camera, writing);
  }

  /** Goes on with what waits for a directory. Call it once a second. */
  resume(): void {
    for (const [camera, writing] of this.#cameras) this.#go(camera, writing);
  }

  /** Removes files whose footage is gone, some at a time, the oldest first. Only while the index has all footage. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => (this.#sweeping = undefined));
    return this.#sweeping;
  }

  /** Waits for what is being written or removed; not for a disk that hangs. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#sweeping;
    for (const { appending } of this.#cameras.values()) await appending;
  }

  #go(camera: string, writing: Writing): void {
    if (writing.appending) return;
    writing.appending = this.#appendAll(camera, writing).finally(() => {
      writing.appending = undefined;
      if (writing.waiting.length === 0 && !writing.stuck) this.#cameras.delete(camera);
    });
  }

  async #appendAll(camera: string, writing: Writing): Promise<void> {
    while (!writing.stuck) {
      const [dir, next] = [this.#o.dir(), writing.waiting[0]];
      if (dir === undefined || !next) return;
      writing.waiting.shift();
      writing.bytes -= next.lines.byteLength;
      if (dir === null) this.#lost += linesIn(next.lines);
      else await this.#appendOne(writing, { dir, camera, hourMs: next.hourMs }, next.lines);
    }
  }

  async #appendOne(writing: Writing, file: ResultFile, lines: Buffer): Promise<void> {
    const { timed, index, append = appendLines } = this.#o;
    const work = append(resultFilePath(file), lines);
    try {
      index.resultList.put(file, await timed(file.dir, () => work));
      for (const one of this.#said) if (one.startsWith(`${file.dir} `)) this.#said.delete(one);
    } catch (error) {
      this.#lost += linesIn(lines);
      this.#sayOnce(file.dir, 'results cannot be written', error);
      writing.stuck = true;
      const end = (): void => this.#unstick(file.camera, writing);
      work.then(end, end);
    }
  }

  #unstick(camera: string, writing: Writing): void {
    writing.stuck = false;
    if (!this.#closed) this.#go(camera, writing);
  }

  async #sweep(): Promise<void> {
    if (this.#round.length === 0) this.#round = this.#o.index.resultList.all();
    for (const file of this.#round.splice(0, SWEPT)) if (!this.#isNeeded(file)) await this.#remove(file);
  }

  #isNeeded({ camera, hourMs }: ResultFile): boolean {
    const { clock, index } = this.#o;
    const [nowMs, endMs] = [clock.wallMs(), hourMs + RESULT_FILE_MS];
    if (nowMs > hourMs - FRESH_MS && nowMs < endMs + FRESH_MS) return true;
    return index.hasSegment(camera, hourMs - SEGMENT_MS, endMs);
  }

  async #remove(file: ResultFile): Promise<void> {
    const { timed, index, clock } = this.#o;
    const path = resultFilePath(file);
    try {
      await timed(file.dir, () => unlink(path));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') {
        this.#sayOnce(file.dir, 'old results cannot be removed', error);
        return;
      }
    }
    index.resultList.remove(file);
    // Not of a day in which a recorder may begin a segment.
    if (file.hourMs < clock.wallMs() - 2 * DAY_MS) await timed(file.dir, () => removeEmptyDay(dirname(path)));
  }

  #sayOnce(dir: string, what: string, error: unknown): void {
    const trouble = `${dir} ${what} ${codeOf(error) ?? ''}`;
    if (this.#said.has(trouble)) return;
    this.#said.add(trouble);
    this.#o.log.error(`${what} in ${dir}: ${messageOf(error)}`);
  }
}

function newWriting(): Writing {
  return { waiting: [], bytes: 0, appending: undefined, stuck: false };
}

function linesIn(lines: Buffer): number {
  let count = 0;
  for (let at = lines.indexOf(LINE_END); at >= 0; at = lines.indexOf(LINE_END, at + 1)) count += 1;
  return count;
}

const LINE_END = 10;
const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/** @returns the bytes of the file then. @throws the file system's error. */
async function appendLines(path: string, lines: Buffer): Promise<number> {
  const file = await openFile(path);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new VigiaError('failed', `${path} is no file`);
    const torn = found.size > 0 && (await lastByte(file, found.size)) !== LINE_END;
    // Half a line that a full disk or a killed process left must not spoil the next one.
    await file.appendFile(torn ? Buffer.concat([Buffer.of(LINE_END), lines]) : lines);
    return found.size + lines.byteLength + (torn ? 1 : 0);
  } finally {
    await file.close();
  }
}

/** The directory itself is never made: where it is gone, something is not mounted. */
async function openFile(path: string): Promise<FileHandle> {
  const flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  try {
    return await open(path, flags, 0o640);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await mkdir(dirname(dirname(path))).catch(ignoreExisting);
    await mkdir(dirname(path)).catch(ignoreExisting);
    return open(path, flags, 0o640);
  }
}

function ignoreExisting(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}

async function lastByte(file: FileHandle, size: number): Promise<number | undefined> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 ? buffer[0] : undefined;
}
