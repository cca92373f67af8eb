import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';

const BLOCK = 512;

/** An entry of an archive, exactly as given: a packer would make its path and its link harmless. */
export interface RawEntry {
  readonly path: string;
  readonly type?: 'File' | 'Link' | 'SymbolicLink' | 'Directory';
  readonly linkpath?: string;
  readonly content?: Uint8Array;
}

/** A package with these entries, and its hash. */
export function rawPackage(entries: readonly RawEntry[]): { tarball: Buffer; integrity: string } {
  const tarball = gzipSync(Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(2 * BLOCK)]));
  return { tarball, integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}` };
}

function blocksOf({ path, type = 'File', linkpath, content = Buffer.alloc(0) }: RawEntry): Uint8Array[] {
  const head = Buffer.alloc(BLOCK);
  const size = content.byteLength;
  new Header({
    path,
    type,
    mode: 0o644,
    size,
    mtime: new Date(0),
    ...(linkpath === undefined ? {} : { linkpath }),
  }).encode(head);
  return [head, content, Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)];
}
