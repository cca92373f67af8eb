import type { RtpHeader } from './rtp.ts';

/** Largest access unit in bytes; a larger one is dropped and counts as damaged. */
export const ACCESS_UNIT_LIMIT: number = 8 * 1024 * 1024;

/** One coded picture with the parameter sets and messages in front of it. */
export interface AccessUnit {
  /** Annex B. Borrowed: valid until the callback returns. */
  readonly data: Buffer;
  /** 32-bit RTP time. */
  readonly rtpTime: number;
  /** Monotonic milliseconds at which the bytes that completed it were read. */
  readonly arrivedMs: number;
  /** Decoding can begin here. */
  readonly keyframe: boolean;
  /** Something is missing from it. */
  readonly damaged: boolean;
}

const START_CODE_BYTES = 4;
const FU_A = 28;
const STAP_A = 24;
const IDR = 5;
const SPS = 7;

/**
 * Gathers H.264 RTP payloads (RFC 6184: single NAL units, STAP-A, FU-A) into access units. A unit ends at the marker bit,
 * at once, or where the time stamp changes. Parameter sets that came with a marker of their own are kept for the unit
 * that follows.
 *
 * Bytes are copied once, into one buffer that grows and is reused: no allocation per unit.
 */
export class H264Assembler {
  readonly #onUnit: (unit: AccessUnit) => void;
  #buffer: Buffer = Buffer.allocUnsafe(256 * 1024);
  #length = 0;
  #rtpTime = 0;
  #nextSequence = -1;
  #hasPicture = false;
  #keyframe = false;
  #damaged = false;
  /** Inside a fragmented NAL unit whose start was seen. */
  #inFragment = false;
  /** RTP packets that never came. */
  lostPackets = 0;

  constructor(onUnit: (unit: AccessUnit) => void) {
    this.#onUnit = onUnit;
  }

  /** Takes one RTP packet. `arrivedMs`: when it was read. */
  push(packet: Buffer, header: RtpHeader, arrivedMs: number): void {
    const gap = this.#isGap(header.sequence);
    if (gap) this.#lose();
    if (this.#hasPicture && header.timestamp !== this.#rtpTime) {
      this.#emit(arrivedMs);
      // What was lost may have been the end of that unit or the start of this one.
      if (gap) this.#lose();
    }
    this.#rtpTime = header.timestamp;
    if (header.payloadEnd > header.payloadStart) this.#payload(packet, header.payloadStart, header.payloadEnd);
    if (header.marker && this.#hasPicture) this.#emit(arrivedMs);
  }

  /** Forgets what is half gathered: a new connection begins. */
  reset(): void {
    this.#clear();
    this.#nextSequence = -1;
  }

  #isGap(sequence: number): boolean {
    const expected = this.#nextSequence;
    this.#nextSequence = (sequence + 1) & 0xffff;
    if (expected < 0 || sequence === expected) return false;
    this.lostPackets += (sequence - expected) & 0xffff;
    return true;
  }

  #lose(): void {
    this.#damaged = true;
    this.#inFragment = false;
  }

  #payload(packet: Buffer, start: number, end: number): void {
    const type = (packet[start] as number) & 0x1f;
    if (type >= 1 && type <= 23) this.#nal(packet, start, end);
    else if (type === FU_A) this.#fragment(packet, start, end);
    else if (type === STAP_A) this.#aggregate(packet, start + 1, end);
    else this.#damaged = true;
  }

  #aggregate(packet: Buffer, from: number, end: number): void {
    let at = from;
    while (at + 2 < end) {
      const size = packet.readUInt16BE(at);
      at += 2;
      if (size === 0 || at + size > end) {
        this.#damaged = true;
        return;
      }
      this.#nal(packet, at, at + size);
      at += size;
    }
  }

  #fragment(packet: Buffer, start: number, end: number): void {
    if (end - start < 3) {
      this.#damaged = true;
      return;
    }
    const indicator = packet[start] as number;
    const fu = packet[start + 1] as number;
    if (fu & 0x80) {
      this.#begin((indicator & 0xe0) | (fu & 0x1f));
      this.#inFragment = true;
    } else if (!this.#inFragment) {
      // A fragment without its start says nothing about where it belongs.
      this.#damaged = true;
      return;
    }
    this.#append(packet, start + 2, end);
    if (fu & 0x40) this.#inFragment = false;
  }

  #nal(packet: Buffer, start: number, end: number): void {
    this.#inFragment = false;
    this.#begin(packet[start] as number);
    this.#append(packet, start + 1, end);
  }

  #begin(nalHeader: number): void {
    const type = nalHeader & 0x1f;
    if (type >= 1 && type <= 5) this.#hasPicture = true;
    if (type === IDR || type === SPS) this.#keyframe = true;
    if (!this.#reserve(START_CODE_BYTES + 1)) return;
    this.#buffer.writeUInt32BE(1, this.#length);
    this.#buffer[this.#length + START_CODE_BYTES] = nalHeader;
    this.#length += START_CODE_BYTES + 1;
  }

  #append(packet: Buffer, start: number, end: number): void {
    if (!this.#reserve(end - start)) return;
    packet.copy(this.#buffer, this.#length, start, end);
    this.#length += end - start;
  }

  #reserve(bytes: number): boolean {
    const needed = this.#length + bytes;
    if (needed > ACCESS_UNIT_LIMIT) {
      this.#damaged = true;
      return false;
    }
    if (needed > this.#buffer.byteLength) {
      const larger = Buffer.allocUnsafe(Math.min(ACCESS_UNIT_LIMIT, Math.max(needed, this.#buffer.byteLength * 2)));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    return true;
  }

  #emit(arrivedMs: number): void {
    const unit: AccessUnit = {
      data: this.#buffer.subarray(0, this.#length),
      rtpTime: this.#rtpTime,
      arrivedMs,
      keyframe: this.#keyframe,
      damaged: this.#damaged || this.#inFragment,
    };
    this.#clear();
    this.#onUnit(unit);
  }

  #clear(): void {
    this.#length = 0;
    this.#hasPicture = false;
    this.#keyframe = false;
    this.#damaged = false;
    this.#inFragment = false;
  }
}
