import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isDeepStrictEqual } from 'node:util';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import { MODEL_FILES, type ModelManifest, readManifest } from '#manifest';
import { hashPrefix } from './errors.ts';

/** A model in the cache. */
export interface ResolvedModel {
  /** The folder that a container serves. */
  readonly dir: string;
  readonly manifestPath: string;
  readonly onnxPath: string;
  readonly manifest: ModelManifest;
  /** The detector of a model on crops: a model of its own, in a subfolder. */
  readonly detector?: ResolvedModel | undefined;
}

/** The model of a folder, which need not exist. */
export function modelIn(dir: string, manifest: ModelManifest, detector?: ModelManifest): ResolvedModel {
  return {
    dir,
    manifestPath: join(dir, MODEL_FILES.manifest),
    onnxPath: join(dir, MODEL_FILES.onnx),
    manifest,
    detector: detector && modelIn(join(dir, MODEL_FILES.detector), detector),
  };
}

/**
 * Whether a model exists. Cheap: computes no hash. Anything that differs from the files of a pull counts as absent, so
 * that a pull repairs it.
 *
 * @throws VigiaError `model_cache` when the folder cannot be read.
 */
export async function isPresent(model: ResolvedModel): Promise<boolean> {
  try {
    for (const file of filesOf(model)) if (!(await stat(file)).isFile()) return false;
    const expected: unknown = JSON.parse(JSON.stringify(model.manifest));
    if (!isDeepStrictEqual(await readManifest(model.dir), expected)) return false;
  } catch (error) {
    if (error instanceof VigiaError || ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return false;
    throw new VigiaError('model_cache', `${model.dir} cannot be read: ${messageOf(error)}`, {
      path: model.dir,
      cause: error,
    });
  }
  return !model.detector || isPresent(model.detector);
}

function filesOf({ dir, onnxPath, manifest }: ResolvedModel): string[] {
  const { golden, decoder, remote } = manifest;
  const beside = [golden?.file, decoder.kind === 'module' ? decoder.file : undefined].filter(
    (name) => name !== undefined,
  );
  return [...(remote ? [] : [onnxPath]), ...beside.map((name) => join(dir, name))];
}

/**
 * Verifies the weights of a model and of its detector. Remote weights are not here.
 *
 * @throws VigiaError `model_integrity` when they have changed.
 */
export async function checkWeights({ onnxPath, manifest, detector }: ResolvedModel): Promise<void> {
  if (manifest.remote) return;
  const hash = createHash('sha256');
  await pipeline(createReadStream(onnxPath), hash);
  const found = hash.digest('hex');
  if (found !== manifest.sha256) {
    const text = `${onnxPath} is damaged: SHA-256 ${hashPrefix(manifest.sha256)} is expected, found ${hashPrefix(found)}`;
    throw new VigiaError('model_integrity', text, { path: onnxPath });
  }
  if (detector) await checkWeights(detector);
}
