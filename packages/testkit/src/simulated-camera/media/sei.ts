import { escapeRbsp, nalRole, splitAnnexB, unescapeRbsp, type VideoCodec } from './nal.ts';

/**
 * Identifies the camera's message among SEI messages of type user_data_unregistered: UUID
 * 76696769-612d-7365-6e64-2d74696d6531, ASCII "vigia-send-time1". After the UUID it contains the CLOCK_MONOTONIC time
 * of sending in nanoseconds as an unsigned 64-bit big-endian integer.
 */
export const SEND_TIME_UUID: string = '76696769612d73656e642d74696d6531';

const UUID = Buffer.from(SEND_TIME_UUID, 'hex');
const USER_DATA_UNREGISTERED = 5;
const PAYLOAD_BYTES = UUID.byteLength + 8;

/** Headers of SEI NAL units; of H.265 that of a prefix SEI (type 39), layer 0, temporal layer 0. */
const HEADERS: Readonly<Record<VideoCodec, Buffer>> = { h264: Buffer.from([6]), h265: Buffer.from([39 << 1, 1]) };

/** An SEI NAL unit (no start code) with the time, in nanoseconds, 0..2^64-1. */
export function sendTimeSei(sentMonotonicNs: bigint, codec: VideoCodec = 'h264'): Buffer {
  const rbsp = Buffer.alloc(2 + PAYLOAD_BYTES + 1);
  rbsp[0] = USER_DATA_UNREGISTERED;
  rbsp[1] = PAYLOAD_BYTES;
  UUID.copy(rbsp, 2);
  rbsp.writeBigUInt64BE(sentMonotonicNs, 2 + UUID.byteLength);
  rbsp[rbsp.byteLength - 1] = 0x80; // stop bit, then alignment: it also keeps the NAL unit from ending in a zero
  return Buffer.concat([HEADERS[codec], escapeRbsp(rbsp)]);
}

/**
 * The send time written by the simulated camera into an H.264 or H.265 access unit (Annex B): CLOCK_MONOTONIC
 * nanoseconds, or undefined when there is none. Never throws, for any input.
 */
export function readSendTime(accessUnitAnnexB: Buffer): bigint | undefined {
  for (const nal of splitAnnexB(accessUnitAnnexB)) {
    // The codec is irrelevant: the UUID does not occur by chance.
    for (const codec of ['h264', 'h265'] as const) {
      if (nalRole(nal, codec) !== 'sei') continue;
      const found = findSendTime(unescapeRbsp(nal.subarray(HEADERS[codec].byteLength)));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function findSendTime(rbsp: Buffer): bigint | undefined {
  let at = 0;
  // An SEI NAL unit contains any number of messages; a further one has at least two bytes.
  while (at + 2 <= rbsp.byteLength) {
    const type = readExtended(rbsp, at);
    const size = readExtended(rbsp, type.next);
    const payload = rbsp.subarray(size.next, size.next + size.value);
    if (type.value === USER_DATA_UNREGISTERED && payload.byteLength >= PAYLOAD_BYTES) {
      if (payload.subarray(0, UUID.byteLength).equals(UUID)) return payload.readBigUInt64BE(UUID.byteLength);
    }
    at = size.next + size.value;
  }
  return undefined;
}

/** Type and size are sums: any number of 0xff bytes and one smaller byte. */
function readExtended(rbsp: Buffer, from: number): { value: number; next: number } {
  let value = 0;
  let at = from;
  for (; rbsp[at] === 0xff; at += 1) value += 0xff;
  return { value: value + (rbsp[at] ?? 0), next: at + 1 };
}
