const BLOCK = 512;

/** An entry of an archive, exactly as given: a packer would make its path and its link harmless. */
export interface TarEntry {
  readonly path: string;
  /** The type in its header: `0` a file, `1` a hard link, `2` a symbolic link, `5` a folder, `x` and `g` attributes, `L` a name. */
  readonly type?: string;
  readonly link?: string;
  readonly content?: Buffer;
  /** In its header, when it is not true. Octal digits, or anything else. */
  readonly size?: string;
}

/** An archive in the format of ustar. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(2 * BLOCK)]);
}

function blocksOf({ path, type = '0', link = '', content = Buffer.alloc(0), size }: TarEntry): Buffer[] {
  const head = Buffer.alloc(BLOCK);
  head.write(path.slice(0, 100), 0, 'utf8');
  head.write('0000644\0', 100, 'latin1');
  head.write('0000000\0', 108, 'latin1');
  head.write('0000000\0', 116, 'latin1');
  head.write((size ?? content.byteLength.toString(8).padStart(11, '0')).slice(0, 12), 124, 'latin1');
  head.write('00000000000\0', 136, 'latin1');
  head.write('        ', 148, 'latin1');
  head.write(type, 156, 'latin1');
  head.write(link.slice(0, 100), 157, 'utf8');
  head.write('ustar\u000000', 257, 'latin1');
  head.write(`${sumOf(head).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return [head, content, Buffer.alloc((BLOCK - (content.byteLength % BLOCK)) % BLOCK)];
}

function sumOf(head: Buffer): number {
  return head.reduce((sum, byte) => sum + byte, 0);
}

/** An attribute of the next entry (POSIX.1-2001, pax). */
export function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  const digits = String(Buffer.byteLength(rest) + 2).length;
  return Buffer.from(`${Buffer.byteLength(rest) + digits}${rest}`);
}
