/** NAL unit types of H.264 (ITU-T H.264 table 7-1) that the camera looks at. */
export const NAL_IDR = 5;
/** Supplemental enhancement information. */
export const NAL_SEI = 6;
/** Sequence parameter set. */
export const NAL_SPS = 7;
/** Picture parameter set. */
export const NAL_PPS = 8;
/** Access unit delimiter. */
export const NAL_AUD = 9;

const START_CODE = Buffer.from([0, 0, 0, 1]);

/** The type of a non-empty H.264 NAL unit, 0..31. */
export function nalType(nal: Buffer): number {
  return (nal[0] ?? 0) & 0x1f;
}

/** Whether the NAL unit holds picture data (slices: types 1 to 5). */
export function isVcl(nal: Buffer): boolean {
  const type = nalType(nal);
  return type >= 1 && type <= NAL_IDR;
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
