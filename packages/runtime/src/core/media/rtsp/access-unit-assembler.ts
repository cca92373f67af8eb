import type { RecoveryPoint } from '#core/media';
import { UnitInspector } from '#core/media/bitstream';
import { NAL_FOREIGN, NAL_PICTURE, NAL_PREFIX, type NalFormat, nalHeader, type NalSink } from './nal-format.ts';
import type { RtpHeader } from './rtp.ts';

/** Largest access unit in bytes; a larger one is dropped and counts as damaged. */
export const ACCESS_UNIT_LIMIT: number = 8 * 1024 * 1024;

/** An access unit of an RTP stream. Its time stamp is not unwrapped yet. The other properties are those of `AccessUnit`. */
export interface RtpUnit {
  /** Annex B. Borrowed: valid until the callback returns. */
  readonly data: Buffer;
  /** 32-bit RTP time. */
  readonly rtpTime: number;
  /** When the bytes that completed it were read. Monotonic milliseconds. */
  readonly arrivedMs: number;
  readonly keyframe: boolean;
  readonly damaged: boolean;
  readonly afterLoss: boolean;
  readonly recovery: RecoveryPoint | undefined;
  readonly reference: boolean;
  readonly doubt: 'unproved' | 'repeated' | undefined;
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
 * **Markers that lie.** Some cameras set the marker on every packet, or on every slice. A marker inside a fragmented NAL
 * unit ends nothing. When a slice that does not begin a picture follows a marker with the same time stamp, markers are
 * ignored from then on: units end at the next time stamp, one interval later, but whole. The unit that was ended too early
 * is continued and delivered again, so that it is not lost; the decoder has noticed by itself that slices were missing. The
 * decoder of H.265 does not notice that: there, units end at the next time stamp until a marker has proved right once, which
 * costs the pictures up to the first keyframe of a connection one interval. Only a picture that could have shown a lie
 * proves one: of several slices in several packets, or a keyframe that is one slice although it needs several packets. A
 * small picture of one slice is no proof for large ones.
 *
 * **Losses.** A gap damages the unit it is in, and one that no marker ended before it. The unit after the gap is whole when
 * it begins with what only comes first in a unit; it is `afterLoss` in any case.
 *
 * Bytes are copied once, into one buffer that grows and is reused.
 */
export class AccessUnitAssembler {
  readonly #format: NalFormat;
  readonly #onUnit: (unit: RtpUnit) => void;
  readonly #sink: NalSink;
  readonly #inspector: UnitInspector;
  #buffer: Buffer = Buffer.allocUnsafe(256 * 1024);
  #length = 0;
  #rtpTime = 0;
  #nextSequence = -1;
  #hasPicture = false;
  #damaged = false;
  #afterLoss = false;
  /** Inside a fragmented NAL unit whose start was received. */
  #inFragment = false;
  /** A marker ended the unit, and it was delivered. Its bytes are kept until the next NAL unit shows that it was the end. */
  #ended = false;
  /** Packets are missing before the next NAL unit. */
  #afterGap = false;
  #ssrc = 0;
  /** When the previous packet was read. */
  #lastMs = 0;
  /** The previous packet had a marker, and nothing is missing after it. */
  #afterMarker = false;
  /** A packet before the present one has a slice of the unit. */
  #pictureBegan = false;
  /** The unit has slices in several packets, or one slice in several. */
  #manySlices = false;
  #longSlice = false;
  #markersProved = false;
  #markersLie = false;
  #doubt: RtpUnit['doubt'];
  /** RTP packets that never arrived. */
  lostPackets = 0;
  /** Consecutive NAL units that are invalid for this codec. */
  foreignInARow = 0;

  constructor(format: NalFormat, onUnit: (unit: RtpUnit) => void) {
    this.#format = format;
    this.#onUnit = onUnit;
    this.#inspector = new UnitInspector(format.codec);
    this.#sink = {
      nal: (packet, start, end) => this.#nal(packet, start, end),
      first: (header, packet, start, end) => this.#first(header, packet, start, end),
      next: (packet, start, end) => this.#next(packet, start, end),
      last: () => {
        this.#inFragment = false;
      },
      bad: () => {
        this.#leaveEnded();
        this.#damaged = true;
        this.foreignInARow += 1;
      },
    };
  }

  /** Takes one RTP packet. `arrivedMs`: when it was read. */
  push(packet: Buffer, header: RtpHeader, arrivedMs: number): void {
    const restarted = header.ssrc !== this.#ssrc && this.#nextSequence >= 0;
    // Another sender, or a restarted one: its sequence numbers are unrelated to the previous ones.
    if (restarted) this.#nextSequence = -1;
    this.#ssrc = header.ssrc;
    const ahead = this.#ahead(header.sequence);
    // A duplicate, or a packet that comes too late. The gap has already been counted.
    if (ahead < 0) return;
    if (ahead > 0 || restarted) this.#lose();
    if (header.timestamp !== this.#rtpTime) this.#endByTime();
    this.#rtpTime = header.timestamp;
    if (header.payloadEnd > header.payloadStart)
      this.#format.read(packet, header.payloadStart, header.payloadEnd, this.#sink);
    this.#afterMarker = header.marker;
    this.#pictureBegan = this.#hasPicture;
    if (header.marker) this.#endByMarker(arrivedMs);
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

  /** Packets are missing: of the unit that is open, if one is, and perhaps of the next one. */
  #lose(): void {
    this.#leaveEnded();
    if (this.#hasPicture || this.#length > 0) this.#damaged = true;
    this.#inFragment = false;
    this.#afterGap = true;
    this.#afterMarker = false;
    this.#afterLoss = true;
  }

  /** A packet has another time stamp: it belongs to another unit. */
  #endByTime(): void {
    // The last bytes of that unit came with the previous packet.
    if (this.#hasPicture && !this.#ended) this.#emit(this.#lastMs);
    else if (this.#damaged && !this.#ended) {
      // The picture is lost. What was in front of it would describe another one.
      this.#afterLoss = true;
      this.#ended = true;
    }
    if (this.#afterMarker && this.#hasPicture && !this.#damaged && !this.#inFragment) this.#prove();
    this.#afterMarker = false;
    this.#leaveEnded();
  }

  /** A marker was followed by another time stamp. The unit was delivered: the inspector knows it. */
  #prove(): void {
    if (this.#manySlices || (this.#longSlice && this.#inspector.keyframe)) this.#markersProved = true;
  }

  #endByMarker(arrivedMs: number): void {
    if (!this.#hasPicture || this.#ended || this.#inFragment || this.#markersLie) return;
    if (!this.#markersProved) {
      if (!this.#format.noticesMissingSlices) return;
      this.#doubt = 'unproved';
    }
    this.#emit(arrivedMs);
  }

  /** Forgets a unit that was delivered: the next NAL unit begins another one. */
  #leaveEnded(): void {
    if (!this.#ended) return;
    this.#ended = false;
    this.#reset();
  }

  #nal(packet: Buffer, start: number, end: number): void {
    if (end - start <= this.#format.headerBytes) {
      this.#leaveEnded();
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
    this.#leaveEnded();
    if (this.#inFragment) {
      this.#longSlice ||= this.#pictureBegan;
      this.#append(packet, start, end);
      return;
    }
    // A fragment without its start cannot be assigned to a NAL unit. Nearly always it is a slice: the unit ends with it.
    this.#hasPicture = true;
    this.#damaged = true;
  }

  /**
   * @param first The byte after the header. In a slice of either codec, its top bit marks the first slice of a picture.
   */
  #begin(header: number, first: number): void {
    const kind = this.#format.kindOf(header);
    const opens = (kind & NAL_PICTURE) !== 0 && (first & 0x80) !== 0;
    const continues = (kind & NAL_PICTURE) !== 0 && !opens;
    if (continues && this.#hasPicture && this.#afterMarker) this.#catchLie();
    else this.#leaveEnded();
    if (this.#afterGap && !opens && !(kind & NAL_PREFIX)) this.#damaged = true;
    this.#afterGap = false;
    if (kind & NAL_FOREIGN) {
      this.#damaged = true;
      this.foreignInARow += 1;
    } else this.foreignInARow = 0;
    if (continues && !this.#hasPicture) this.#damaged = true;
    if (continues && this.#pictureBegan) this.#manySlices = true;
    if (kind & NAL_PICTURE) this.#hasPicture = true;
    const { headerBytes } = this.#format;
    if (!this.#reserve(START_CODE_BYTES + headerBytes)) return;
    this.#buffer.writeUInt32BE(1, this.#length);
    this.#buffer.writeUIntBE(header, this.#length + START_CODE_BYTES, headerBytes);
    this.#length += START_CODE_BYTES + headerBytes;
  }

  /** A marker was inside a picture: its unit goes on. */
  #catchLie(): void {
    this.#markersLie = true;
    if (this.#ended) this.#doubt = 'repeated';
    this.#ended = false;
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

  /** Delivers the unit. Its bytes stay until `#leaveEnded`. */
  #emit(arrivedMs: number): void {
    const damaged = this.#damaged || this.#inFragment;
    const afterLoss = this.#afterLoss;
    this.#ended = true;
    // Without a byte there is nothing to deliver, but something is lost.
    this.#afterLoss = damaged;
    if (this.#length === 0) return;
    const data = this.#buffer.subarray(0, this.#length);
    const inspector = this.#inspector;
    inspector.inspect(data);
    const { keyframe, recovery, reference } = inspector;
    const doubt = this.#doubt;
    this.#doubt = undefined;
    this.#onUnit({ data, rtpTime: this.#rtpTime, arrivedMs, keyframe, damaged, afterLoss, recovery, reference, doubt });
  }

  #reset(): void {
    this.#doubt = undefined;
    this.#length = 0;
    this.#hasPicture = false;
    this.#pictureBegan = false;
    this.#manySlices = false;
    this.#longSlice = false;
    this.#damaged = false;
    this.#inFragment = false;
  }
}
