import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf } from '@vigia/base';
import { parseResultLine, type ResultLine, ResultLines } from '#core/footage';
import type { Sink } from './clip-stream.ts';

/** Results of a camera between two times, both included. */
export interface WantedResults {
  readonly camera: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** What is read of a file at once, bytes. */
const CHUNK = 64 * 1024;
/** A result is in its place even when so many newer ones were stored before it. */
const LATE = 256;
/** Lines that wait to be put in order, characters. */
const HELD_LIMIT = 1024 * 1024;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Sends stored results, one per line, in order of capture as far as {@link LATE} allows. A line that is cut, damaged or too
 * long is left out, and so is a file that was removed.
 *
 * @throws the file system's error; what the sink throws.
 */
export async function sendResults(files: readonly string[], wanted: WantedResults, sink: Sink): Promise<void> {
  for await (const lines of readResults(files, wanted, (line) => line))
    await sink(Buffer.from(lines.map((line) => `${line}\n`).join('')));
}

/**
 * The same results, some at a time: what is kept of each.
 *
 * @param keep Of a line, and what it says.
 * @throws the file system's error; the signal's reason.
 */
export async function* readResults<T>(
  files: readonly string[],
  { camera, fromMs, toMs, signal }: WantedResults,
  keep: (line: string, result: ResultLine) => T,
): AsyncGenerator<readonly T[]> {
  const order = new InOrder<T>();
  for (const path of files)
    for await (const lines of linesIn(path)) {
      signal.throwIfAborted();
      for (const line of lines) {
        const result = parseResultLine(line, camera);
        if (!result || result.atMs < fromMs || result.atMs > toMs) continue;
        order.add({ atMs: result.atMs, characters: line.length, kept: keep(line, result) });
        if (order.isFull) yield order.take(order.count / 2);
      }
    }
  if (order.count > 0) yield order.take(order.count);
}

async function* linesIn(path: string): AsyncGenerator<readonly string[]> {
  const file = await openIf(path);
  if (!file) return;
  try {
    yield* linesOf(file);
  } finally {
    await file.close();
  }
}

async function openIf(path: string): Promise<FileHandle | undefined> {
  try {
    // What is no file must not keep the one that opens it waiting.
    return await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole lines, some at a time. What has no end yet is being written, or was cut. */
async function* linesOf(file: FileHandle): AsyncGenerator<readonly string[]> {
  if (!(await file.stat()).isFile()) return;
  const lines = new ResultLines();
  const chunk = Buffer.allocUnsafe(CHUNK);
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK, null);
    if (bytesRead === 0) return;
    yield lines.push(chunk.subarray(0, bytesRead));
  }
}

/** A result that waits. */
interface Held<T> {
  readonly atMs: number;
  /** Of its line. */
  readonly characters: number;
  readonly kept: T;
}

/** Puts results in order that are nearly in order. */
class InOrder<T> {
  readonly #held: Held<T>[] = [];
  #characters = 0;

  get count(): number {
    return this.#held.length;
  }

  /** Some must be taken. */
  get isFull(): boolean {
    return this.#held.length >= 2 * LATE || this.#characters > HELD_LIMIT;
  }

  add(held: Held<T>): void {
    this.#held.push(held);
    this.#characters += held.characters;
  }

  /** The first ones. @param count Rounded up. */
  take(count: number): readonly T[] {
    this.#held.sort((a, b) => a.atMs - b.atMs);
    const taken = this.#held.splice(0, Math.ceil(count));
    this.#characters -= taken.reduce((sum, { characters }) => sum + characters, 0);
    return taken.map(({ kept }) => kept);
  }
}
