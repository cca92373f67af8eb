import { closeSync, openSync, readSync } from 'node:fs';
import { UsageError } from '@vigia/base';

/**
 * Reads a text file: UTF-8 or UTF-16, as its first bytes say.
 *
 * @param limit The most bytes, so that a device or a wrong path costs no memory.
 * @throws UsageError for a longer file; the system's error when it cannot be read.
 */
export function readText(path: string, limit: number): string {
  const bytes = readBytes(path, limit + 1);
  if (bytes.byteLength > limit) throw new UsageError(`${path}: more than ${limit} bytes, which is not read`, { path });
  return textOf(bytes);
}

function readBytes(path: string, most: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(most);
    let length = 0;
    // A pipe gives what it has.
    for (let got = -1; got !== 0 && length < most; length += got)
      got = readSync(file, bytes, length, most - length, null);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/** A file of another system may begin with a byte order mark. */
function textOf(bytes: Buffer): string {
  const mark = bytes.toString('latin1', 0, 2);
  if (mark === '\xff\xfe') return bytes.toString('utf16le', 2);
  if (mark === '\xfe\xff')
    return Buffer.from(bytes.subarray(0, bytes.byteLength & ~1))
      .swap16()
      .toString('utf16le', 2);
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}
