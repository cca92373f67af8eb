/** Codecs that a camera can play. */
export type VideoCodec = 'h264' | 'h265';

/** Roles of NAL units that the camera distinguishes. */
export type NalRole = 'slice' | 'vps' | 'sps' | 'pps' | 'sei' | 'delimiter' | 'other';

/** Types of H.264 (ITU-T H.264 table 7-1); slices are 1 to 5. */
const H264_ROLES: Readonly<Record<number, NalRole>> = { 6: 'sei', 7: 'sps', 8: 'pps', 9: 'delimiter' };
/** Types of H.265 (ITU-T H.265 table 7-1); slices are 0 to 31. */
const H265_ROLES: Readonly<Record<number, NalRole>> = { 32: 'vps', 33: 'sps', 34: 'pps', 35: 'delimiter', 39: 'sei' };

const START_CODE = Buffer.from([0, 0, 0, 1]);

/** The type of a non-empty NAL unit: 0..31 in H.264, 0..63 in H.265. */
export function nalType(nal: Buffer, codec: VideoCodec = 'h264'): number {
  const first = nal[0] ?? 0;
  return codec === 'h264' ? first & 0x1f : (first >> 1) & 0x3f;
}

/** The role of a NAL unit. */
export function nalRole(nal: Buffer, codec: VideoCodec): NalRole {
  const type = nalType(nal, codec);
  if (codec === 'h264') return type >= 1 && type <= 5 ? 'slice' : (H264_ROLES[type] ?? 'other');
  return type < 32 ? 'slice' : (H265_ROLES[type] ?? 'other');
}

/** Whether it is a parameter set. */
export function isParameterSet(nal: Buffer, codec: VideoCodec): boolean {
  return ['vps', 'sps', 'pps'].includes(nalRole(nal, codec));
}

/** Joins NAL units with 4-byte start codes. Copies. */
export function toAnnexB(nals: readonly Buffer[]): Buffer {
  return Buffer.concat(nals.flatMap((nal) => [START_CODE, nal]));
}

/**
 * Cuts an Annex-B byte stream into NAL units without start codes and without trailing zero bytes. The views share the
 * input's memory. Bytes before the first start code are ignored.
 */
export function splitAnnexB(stream: Buffer): Buffer[] {
  const out: Buffer[] = [];
  let begin = -1;
  for (let at = stream.indexOf('000001', 0, 'hex'); at >= 0; at = stream.indexOf('000001', at + 3, 'hex')) {
    if (begin >= 0) pushTrimmed(out, stream.subarray(begin, at));
    begin = at + 3;
  }
  if (begin >= 0) pushTrimmed(out, stream.subarray(begin));
  return out;
}

// The first zero of a 4-byte start code belongs to no NAL unit, and a NAL unit never ends in a zero byte.
function pushTrimmed(out: Buffer[], nal: Buffer): void {
  let end = nal.byteLength;
  while (end > 0 && nal[end - 1] === 0) end -= 1;
  if (end > 0) out.push(nal.subarray(0, end));
}

/**
 * Cuts length-prefixed NAL units (the packets of an MP4). The views share the input's memory.
 *
 * @param lengthBytes Size of each length, 1..4.
 * @returns undefined when a length points outside of the packet.
 */
export function splitLengthPrefixed(packet: Buffer, lengthBytes: number): Buffer[] | undefined {
  const out: Buffer[] = [];
  for (let at = 0; at < packet.byteLength; ) {
    if (at + lengthBytes > packet.byteLength) return undefined;
    const size = packet.readUIntBE(at, lengthBytes);
    const begin = at + lengthBytes;
    if (begin + size > packet.byteLength) return undefined;
    if (size > 0) out.push(packet.subarray(begin, begin + size));
    at = begin + size;
  }
  return out;
}

/** Adds emulation prevention (H.264 7.4.1): 00 00 followed by a byte of 0..3 gets an 03 in between. Copies. */
export function escapeRbsp(rbsp: Buffer): Buffer {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of rbsp) {
    if (zeros >= 2 && byte <= 3) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Buffer.from(out);
}

/** Removes emulation prevention. Copies. */
export function unescapeRbsp(escaped: Buffer): Buffer {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of escaped) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Buffer.from(out);
}
