import { VigiaError } from './errors.ts';

/** Size of the length in front of every message: unsigned, big-endian. */
export const LENGTH_BYTES = 4;

/** Waiting chunks below this size are merged. */
const SMALL_BYTES = 4096;

/** One message: a 4-byte big-endian length and that many bytes. */
export function encodeFrame(payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(LENGTH_BYTES + payload.byteLength);
  out.writeUInt32BE(payload.byteLength, 0);
  out.set(payload, LENGTH_BYTES);
  return out;
}

/** One message holding UTF-8 JSON. */
export function encodeJson(value: unknown): Buffer {
  const text = JSON.stringify(value);
  const size = Buffer.byteLength(text);
  const out = Buffer.allocUnsafe(LENGTH_BYTES + size);
  out.writeUInt32BE(size, 0);
  out.write(text, LENGTH_BYTES, 'utf8');
  return out;
}

/**
 * Cuts a byte stream into length-prefixed messages. Knows no socket.
 *
 * A message longer than the limit throws `VigiaError('frame_too_large')` once the messages before it have been
 * returned. The caller must close the stream, because it cannot be re-aligned. Holds at most `limit` bytes plus one
 * chunk, and a few buffers.
 */
export class FrameDecoder {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #buffered = 0;

  /** @param limit Largest payload in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of an incomplete message held now. */
  get bufferedBytes(): number {
    return this.#buffered;
  }

  /**
   * Adds a chunk and returns the payloads that it completed, in order. They may share the chunk's memory. Messages
   * before one that is too long are returned; afterwards `check`, or the next call, throws.
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.byteLength;
    this.#mergeSmall();
    const out: Buffer[] = [];
    for (;;) {
      if (this.#buffered < LENGTH_BYTES) return out;
      const size = this.#peekLength();
      if (size > this.#limit) {
        if (out.length === 0) this.check();
        return out;
      }
      if (this.#buffered < LENGTH_BYTES + size) return out;
      const whole = this.#take(LENGTH_BYTES + size);
      out.push(whole.subarray(LENGTH_BYTES));
    }
  }

  /** @throws VigiaError `frame_too_large` when the pending message is too long. */
  check(): void {
    if (this.#buffered < LENGTH_BYTES) return;
    const size = this.#peekLength();
    if (size <= this.#limit) return;
    throw new VigiaError(
      'frame_too_large',
      `a message of ${size} bytes was announced, at most ${this.#limit} are allowed`,
    );
  }

  /**
   * A sender that writes single bytes must not cost one buffer each. Chunks merge like a binary counter: each byte is
   * copied a few times.
   */
  #mergeSmall(): void {
    for (let n = this.#chunks.length; n >= 2; n -= 1) {
      const before = this.#chunks[n - 2] as Buffer;
      const last = this.#chunks[n - 1] as Buffer;
      if (before.byteLength >= SMALL_BYTES || before.byteLength > 2 * last.byteLength) return;
      this.#chunks.splice(n - 2, 2, Buffer.concat([before, last]));
    }
  }

  #peekLength(): number {
    const first = this.#chunks[0] as Buffer;
    if (first.byteLength >= LENGTH_BYTES) return first.readUInt32BE(0);
    this.#chunks = [Buffer.concat(this.#chunks)];
    return (this.#chunks[0] as Buffer).readUInt32BE(0);
  }

  #take(size: number): Buffer {
    let first = this.#chunks[0] as Buffer;
    if (first.byteLength < size) {
      // Runs once per message: chunks wait in a list until the message is complete, so gathering is linear.
      first = Buffer.concat(this.#chunks);
      this.#chunks = [first];
    }
    const head = first.subarray(0, size);
    if (first.byteLength === size) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(size);
    this.#buffered -= size;
    return head;
  }
}
