import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf, VigiaError } from '@vigia/base';
import { MODEL_FILES, type ModelManifest, parseManifest } from './manifest.ts';

/**
 * Reads the manifest of a model folder.
 *
 * @throws VigiaError `model_absent` when it does not exist, `model_manifest` when it is invalid.
 */
export async function readManifest(dir: string): Promise<ModelManifest> {
  const path = join(dir, MODEL_FILES.manifest);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = codeOf(error) === 'ENOENT' ? 'model_absent' : 'model_manifest';
    throw new VigiaError(code, `no model in ${dir}: ${messageOf(error)}`, { path, cause: error });
  }
  return parseManifest(text, path);
}
