import type { RtpHeader } from './rtp.ts';

/** The most packets held: those of a large keyframe. Beyond that, the oldest gap is abandoned. */
const HELD_LIMIT = 512;
/** The most bytes held. A datagram may have 64 KiB. */
const HELD_BYTES_LIMIT = 1024 * 1024;
/**
 * A packet this far behind in sequence numbers is late; farther behind means that the sender restarted its numbering.
 */
const BEHIND_LIMIT = 1024;

interface Held {
  readonly packet: Buffer;
  readonly timestamp: number;
  readonly readMs: number;
}

/**
 * Restores the order of datagrams by sequence number. Packets in order pass straight through. An early packet is held
 * until the gap before it is filled, or until a packet of the next picture arrives; the missing packets then count as
 * lost. This limits the delay to one picture interval without a timer.
 *
 * The receiver owns its datagrams, so they are held without a copy.
 */
export class ReorderBuffer {
  readonly #out: (packet: Buffer, readMs: number) => void;
  readonly #held = new Map<number, Held>();
  #heldBytes = 0;
  #next = -1;
  #ssrc = 0;
  /** The time stamp of the held packets while they all have the same one. */
  #heldTimestamp: number | undefined;
  #holdsTwoPictures = false;
  /** Packets that arrived twice, or after their gap was abandoned. */
  latePackets = 0;

  /** @param out Receives the packets in order. */
  constructor(out: (packet: Buffer, readMs: number) => void) {
    this.#out = out;
  }

  /** Packets that wait for an earlier one. */
  get held(): number {
    return this.#held.size;
  }

  /** Takes a packet and its parsed header. */
  push(packet: Buffer, header: RtpHeader, readMs: number): void {
    const { sequence, timestamp } = header;
    if (this.#next < 0 || header.ssrc !== this.#ssrc) {
      // Another sender, or a restarted one.
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
    // Abandons all gaps before the newest picture at once. One at a time, each would delay the stream by a picture.
    while (this.#held.size > HELD_LIMIT || this.#heldBytes > HELD_BYTES_LIMIT || this.#holdsTwoPictures)
      this.#giveUpGap();
  }

  /** Passes on all held packets, with gaps. */
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

  /** Updates the time stamp after packets were passed on. */
  #lookAtHeld(): void {
    this.#heldTimestamp = undefined;
    this.#holdsTwoPictures = false;
    for (const { timestamp } of this.#held.values()) {
      this.#heldTimestamp ??= timestamp;
      if (timestamp !== this.#heldTimestamp) this.#holdsTwoPictures = true;
    }
  }
}
