import { NAL_FOREIGN, NAL_KEY, NAL_PICTURE, type NalFormat, nalHeader, type NalSink } from './nal-format.ts';
import type { RtpHeader } from './rtp.ts';

/** Largest access unit in bytes; a larger one is dropped and counts as damaged. */
export const ACCESS_UNIT_LIMIT: number = 8 * 1024 * 1024;

/** An access unit of an RTP stream. Its time stamp is not unwrapped yet. */
export interface RtpUnit {
  /** Annex B. Borrowed: valid until the callback returns. */
  readonly data: Buffer;
  /** 32-bit RTP time. */
  readonly rtpTime: number;
  /** When the bytes that completed it were read. Monotonic milliseconds. */
  readonly arrivedMs: number;
  readonly keyframe: boolean;
  readonly damaged: boolean;
}

const START_CODE_BYTES = 4;
/**
 * A packet this far behind in sequence numbers is late; farther behind means that the sender restarted its numbering.
 */
const BEHIND_LIMIT = 1024;

/**
 * Assembles the RTP payloads of H.264 or H.265 into access units. A marker bit ends a unit at once; otherwise a change
 * of the time stamp does. Parameter sets with a marker of their own are kept for the next unit.
 *
 * Some cameras set the marker on every slice. When a marker is followed by a slice with the same time stamp that does
 * not begin a picture, markers are ignored from then on: units end at the next time stamp, one interval later, but
 * whole.
 *
 * Bytes are copied once, into one buffer that grows and is reused.
 */
export class AccessUnitAssembler {
  readonly #format: NalFormat;
  readonly #onUnit: (unit: RtpUnit) => void;
  readonly #sink: NalSink;
  #buffer: Buffer = Buffer.allocUnsafe(256 * 1024);
  #length = 0;
  #rtpTime = 0;
  #nextSequence = -1;
  #hasPicture = false;
  #keyframe = false;
  #damaged = false;
  /** Inside a fragmented NAL unit whose start was received. */
  #inFragment = false;
  #ssrc = 0;
  /** When the previous packet was read. */
  #lastMs = 0;
  /** RTP time of the last unit that a marker ended. */
  #markedTime = -1;
  #markersLie = false;
  /** RTP packets that never arrived. */
  lostPackets = 0;
  /** Consecutive NAL units that are invalid for this codec. */
  foreignInARow = 0;

  constructor(format: NalFormat, onUnit: (unit: RtpUnit) => void) {
    this.#format = format;
    this.#onUnit = onUnit;
    this.#sink = {
      nal: (packet, start, end) => this.#nal(packet, start, end),
      first: (header, packet, start, end) => this.#first(header, packet, start, end),
      next: (packet, start, end) => this.#next(packet, start, end),
      last: () => {
        this.#inFragment = false;
      },
      bad: () => {
        this.#damaged = true;
        this.foreignInARow += 1;
      },
    };
  }

  /** Takes one RTP packet. `arrivedMs`: when it was read. */
  push(packet: Buffer, header: RtpHeader, arrivedMs: number): void {
    if (header.ssrc !== this.#ssrc && this.#nextSequence >= 0) {
      // Another sender, or a restarted one: its sequence numbers are unrelated to the previous ones.
      this.#nextSequence = -1;
      this.#lose();
    }
    this.#ssrc = header.ssrc;
    const ahead = this.#ahead(header.sequence);
    // A duplicate, or a packet that comes too late. The gap has already been counted.
    if (ahead < 0) return;
    const gap = ahead > 0;
    if (gap) this.#lose();
    if (this.#hasPicture && header.timestamp !== this.#rtpTime) {
      // The last bytes of that unit came with the previous packet.
      this.#emit(this.#lastMs);
      // The missing packets may have been the end of that unit or the start of this one.
      if (gap) this.#lose();
    }
    this.#rtpTime = header.timestamp;
    if (header.payloadEnd > header.payloadStart)
      this.#format.read(packet, header.payloadStart, header.payloadEnd, this.#sink);
    if (header.marker && this.#hasPicture && !this.#markersLie) {
      this.#markedTime = header.timestamp;
      this.#emit(arrivedMs);
    }
    this.#lastMs = arrivedMs;
  }

  /** The number of packets missing before this one; negative for a packet that is late. */
  #ahead(sequence: number): number {
    const expected = this.#nextSequence;
    const ahead = expected < 0 ? 0 : ((sequence - expected) << 16) >> 16;
    if (ahead < 0 && ahead > -BEHIND_LIMIT) return ahead;
    this.#nextSequence = (sequence + 1) & 0xffff;
    // The sender restarted its numbering. How many packets are missing is unknown.
    if (ahead < 0) return 1;
    this.lostPackets += ahead;
    return ahead;
  }

  #lose(): void {
    this.#damaged = true;
    this.#inFragment = false;
  }

  #nal(packet: Buffer, start: number, end: number): void {
    if (end - start <= this.#format.headerBytes) {
      this.#damaged = true;
      return;
    }
    this.#inFragment = false;
    this.#begin(nalHeader(this.#format, packet, start), packet[start + this.#format.headerBytes] as number);
    this.#append(packet, start + this.#format.headerBytes, end);
  }

  #first(header: number, packet: Buffer, start: number, end: number): void {
    this.#begin(header, packet[start] as number);
    this.#inFragment = true;
    this.#append(packet, start, end);
  }

  #next(packet: Buffer, start: number, end: number): void {
    // A fragment without its start cannot be assigned to a NAL unit.
    if (this.#inFragment) this.#append(packet, start, end);
    else this.#damaged = true;
  }

  /**
   * @param first The byte after the header. In a slice of either codec, its top bit marks the first slice of a picture.
   */
  #begin(header: number, first: number): void {
    const kind = this.#format.kindOf(header);
    if (kind & NAL_FOREIGN) {
      this.#damaged = true;
      this.foreignInARow += 1;
    } else this.foreignInARow = 0;
    if (kind & NAL_PICTURE) this.#slice((first & 0x80) !== 0);
    if (kind & NAL_KEY) this.#keyframe = true;
    const { headerBytes } = this.#format;
    if (!this.#reserve(START_CODE_BYTES + headerBytes)) return;
    this.#buffer.writeUInt32BE(1, this.#length);
    this.#buffer.writeUIntBE(header, this.#length + START_CODE_BYTES, headerBytes);
    this.#length += START_CODE_BYTES + headerBytes;
  }

  #slice(beginsPicture: boolean): void {
    if (!this.#hasPicture && !beginsPicture) {
      if (this.#markedTime === this.#rtpTime && !this.#damaged) this.#markersLie = true;
      this.#damaged = true;
    }
    this.#hasPicture = true;
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
    const unit: RtpUnit = {
      data: this.#buffer.subarray(0, this.#length),
      rtpTime: this.#rtpTime,
      arrivedMs,
      keyframe: this.#keyframe,
      damaged: this.#damaged || this.#inFragment,
    };
    this.#length = 0;
    this.#hasPicture = false;
    this.#keyframe = false;
    this.#damaged = false;
    this.#inFragment = false;
    this.#onUnit(unit);
  }
}
