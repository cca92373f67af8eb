import { createHash, type Hash } from 'node:crypto';
import { createWriteStream, existsSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { codeOf, quoted, UsageError, VigiaError } from '@vigia/base';
import { ID_PATTERN } from '@vigia/contracts';
import { API } from '@vigia/contracts/api';
import { formatBytes } from '#core/terminal';
import { openOnNode } from '#services/control-client';
import { whole, writeSidecar } from './export-sidecar.ts';
import { askJson } from './node-answers.ts';
import { moment, type Values } from './options.ts';
import { socketOf } from './which-node.ts';

const ANSWER_MS = 15_000;

/** What an export is of. */
interface Wanted {
  readonly camera: string;
  readonly from: string;
  readonly to: string;
  readonly file: string;
}

/** `vigia export`: a clip, what happened in it, and the sums of both. */
export async function exportCommand(values: Values, words: readonly string[]): Promise<number> {
  const wanted = wantedOf(values, words);
  const socket = await socketOf(values, 'export');
  const query = new URLSearchParams({ from: wanted.from, to: wanted.to }).toString();
  const base = `/api/v1/recordings/${wanted.camera}`;
  const facts = await askJson(API.clipFacts.answer, socket, `${base}/clip.json?${query}`, ANSWER_MS);
  // Its last picture, and not the live end, which moves on.
  const end = String(Math.max(facts.from_ms + 1, Math.floor(facts.to_ms) - 1));
  const exact = new URLSearchParams({ from: wanted.from, to: end }).toString();
  const clip = await download(socket, `${base}/clip.mp4?${exact}`, wanted.file, facts.bytes);
  const sidecar = sidecarOf(wanted.file);
  const of = { socket, camera: wanted.camera, from_ms: facts.from_ms, to_ms: facts.to_ms };
  const { events, results, sha256 } = await writeSidecar(sidecar, facts, of);
  write(`${wanted.file}.sha256`, `${clip}  ${basename(wanted.file)}\n${sha256}  ${basename(sidecar)}\n`);
  process.stdout.write(`${wanted.file}: ${formatBytes(facts.bytes)}, ${iso(facts.from_ms)} to ${iso(facts.to_ms)}\n`);
  for (const { from_ms: from, to_ms: to, reason } of facts.gaps)
    process.stdout.write(`  gap from ${iso(from)} to ${to === null ? 'now' : iso(to)}: ${reason}\n`);
  if (facts.ends)
    process.stdout.write('  it ends early: the camera’s format changes there; export the rest from there on\n');
  process.stdout.write(`${sidecar}: ${events} events, ${results} results\n`);
  return 0;
}

/** @throws UsageError */
function wantedOf(values: Values, [camera = '', file = '']: readonly string[]): Wanted {
  if (!ID_PATTERN.test(camera)) throw new UsageError(`vigia export: "${quoted(camera, 40)}" is no camera id`);
  if (!file.endsWith('.mp4')) throw new UsageError(`vigia export: ${quoted(file)} would hold an MP4: name it .mp4`);
  const [from, to] = ['from', 'to'].map((name) => {
    const ms = moment(values, name);
    if (ms === undefined) throw new UsageError(`vigia export: --${name} is missing, such as "yesterday 22:00"`);
    return new Date(ms).toISOString();
  }) as [string, string];
  for (const path of [file, sidecarOf(file), `${file}.sha256`])
    if (existsSync(path) && !values['force'])
      throw new UsageError(`vigia export: ${quoted(path)} is there already; --force replaces it`);
  return { camera, from, to, file };
}

/** Under another name until it is whole. @returns its SHA-256. */
async function download(socket: string, path: string, file: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  await whole(file, async (unfinished) => {
    const body = await openOnNode(socket, path, ANSWER_MS);
    await pipeline(body, metered(hash, bytes), createWriteStream(unfinished, { mode: 0o640 }));
  });
  return hash.digest('hex');
}

/** Counts what passes, and shows it on a terminal. Fails when it ends too early. */
function metered(hash: Hash, bytes: number): Transform {
  let done = 0;
  let shown = -1;
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk);
      done += chunk.byteLength;
      const percent = Math.floor((100 * done) / Math.max(1, bytes));
      if (process.stderr.isTTY && percent !== shown) process.stderr.write(`\r${percent} %`);
      shown = percent;
      next(null, chunk);
    },
    flush(next) {
      if (process.stderr.isTTY) process.stderr.write('\r      \r');
      next(
        done === bytes
          ? null
          : new VigiaError('export', `${done} of ${bytes} bytes came: a file of it is gone, or the node ended`),
      );
    },
  });
}

function sidecarOf(file: string): string {
  return file.replace(/\.mp4$/, '.jsonl');
}

function write(file: string, content: string): void {
  try {
    writeFileSync(file, content, { mode: 0o640 });
  } catch (error) {
    throw new VigiaError('export', `${file}: cannot be written (${codeOf(error)})`, { path: file, cause: error });
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
