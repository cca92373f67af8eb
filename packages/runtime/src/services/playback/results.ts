import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf } from '@vigia/base';
import { parseResultLine, ResultLines } from '#core/footage';
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
  const order = new InOrder(sink);
  for (const path of files) await sendFile(path, wanted, order);
  await order.end();
}

async function sendFile(path: string, { camera, fromMs, toMs, signal }: WantedResults, order: InOrder): Promise<void> {
  const file = await openIf(path);
  if (!file) return;
  try {
    for await (const lines of linesOf(file)) {
      signal.throwIfAborted();
      for (const line of lines) {
        const atMs = parseResultLine(line, camera)?.atMs ?? Number.NaN;
        if (atMs >= fromMs && atMs <= toMs) await order.add(atMs, line);
      }
    }
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

/** Puts lines in order that are nearly in order. */
class InOrder {
  readonly #sink: Sink;
  readonly #held: { readonly atMs: number; readonly line: string }[] = [];
  #characters = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async add(atMs: number, line: string): Promise<void> {
    this.#held.push({ atMs, line });
    this.#characters += line.length;
    if (this.#held.length >= 2 * LATE || this.#characters > HELD_LIMIT) await this.#send(this.#held.length / 2);
  }

  end(): Promise<void> {
    return this.#send(this.#held.length);
  }

  async #send(count: number): Promise<void> {
    this.#held.sort((a, b) => a.atMs - b.atMs);
    const text = this.#held
      .splice(0, Math.ceil(count))
      .map(({ line }) => `${line}\n`)
      .join('');
    this.#characters = this.#held.reduce((sum, { line }) => sum + line.length, 0);
    if (text !== '') await this.#sink(Buffer.from(text));
  }
}
