import type { Clock } from '@vigia/base';

/** Packet types and the flags of PUBLISH (MQTT 5, 2.1). */
const PUBLISH = 3;
const PUBACK = 4;
const QOS_2 = 2;
/** Most bytes of a length. */
const LENGTH_BYTES = 4;
/** Packets that may come at once, acknowledgements of the node's own messages apart. */
const BURST = 8_192;
/** The same per second in the long run. The node asks for its own commands only. */
const RATE = 1_000;

/**
 * Follows the packets in what a broker sends, without keeping any of it: the library's parser collects a packet of any
 * size before anybody can look at it, and acknowledges as many as come, to a broker that need not read.
 */
export class PacketGuard {
  readonly #limit: number;
  readonly #clock: Clock;
  /** Packets that may still come now. */
  #allowed = BURST;
  #countedMs: number;
  /** Bytes of the present packet that are still to come. */
  #left = 0;
  #length = 0;
  /** Bytes of its length so far; undefined before its first byte, and after its length. */
  #lengthBytes: number | undefined;

  /** @param limit Bytes of a packet after its length. */
  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
    this.#countedMs = clock.nowMs();
  }

  /** Looks at the next bytes. @returns what no broker may send, as the rest of a sentence; undefined if there is nothing. */
  look(chunk: Uint8Array): string | undefined {
    this.#refill();
    for (let at = 0; at < chunk.byteLength; ) {
      const skipped = Math.min(this.#left, chunk.byteLength - at);
      this.#left -= skipped;
      at += skipped;
      const byte = chunk[at];
      if (byte === undefined) return undefined;
      at += 1;
      const fault = this.#lengthBytes === undefined ? this.#begin(byte) : this.#extend(byte);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #begin(byte: number): string | undefined {
    this.#length = 0;
    this.#lengthBytes = 0;
    // As many as the node published: it makes no work for the library to take them.
    if (byte >> 4 !== PUBACK) this.#allowed -= 1;
    if (this.#allowed < 0) return `sends more than ${RATE} packets per second`;
    // The node subscribes with QoS 1. The library keeps each message of QoS 2 until its sender releases it.
    return byte >> 4 === PUBLISH && ((byte >> 1) & 3) >= QOS_2
      ? 'sends messages of QoS 2, which nobody asked for'
      : undefined;
  }

  #refill(): void {
    const nowMs = this.#clock.nowMs();
    this.#allowed = Math.min(BURST, this.#allowed + ((nowMs - this.#countedMs) / 1000) * RATE);
    this.#countedMs = nowMs;
  }

  #extend(byte: number): string | undefined {
    const bytes = this.#lengthBytes ?? 0;
    this.#length += (byte & 0x7f) * 128 ** bytes;
    const more = (byte & 0x80) !== 0;
    this.#lengthBytes = more ? bytes + 1 : undefined;
    if (more && bytes + 1 >= LENGTH_BYTES) return 'sends what is not MQTT';
    if (this.#length > this.#limit) return `sends a packet of more than ${this.#limit} bytes`;
    if (!more) this.#left = this.#length;
    return undefined;
  }
}
