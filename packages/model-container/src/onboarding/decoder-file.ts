import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, UsageError } from '@vigia/base';
import { loadDecoderModule } from '#decoders';
import type { ModuleDecoderSettings } from '#manifest';
import { writeDurably } from '#model-store';

/** Name of a decoder file beside its manifest. */
const NAME = 'decoder.mjs';
/**
 * Static and dynamic imports and re-exports. Matches in strings and comments count too: better a false positive than a
 * miss.
 */
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"`])([^'"`\n]+)\1/g;

/**
 * Copies a decoder module into a model's folder.
 *
 * @throws UsageError when it cannot be read or is not self-contained, VigiaError `model_load` when it is not a decoder.
 */
export async function takeDecoderFile(path: string, dir: string): Promise<ModuleDecoderSettings> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--decoder ${path} cannot be read (${codeOf(error)})`, { cause: error });
  }
  const other = [...text.matchAll(IMPORT)].map((match) => match[2] ?? '').find((name) => !name.startsWith('node:'));
  if (other !== undefined) {
    throw new UsageError(
      `--decoder ${path} imports '${other}', which would be missing beside the model: only imports of node: are allowed`,
    );
  }
  const sha256 = createHash('sha256').update(text).digest('hex');
  await writeDurably(join(dir, NAME), text);
  await loadDecoderModule(join(dir, NAME), sha256);
  return { kind: 'module', file: NAME, sha256 };
}
