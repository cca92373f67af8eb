import { createHash } from 'node:crypto';
import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { codeOf, messageOf, UsageError, VigiaError } from '@vigia/base';
import type { NodeEvent } from '@vigia/contracts';
import { API } from '@vigia/contracts/api';
import { parseResultLine, type ResultLine, ResultLines } from '#core/footage';
import { EVENTS_PAGE, sidecarLines } from '#core/sidecar';
import { openOnNode } from '#services/control-client';
import { askJson } from './node-answers.ts';

const ANSWER_MS = 15_000;
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

/** Writes what happened in a clip, under another name until it is whole: see {@link sidecarLines}. @throws VigiaError */
export async function writeSidecar(file: string, clip: object, of: SidecarOf): Promise<Sidecar> {
  const counts = { clip: 0, event: 0, result: 0 };
  const hash = createHash('sha256');
  async function* lines(): AsyncGenerator<string> {
    const sources = { events: (after: string) => eventsOf(of, after), results: resultsOf(of) };
    for await (const { type, text } of sidecarLines(of.camera, clip, sources)) {
      counts[type] += 1;
      hash.update(text);
      yield text;
    }
  }
  await whole(file, (unfinished) => pipeline(Readable.from(lines()), createWriteStream(unfinished, { mode: 0o640 })));
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

/** A page of what happened at the camera while the clip was recorded. */
async function eventsOf({ socket, camera, ...clip }: SidecarOf, after: string): Promise<readonly NodeEvent[]> {
  const [from, to] = [iso(clip.from_ms), iso(clip.to_ms)];
  const query = new URLSearchParams({ camera, from, to, limit: String(EVENTS_PAGE), after });
  return (await askJson(API.events.answer, socket, `/api/v1/events?${query.toString()}`, ANSWER_MS)).events;
}

/** What models and workers found in its pictures, as far as it was kept. */
async function* resultsOf({ socket, camera, ...clip }: SidecarOf): AsyncGenerator<readonly ResultLine[]> {
  const [fromMs, toMs] = [Math.floor(clip.from_ms), Math.ceil(clip.to_ms)];
  for (let partMs = fromMs; partMs <= toMs; partMs += PART_MS)
    // Both ends are included.
    yield* resultsBetween(socket, camera, partMs, Math.max(partMs + 1, Math.min(toMs, partMs + PART_MS - 1)));
}

async function* resultsBetween(
  socket: string,
  camera: string,
  from: number,
  to: number,
): AsyncGenerator<readonly ResultLine[]> {
  const query = new URLSearchParams({ from: String(from), to: String(to) });
  const path = `/api/v1/recordings/${camera}/results.jsonl?${query.toString()}`;
  const splitter = new ResultLines();
  for await (const chunk of await openOnNode(socket, path, ANSWER_MS))
    yield splitter.push(chunk).flatMap((line) => parseResultLine(line, camera) ?? []);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
