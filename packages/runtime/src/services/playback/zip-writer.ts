import { crc32 } from 'node:zlib';
import type { Sink } from './clip-stream.ts';

/** Sizes and offsets from here on are written as 64 bits: this value itself refers to those. */
const LIMIT = 0xff_ff_ff_ff;
/** The version of the format that a reader needs: 2.0, or 4.5 for 64 bits. Made on Unix, so that files get their mode. */
const [VERSION, VERSION_64, UNIX] = [20, 45, 3 << 8];
/** The sums and sizes of a file are behind it. */
const SUMS_BEHIND = 0x0008;
const STORED = 0;
/** A file that its owner may write and everybody may read. */
const MODE = 0o100644;

/** A file in the archive. */
interface Entry {
  readonly name: Buffer;
  /** Of its header, bytes from the beginning. */
  readonly at: number;
  readonly bytes: number;
  readonly crc: number;
  readonly is64: boolean;
}

/** A number of the format: its bytes, and its value. */
type Field = readonly [size: 1 | 2 | 4 | 8, value: number];

/**
 * Writes a ZIP archive to a stream: files are stored one behind the other, as they come, and are not compressed. Holds one
 * chunk, and a few bytes of each file. An archive without its end is not valid.
 *
 * The format: PKWARE APPNOTE.TXT 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT). A file whose size is not
 * known, or is 4 GiB or more, has 64-bit sizes (4.3.9.2, 4.5.3), and so has the list of files when it begins behind 4 GiB.
 */
export class ZipWriter {
  readonly #sink: Sink;
  readonly #entries: Entry[] = [];
  /** Time and date in the format of MS-DOS (4.4.6), and seconds since 1970. UTC. */
  readonly #dosTime: number;
  readonly #seconds: number;
  #at = 0;

  /** @param wallMs The time that files get. Milliseconds since 1970. */
  constructor(sink: Sink, wallMs: number) {
    this.#sink = sink;
    this.#dosTime = dosTime(new Date(wallMs));
    this.#seconds = Math.floor(wallMs / 1000);
  }

  /**
   * Adds a file.
   *
   * @param name ASCII; folders are separated by `/`.
   * @param bytes Its size; undefined: not known.
   * @throws RangeError when it has another size; what `write` and the sink throw.
   */
  async add(name: string, bytes: number | undefined, write: (sink: Sink) => Promise<void>): Promise<void> {
    const at = this.#at;
    const is64 = bytes === undefined || bytes >= LIMIT;
    const path = Buffer.from(name, 'latin1');
    await this.#send(this.#localHeader(path, is64));
    let [size, crc] = [0, 0];
    await write(async (chunk) => {
      crc = crc32(chunk, crc);
      size += chunk.byteLength;
      await this.#send(chunk);
    });
    if (bytes !== undefined && size !== bytes) throw new RangeError(`${name}: ${size} bytes came, not ${bytes}`);
    const width = is64 ? 8 : 4;
    await this.#send(packed([4, 0x08_07_4b_50], [4, crc], [width, size], [width, size]));
    this.#entries.push({ name: path, at, bytes: size, crc, is64 });
  }

  /** Writes the list of files. The archive is complete then. */
  async end(): Promise<void> {
    const from = this.#at;
    for (const entry of this.#entries) await this.#send(this.#listed(entry));
    const bytes = this.#at - from;
    const count = this.#entries.length;
    if (from >= LIMIT) await this.#send(end64(count, bytes, from));
    await this.#send(
      packed(
        [4, 0x06_05_4b_50],
        [2, 0],
        [2, 0],
        [2, count],
        [2, count],
        [4, bytes],
        [4, Math.min(from, LIMIT)],
        [2, 0],
      ),
    );
  }

  async #send(chunk: Buffer): Promise<void> {
    this.#at += chunk.byteLength;
    await this.#sink(chunk);
  }

  /** What is before a file (4.3.7): without sums and sizes, which are behind it. */
  #localHeader(name: Buffer, is64: boolean): Buffer {
    const more = Buffer.concat([is64 ? packed([2, 0x0001], [2, 16], [8, 0], [8, 0]) : NOTHING, this.#time()]);
    const size = is64 ? LIMIT : 0;
    const head = packed(
      [4, 0x04_03_4b_50],
      [2, is64 ? VERSION_64 : VERSION],
      [2, SUMS_BEHIND],
      [2, STORED],
      [4, this.#dosTime],
      [4, 0],
      [4, size],
      [4, size],
      [2, name.byteLength],
      [2, more.byteLength],
    );
    return Buffer.concat([head, name, more]);
  }

  /** What the list says of a file (4.3.12). 64-bit numbers are those only that need them. */
  #listed({ name, at, bytes, crc, is64 }: Entry): Buffer {
    const large = [bytes, bytes, at].filter((value) => value >= LIMIT).map((value): Field => [8, value]);
    const sizes = large.length === 0 ? NOTHING : packed([2, 0x0001], [2, 8 * large.length], ...large);
    const more = Buffer.concat([sizes, this.#time()]);
    const head = packed(
      [4, 0x02_01_4b_50],
      [2, UNIX | VERSION_64],
      [2, is64 || large.length > 0 ? VERSION_64 : VERSION],
      [2, SUMS_BEHIND],
      [2, STORED],
      [4, this.#dosTime],
      [4, crc],
      [4, Math.min(bytes, LIMIT)],
      [4, Math.min(bytes, LIMIT)],
      [2, name.byteLength],
      [2, more.byteLength],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, MODE * 2 ** 16],
      [4, Math.min(at, LIMIT)],
    );
    return Buffer.concat([head, name, more]);
  }

  /** When a file was changed, in UTC: the time of MS-DOS has no zone (Info-ZIP's extended timestamp, 0x5455). */
  #time(): Buffer {
    return packed([2, 0x54_55], [2, 5], [1, 1], [4, this.#seconds]);
  }
}

const NOTHING = Buffer.alloc(0);

/** The end of an archive whose list begins behind 4 GiB (4.3.14, 4.3.15). */
function end64(count: number, bytes: number, from: number): Buffer {
  const record = packed(
    [4, 0x06_06_4b_50],
    [8, 44],
    [2, UNIX | VERSION_64],
    [2, VERSION_64],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, bytes],
    [8, from],
  );
  return Buffer.concat([record, packed([4, 0x07_06_4b_50], [4, 0], [8, from + bytes], [4, 1])]);
}

/** Little-endian (4.4.1). */
function packed(...fields: readonly Field[]): Buffer {
  const bytes = Buffer.alloc(fields.reduce((sum, [size]) => sum + size, 0));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 8) bytes.writeBigUInt64LE(BigInt(value), at);
    else bytes.writeUIntLE(value, at, size);
    at += size;
  }
  return bytes;
}

/** From 1980 to 2107, in steps of 2 s. */
function dosTime(at: Date): number {
  const year = Math.min(127, Math.max(0, at.getUTCFullYear() - 1980));
  const date = year * 512 + (at.getUTCMonth() + 1) * 32 + at.getUTCDate();
  const time = at.getUTCHours() * 2048 + at.getUTCMinutes() * 32 + Math.floor(at.getUTCSeconds() / 2);
  return date * 65_536 + time;
}
