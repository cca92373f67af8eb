import { LENGTH_BYTES, VigiaError } from '@vigia/base';

/** Enough for every message without pixels. */
const FIRST_BYTES = 64 * 1024;

/** Assembles messages from chunks, in memory that is reused: a message is valid until the next one is requested. */
export class MessageAssembler {
  readonly #limit: number;
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthBytes = 0;
  #body = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #bodyBytes = 0;

  /** @param limit Longest message, bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that a chunk completes. @throws VigiaError `frame_too_large`. */
  *push(piece: Buffer): Generator<Buffer, void, undefined> {
    let at = 0;
    while (at < piece.byteLength) {
      if (this.#lengthBytes < LENGTH_BYTES) {
        at += this.#takeLength(piece, at);
        if (this.#lengthBytes < LENGTH_BYTES) return;
        this.#reserve();
      }
      const size = this.#length.readUInt32BE(0);
      const taken = piece.copy(this.#body, this.#bodyBytes, at, at + size - this.#bodyBytes);
      at += taken;
      this.#bodyBytes += taken;
      if (this.#bodyBytes < size) return;
      this.#lengthBytes = 0;
      this.#bodyBytes = 0;
      yield this.#body.subarray(0, size);
    }
  }

  #takeLength(piece: Buffer, at: number): number {
    const taken = piece.copy(this.#length, this.#lengthBytes, at, at + LENGTH_BYTES - this.#lengthBytes);
    this.#lengthBytes += taken;
    return taken;
  }

  #reserve(): void {
    const size = this.#length.readUInt32BE(0);
    if (size > this.#limit)
      throw new VigiaError(
        'frame_too_large',
        `a message of ${size} bytes was announced, at most ${this.#limit} are allowed`,
      );
    if (size > this.#body.byteLength) this.#body = Buffer.allocUnsafeSlow(size);
  }
}
