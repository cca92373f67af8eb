import { createHash } from 'node:crypto';
import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { codeOf, messageOf, printableJson, UsageError, VigiaError } from '@vigia/base';
import { BEFORE_ALL_EVENTS, type NodeEvent } from '@vigia/contracts';
import { API } from '@vigia/contracts/api';
import { parseResultLine, ResultLines } from '#core/footage';
import { openOnNode } from '#services/control-client';
import { askJson } from './node-answers.ts';

const ANSWER_MS = 15_000;
const PAGE = 1_000;
/** Results are asked for in parts: a clip of 24 hours is a little longer than that. Milliseconds. */
const PART_MS = 12 * 3_600_000;

/** What a sidecar is about: a camera, and the times of a clip of it, milliseconds since 1970. */
export interface SidecarOf {
  readonly socket: string;
  readonly camera: string;
  readonly from_ms: number;
  readonly to_ms: number;
}

/** What was written. */
export interface Sidecar {
  readonly events: number;
  readonly results: number;
  readonly sha256: string;
}

interface Entry {
  readonly atMs: number;
  readonly type: 'event' | 'result';
  readonly text: string;
}

/** Writes what happened in a clip, one JSON per line, in order of time, under another name until it is whole. @throws VigiaError */
export async function writeSidecar(file: string, clip: object, of: SidecarOf): Promise<Sidecar> {
  const counts = { event: 0, result: 0 };
  const hash = createHash('sha256');
  async function* lines(): AsyncGenerator<string> {
    yield `${printableJson({ type: 'clip', camera: of.camera, ...clip })}\n`;
    for await (const { type, text } of inOrder(eventsOf(of), resultsOf(of))) {
      counts[type] += 1;
      yield `${text}\n`;
    }
  }
  async function* hashed(source: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const line of source) {
      hash.update(line);
      yield line;
    }
  }
  await whole(file, (unfinished) =>
    pipeline(Readable.from(lines()), hashed, createWriteStream(unfinished, { mode: 0o640 })),
  );
  return { events: counts.event, results: counts.result, sha256: hash.digest('hex') };
}

/** Writes a file under another name until it is whole. @throws VigiaError */
export async function whole(file: string, write: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${file}.part`;
  try {
    await write(unfinished);
    renameSync(unfinished, file);
  } catch (error) {
    rmSync(unfinished, { force: true });
    if (error instanceof VigiaError || error instanceof UsageError) throw error;
    throw new VigiaError('export', `${file}: cannot be written (${codeOf(error) ?? messageOf(error)})`, {
      cause: error,
    });
  }
}

/** What happened at the camera while the clip was recorded. */
async function* eventsOf({ socket, camera, ...clip }: SidecarOf): AsyncGenerator<Entry> {
  const [from, to] = [iso(clip.from_ms), iso(clip.to_ms)];
  let last: NodeEvent | undefined;
  for (;;) {
    const query = new URLSearchParams({ camera, from, to, limit: String(PAGE), after: last?.id ?? BEFORE_ALL_EVENTS });
    const { events } = await askJson(API.events.answer, socket, `/api/v1/events?${query.toString()}`, ANSWER_MS);
    // Stored in order of their announcement: what happened in the same instant may be reversed.
    yield* events
      .map(
        (event): Entry => ({
          atMs: Date.parse(event.at),
          type: 'event',
          text: printableJson({ type: 'event', event }),
        }),
      )
      .sort((a, b) => a.atMs - b.atMs);
    if (events.length < PAGE) return;
    last = events.at(-1);
  }
}

/** What models and workers found in its pictures, as far as it was kept. */
async function* resultsOf({ socket, camera, ...clip }: SidecarOf): AsyncGenerator<Entry> {
  const [fromMs, toMs] = [Math.floor(clip.from_ms), Math.ceil(clip.to_ms)];
  for (let partMs = fromMs; partMs <= toMs; partMs += PART_MS)
    // Both ends are included.
    yield* resultsBetween(socket, camera, partMs, Math.max(partMs + 1, Math.min(toMs, partMs + PART_MS - 1)));
}

async function* resultsBetween(socket: string, camera: string, from: number, to: number): AsyncGenerator<Entry> {
  const query = new URLSearchParams({ from: String(from), to: String(to) });
  const path = `/api/v1/recordings/${camera}/results.jsonl?${query.toString()}`;
  const body = await openOnNode(socket, path, ANSWER_MS);
  const splitter = new ResultLines();
  for await (const chunk of body)
    for (const line of splitter.push(chunk)) {
      const entry = entryOf(line, camera);
      if (entry) yield entry;
    }
}

function entryOf(line: string, camera: string): Entry | undefined {
  const parsed = parseResultLine(line, camera);
  try {
    return (
      parsed && { atMs: parsed.atMs, type: 'result', text: printableJson({ type: 'result', result: parsed.result }) }
    );
  } catch {
    // A file may hold JSON of so many levels that it cannot be written again: no worker's data does.
    return undefined;
  }
}

/** Two streams, each in order, as one. */
async function* inOrder(one: AsyncGenerator<Entry>, other: AsyncGenerator<Entry>): AsyncGenerator<Entry> {
  try {
    let [a, b] = [await one.next(), await other.next()];
    while (!a.done || !b.done) {
      if (!a.done && (b.done || a.value.atMs <= b.value.atMs)) {
        yield a.value;
        a = await one.next();
      } else if (!b.done) {
        yield b.value;
        b = await other.next();
      }
    }
  } finally {
    await Promise.all([one.return(undefined), other.return(undefined)]);
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
