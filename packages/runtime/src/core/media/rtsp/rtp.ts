/** The header of an RTP packet (RFC 3550, 5.1) and the position of its payload. Each track reuses one object. */
export interface RtpHeader {
  marker: boolean;
  payloadType: number;
  /** 16 bits. */
  sequence: number;
  /** 32 bits, ticks of the track's clock. */
  timestamp: number;
  ssrc: number;
  /** Offsets in the packet; the end is exclusive and excludes padding. */
  payloadStart: number;
  payloadEnd: number;
}

/** A header object for {@link readRtpHeader}. */
export function emptyRtpHeader(): RtpHeader {
  return { marker: false, payloadType: 0, sequence: 0, timestamp: 0, ssrc: 0, payloadStart: 0, payloadEnd: 0 };
}

/**
 * Parses header, CSRC list, extension and padding into `out`. Returns false for a packet that is not RTP or is
 * truncated.
 */
export function readRtpHeader(packet: Buffer, out: RtpHeader): boolean {
  if (packet.byteLength < 12) return false;
  const first = packet[0] as number;
  if (first >> 6 !== 2) return false;
  const second = packet[1] as number;
  let start = 12 + (first & 0x0f) * 4;
  if (first & 0x10) {
    if (packet.byteLength < start + 4) return false;
    start += 4 + packet.readUInt16BE(start + 2) * 4;
  }
  const padding = first & 0x20 ? (packet[packet.byteLength - 1] as number) : 0;
  const end = packet.byteLength - padding;
  if (start > end) return false;
  out.marker = (second & 0x80) !== 0;
  out.payloadType = second & 0x7f;
  out.sequence = packet.readUInt16BE(2);
  out.timestamp = packet.readUInt32BE(4);
  out.ssrc = packet.readUInt32BE(8);
  out.payloadStart = start;
  out.payloadEnd = end;
  return true;
}

/** Unwraps 32-bit RTP time. A step of more than half the range counts as backwards. */
export class RtpTimeline {
  #last: number | undefined;
  #unwrapped = 0;

  /** Ticks since an arbitrary origin (the first time stamp itself). */
  unwrap(timestamp: number): number {
    this.#unwrapped = this.near(timestamp);
    this.#last = timestamp;
    return this.#unwrapped;
  }

  /**
   * Unwraps a time stamp that is not part of the stream, such as that of a sender report. Does not change the timeline.
   */
  near(timestamp: number): number {
    return this.#last === undefined ? timestamp : this.#unwrapped + ((timestamp - this.#last) | 0);
  }
}
