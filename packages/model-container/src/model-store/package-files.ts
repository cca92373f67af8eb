import { stat } from 'node:fs/promises';
import { codeOf, messageOf, quoted, VigiaError } from '@vigia/base';
import { extract, list } from 'tar';

const MIB = 1024 * 1024;
/** What any package may unpack to, bytes. */
const ALWAYS_ALLOWED = 64 * MIB;
/** Weights hardly compress: a package may unpack to this many times its size, */
const MAX_RATIO = 20;
/** and no package to more than this. Bytes. */
const MAX_UNPACKED = 4096 * MIB;
/** Entries of a package. */
const MAX_ENTRIES = 100_000;
/** Read at a time, bytes: a chunk is unpacked as a whole, to at most a thousand times that. */
const CHUNK = 64 * 1024;

/** A path in npm's tarballs without the top folder, usually `package/`. */
function inPackage(path: string): string {
  return path.split('/').slice(1).join('/');
}

/**
 * The paths of a package's regular files that end with `ending`, sorted. Paths that lead out of the package are none.
 *
 * @throws VigiaError `model_unsuitable` for a package that is damaged, or unpacks to too much.
 */
export async function filesIn(tarball: string, ending: string): Promise<string[]> {
  const found: string[] = [];
  let entries = 0;
  const onReadEntry = ({ path, type }: { readonly path: string; readonly type: string }): void => {
    entries += 1;
    if (entries <= MAX_ENTRIES && type === 'File' && path.endsWith(ending) && staysInside(path))
      found.push(inPackage(path));
  };
  await bounded(tarball, (bounds) => list({ ...bounds, onReadEntry }));
  if (entries <= MAX_ENTRIES) return found.sort();
  throw new VigiaError('model_unsuitable', `the package has ${entries} entries, ${MAX_ENTRIES} are allowed`);
}

/**
 * Extracts files of a package, by their paths in it, into a folder. Only regular files on the list: no links, no
 * folders chosen by the package, nothing outside of `into`. Missing files are ignored.
 *
 * @throws VigiaError `model_unsuitable` for a package that is damaged, or unpacks to too much.
 */
export async function takeOut(tarball: string, files: readonly string[], into: string): Promise<void> {
  const wanted = new Set(files);
  await bounded(tarball, (bounds) =>
    extract({
      ...bounds,
      cwd: into,
      strip: 1,
      filter: (path, item) =>
        'type' in item && item.type === 'File' && staysInside(path) && wanted.has(inPackage(path)),
    }),
  );
}

/** Whether a path has a top folder and, below it, neither `..` nor anything else that is not a name. */
function staysInside(path: string): boolean {
  const names = path.split('/');
  return names.length > 1 && names.every((name) => !['', '.', '..'].includes(name) && !/[\\\0]/.test(name));
}

interface Bounds {
  readonly file: string;
  readonly maxReadSize: number;
  readonly maxDecompressionRatio: number;
}

/** Runs `read` with bounds on what it unpacks. */
async function bounded(tarball: string, read: (bounds: Bounds) => Promise<void>): Promise<void> {
  const { size } = await stat(tarball);
  const limit = Math.min(MAX_UNPACKED, Math.max(ALWAYS_ALLOWED, MAX_RATIO * size));
  try {
    await read({ file: tarball, maxReadSize: CHUNK, maxDecompressionRatio: limit / Math.max(1, size) });
  } catch (error) {
    if (codeOf(error) !== 'TAR_ABORT') throw damageOf(error) ?? error;
    const why = `the package of ${size} bytes unpacks to more than ${Math.floor(limit / MIB)} MiB, which no weights do`;
    throw new VigiaError('model_unsuitable', why, { cause: error });
  }
}

/** Undefined for an error of the system, such as a full disk. */
function damageOf(error: unknown): VigiaError | undefined {
  if (!/^(?:TAR|Z)_/.test(codeOf(error) ?? '')) return undefined;
  const why = `the package is no archive that can be read (${quoted(messageOf(error))})`;
  return new VigiaError('model_unsuitable', why, { cause: error });
}
