import { extract } from 'tar';

/** A path in npm's tarballs without the one folder that everything is in, mostly `package/`. */
export function inPackage(path: string): string {
  return path.split('/').slice(1).join('/');
}

/**
 * Takes files out of a package, by their paths in it, into a folder. Regular files of the list only: no links, no folders of
 * the package's choice. What is not there is not missed.
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
