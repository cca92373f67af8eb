/** Properties of a NAL unit, as bits. A slice of a picture. */
export const NAL_PICTURE = 1;
/** Comes before the first slice of its picture, if at all: nothing of a picture that begins with one is missing. */
export const NAL_PREFIX = 2;
/** Invalid for this codec: the stream uses another one. */
export const NAL_FOREIGN = 4;

/** Receives the pieces of NAL units. Buffers are borrowed. */
export interface NalSink {
  /** A whole NAL unit with its header. */
  nal(packet: Buffer, start: number, end: number): void;
  /** The first piece of a NAL unit with this header. The piece does not include the header. */
  first(header: number, packet: Buffer, start: number, end: number): void;
  /** Another piece. */
  next(packet: Buffer, start: number, end: number): void;
  /** The NAL unit is complete. */
  last(): void;
  /** The payload is malformed. */
  bad(): void;
}

/** The NAL unit header of a codec, and its RTP packetization. */
export interface NalFormat {
  readonly codec: 'h264' | 'hevc';
  /** Whether the decoder notices that slices of a picture are missing. */
  readonly noticesMissingSlices: boolean;
  /** Size of the NAL unit header. */
  readonly headerBytes: 1 | 2;
  /** Bits of `NAL_…` for a NAL unit with this header. */
  kindOf(header: number): number;
  /** Splits an RTP payload into NAL units. */
  read(packet: Buffer, start: number, end: number, sink: NalSink): void;
}

/** Reads the header of a NAL unit. */
export function nalHeader(format: NalFormat, packet: Buffer, start: number): number {
  return format.headerBytes === 1 ? (packet[start] as number) : packet.readUInt16BE(start);
}

/** Aggregated NAL units, each after its 16-bit size (RFC 6184 5.7.1, RFC 7798 4.4.2). */
function aggregate(packet: Buffer, from: number, end: number, least: number, sink: NalSink): void {
  let at = from;
  while (at + 2 < end) {
    const size = packet.readUInt16BE(at);
    at += 2;
    if (size < least || at + size > end) {
      sink.bad();
      return;
    }
    sink.nal(packet, at, at + size);
    at += size;
  }
}

/** H.264 by RFC 6184: single NAL units, STAP-A, FU-A. */
export const H264: NalFormat = {
  codec: 'h264',
  noticesMissingSlices: true,
  headerBytes: 1,
  kindOf(header) {
    const type = header & 0x1f;
    if (type >= 1 && type <= 5) return NAL_PICTURE;
    // SEI, SPS, PPS, delimiter (7.4.1.2.3).
    if (type >= 6 && type <= 9) return NAL_PREFIX;
    return type === 0 || type > 23 ? NAL_FOREIGN : 0;
  },
  read(packet, start, end, sink) {
    const indicator = packet[start] as number;
    const type = indicator & 0x1f;
    if (type >= 1 && type <= 23) sink.nal(packet, start, end);
    else if (type === 24) aggregate(packet, start + 1, end, 1, sink);
    else if (type !== 28 || end - start < 3) sink.bad();
    else {
      const fu = packet[start + 1] as number;
      if (fu & 0x80) sink.first((indicator & 0xe0) | (fu & 0x1f), packet, start + 2, end);
      else sink.next(packet, start + 2, end);
      if (fu & 0x40) sink.last();
    }
  },
};

/** H.265 by RFC 7798: single NAL units, aggregation packets, fragmentation units; without decoding order numbers. */
export const H265: NalFormat = {
  codec: 'hevc',
  noticesMissingSlices: false,
  headerBytes: 2,
  kindOf(header) {
    const type = (header >> 9) & 0x3f;
    if (type <= 9 || (type >= 16 && type <= 21)) return NAL_PICTURE;
    // VPS, SPS, PPS, delimiter, SEI before the picture (7.4.2.4.4).
    if ((type >= 32 && type <= 35) || type === 39) return NAL_PREFIX;
    return (header & 0x8000) !== 0 || (type >= 41 && type <= 47) || type > 49 ? NAL_FOREIGN : 0;
  },
  read(packet, start, end, sink) {
    if (end - start < 3) {
      sink.bad();
      return;
    }
    const header = packet.readUInt16BE(start);
    const type = (header >> 9) & 0x3f;
    if (type < 48) sink.nal(packet, start, end);
    else if (type === 48) aggregate(packet, start + 2, end, 2, sink);
    else if (type !== 49 || end - start < 4) sink.bad();
    else {
      const fu = packet[start + 2] as number;
      if (fu & 0x80) sink.first((header & 0x81ff) | ((fu & 0x3f) << 9), packet, start + 3, end);
      else sink.next(packet, start + 3, end);
      if (fu & 0x40) sink.last();
    }
  },
};
