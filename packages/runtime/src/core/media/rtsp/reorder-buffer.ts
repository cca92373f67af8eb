import type { RtpHeader } from './rtp.ts';

/** Packets held at most: a keyframe's worth; then the gap is given up whatever the time. */
const HELD_LIMIT = 512;
/** And bytes at most: a datagram may be 64 KiB long. */
const HELD_BYTES_LIMIT = 1024 * 1024;
/** Sequence numbers a packet may be behind before it counts as a new beginning and not as late. */
const BEHIND_LIMIT = 1024;

interface Held {
  readonly packet: Buffer;
  readonly timestamp: number;
  readonly readMs: number;
}

/**
 * Puts datagrams back into the order of their sequence numbers. What is in order goes straight through; what comes
 * early is held until the gap before it is filled, but only until a packet of the next picture has come as well: then what
 * is missing counts as lost. That bounds the delay by one picture interval. No timer: packets themselves drive it.
 *
 * Datagrams are owned by who received them, so they are held without a copy.
 */
export class ReorderBuffer {
  readonly #out: (packet: Buffer, readMs: number) => void;
  readonly #held = new Map<number, Held>();
  #heldBytes = 0;
  #next = -1;
  #ssrc = 0;
  /** Of what is held: its time stamp, as long as that is but one. */
  #heldTimestamp: number | undefined;
  #holdsTwoPictures = false;
  /** Packets that came after the gap they would have filled was given up, or twice. */
  latePackets = 0;

  /** @param out Gets the packets in order. */
  constructor(out: (packet: Buffer, readMs: number) => void) {
    this.#out = out;
  }

  /** Packets waiting for one before them. */
  get held(): number {
    return this.#held.size;
  }

  /** Takes a packet whose header was read. */
  push(packet: Buffer, header: RtpHeader, readMs: number): void {
    const { sequence, timestamp } = header;
    if (this.#next < 0 || header.ssrc !== this.#ssrc) {
      // Another sender, or the same one anew.
      this.flush();
      this.#ssrc = header.ssrc;
      this.#next = sequence;
    }
    const ahead = ((sequence - this.#next) << 16) >> 16;
    if (ahead < 0) {
      if (ahead > -BEHIND_LIMIT) {
        this.latePackets += 1;
        return;
      }
      this.flush();
      this.#next = sequence;
    }
    if (sequence === this.#next) {
      this.#pass(packet, readMs);
      this.#drain();
      return;
    }
    if (this.#held.has(sequence)) {
      this.latePackets += 1;
      return;
    }
    this.#held.set(sequence, { packet, timestamp, readMs });
    this.#heldBytes += packet.byteLength;
    if (this.#heldTimestamp === undefined) this.#heldTimestamp = timestamp;
    else if (this.#heldTimestamp !== timestamp) this.#holdsTwoPictures = true;
    // All gaps before the newest picture at once: each for itself would be a picture late.
    while (this.#held.size > HELD_LIMIT || this.#heldBytes > HELD_BYTES_LIMIT || this.#holdsTwoPictures)
      this.#giveUpGap();
  }

  /** Hands on all that is held, gaps or not. */
  flush(): void {
    while (this.#held.size > 0) this.#giveUpGap();
  }

  #pass(packet: Buffer, readMs: number): void {
    this.#next = (this.#next + 1) & 0xffff;
    this.#out(packet, readMs);
  }

  #drain(): void {
    if (this.#held.size === 0) return;
    for (let held = this.#held.get(this.#next); held; held = this.#held.get(this.#next)) {
      this.#held.delete(this.#next);
      this.#heldBytes -= held.packet.byteLength;
      this.#pass(held.packet, held.readMs);
    }
    this.#lookAtHeld();
  }

  #giveUpGap(): void {
    let nearest = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const sequence of this.#held.keys()) {
      const distance = (sequence - this.#next) & 0xffff;
      if (distance < least) {
        least = distance;
        nearest = sequence;
      }
    }
    this.#next = nearest;
    this.#drain();
  }

  /** What is still held, after some of it was handed on. */
  #lookAtHeld(): void {
    this.#heldTimestamp = undefined;
    this.#holdsTwoPictures = false;
    for (const { timestamp } of this.#held.values()) {
      this.#heldTimestamp ??= timestamp;
      if (timestamp !== this.#heldTimestamp) this.#holdsTwoPictures = true;
    }
  }
}
