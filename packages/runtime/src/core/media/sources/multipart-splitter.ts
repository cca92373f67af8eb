import { SourceError } from '#core/media';

/** Largest picture of a stream, in bytes. */
export const PART_LIMIT: number = 8 * 1024 * 1024;
/** Largest header of a part, in bytes. */
const HEAD_LIMIT = 16 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * Splits a `multipart/x-mixed-replace` body into its parts. A part with a Content-Length is complete with its last
 * byte; one without is complete when the next boundary arrives. Bytes are gathered in one buffer that grows and is
 * reused.
 */
export class MultipartSplitter {
  readonly #boundary: Buffer;
  readonly #onPart: (body: Buffer, readMs: number) => void;
  #buffer: Buffer = Buffer.allocUnsafe(256 * 1024);
  #length = 0;
  /** How many of the gathered bytes came with earlier reads, and when the last of those was. */
  #earlier = 0;
  #earlierMs = 0;
  #readMs = 0;
  /** Bytes already searched for a boundary. */
  #searched = 0;
  /** The length of the current body; undefined while a header is expected, -1 without a Content-Length. */
  #bodyLength: number | undefined;

  /**
   * @param boundary As in the Content-Type, without quotes. Cameras disagree on whether it includes the dashes.
   * @param onPart Receives each body, borrowed until the call returns, and when its last byte was read. Without a
   *   Content-Length, that is before the moment at which the part is known to be complete.
   */
  constructor(boundary: string, onPart: (body: Buffer, readMs: number) => void) {
    this.#boundary = Buffer.from(`--${boundary.replace(/^--/, '')}`);
    this.#onPart = onPart;
  }

  /** @param readMs When the chunk was read. @throws SourceError `corrupt` when a limit is passed. */
  push(chunk: Buffer, readMs: number): void {
    this.#earlier = this.#length;
    this.#earlierMs = this.#readMs;
    this.#readMs = readMs;
    this.#append(chunk);
    while (this.#step());
  }

  #step(): boolean {
    if (this.#bodyLength === undefined) return this.#head();
    if (this.#bodyLength < 0) return this.#bodyUntilBoundary();
    if (this.#length < this.#bodyLength) return false;
    this.#emit(this.#bodyLength, this.#bodyLength);
    return true;
  }

  #head(): boolean {
    const data = this.#buffer.subarray(0, this.#length);
    const start = data.indexOf(this.#boundary);
    const end = start < 0 ? -1 : data.indexOf(HEAD_END, start);
    if (end < 0) {
      if (this.#length > HEAD_LIMIT) throw new SourceError('corrupt', `no part begins within ${HEAD_LIMIT} bytes`);
      return false;
    }
    const told = /^content-length\s*:\s*(\d+)/im.exec(data.toString('latin1', start, end))?.[1];
    const length = told === undefined ? -1 : Number(told);
    if (length > PART_LIMIT)
      throw new SourceError('corrupt', `a picture of ${length} bytes; at most ${PART_LIMIT} are read`);
    this.#bodyLength = length;
    this.#consume(end + HEAD_END.byteLength);
    return true;
  }

  #bodyUntilBoundary(): boolean {
    const from = Math.max(0, this.#searched - this.#boundary.byteLength);
    const at = this.#buffer.subarray(0, this.#length).indexOf(this.#boundary, from);
    this.#searched = this.#length;
    if (at < 0) return false;
    // The line break before a boundary is part of it.
    const end = at >= 2 && this.#buffer[at - 2] === 0x0d ? at - 2 : at;
    this.#emit(end, at);
    return true;
  }

  #emit(bodyLength: number, used: number): void {
    this.#bodyLength = undefined;
    const readMs = bodyLength <= this.#earlier ? this.#earlierMs : this.#readMs;
    if (bodyLength > 0) this.#onPart(this.#buffer.subarray(0, bodyLength), readMs);
    this.#consume(used);
  }

  #consume(bytes: number): void {
    this.#buffer.copyWithin(0, bytes, this.#length);
    this.#length -= bytes;
    this.#earlier = Math.max(0, this.#earlier - bytes);
    this.#searched = 0;
  }

  #append(chunk: Buffer): void {
    const needed = this.#length + chunk.byteLength;
    if (needed > PART_LIMIT + HEAD_LIMIT)
      throw new SourceError('corrupt', `a picture of more than ${PART_LIMIT} bytes`);
    if (needed > this.#buffer.byteLength) {
      const larger = Buffer.allocUnsafe(
        Math.min(PART_LIMIT + HEAD_LIMIT, Math.max(needed, this.#buffer.byteLength * 2)),
      );
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    chunk.copy(this.#buffer, this.#length);
    this.#length = needed;
  }
}
