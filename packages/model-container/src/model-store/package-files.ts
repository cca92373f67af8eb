import { extract } from 'tar';

/** A path in npm's tarballs without the top folder, usually `package/`. */
export function inPackage(path: string): string {
  return path.split('/').slice(1).join('/');
}

/**
 * Extracts files of a package, by their paths in it, into a folder. Only regular files on the list: no links, no
 * folders chosen by the package. Missing files are ignored.
 */
export async function takeOut(tarball: string, files: readonly string[], into: string): Promise<void> {
  const wanted = new Set(files);
  await extract({
    file: tarball,
    cwd: into,
    strip: 1,
    filter: (path, item) => 'type' in item && item.type === 'File' && wanted.has(inPackage(path)),
  });
}
