/** The clock pair of a sender report (RFC 3550, 6.4.1). */
export interface SenderReport {
  readonly ssrc: number;
  /** The sender's wall clock, milliseconds since 1970. It may be wrong. */
  readonly ntpMs: number;
  /** The middle 32 bits of the NTP time, which a receiver report echoes. */
  readonly ntpMiddle: number;
  /** The 32-bit RTP time of the same moment. */
  readonly rtpTime: number;
}

/** The content of a compound RTCP packet. */
export interface RtcpContent {
  readonly report: SenderReport | undefined;
  /** The SSRCs of senders that leave. */
  readonly byes: readonly number[];
}

const NTP_TO_UNIX_S = 2_208_988_800;
const NOBODY: readonly number[] = [];

/**
 * Parses a compound packet up to the first malformed part.
 *
 * @param sender The SSRC whose report is wanted; undefined: the last one of any.
 */
export function parseRtcp(packet: Buffer, sender?: number): RtcpContent {
  let report: SenderReport | undefined;
  let byes = NOBODY;
  for (let at = 0; at + 8 <= packet.byteLength; ) {
    if ((packet[at] as number) >> 6 !== 2) break;
    const type = packet[at + 1];
    const size = (packet.readUInt16BE(at + 2) + 1) * 4;
    if (at + size > packet.byteLength) break;
    if (type === 200 && size >= 28) {
      if (sender === undefined || sender === packet.readUInt32BE(at + 4)) report = reportOf(packet, at);
    } else if (type === 203) byes = byes.concat(leavingOf(packet, at, size));
    at += size;
  }
  return { report, byes };
}

function reportOf(packet: Buffer, at: number): SenderReport {
  const seconds = packet.readUInt32BE(at + 8);
  const fraction = packet.readUInt32BE(at + 12);
  return {
    ssrc: packet.readUInt32BE(at + 4),
    ntpMs: (seconds - NTP_TO_UNIX_S) * 1000 + (fraction / 2 ** 32) * 1000,
    ntpMiddle: packet.readUInt32BE(at + 10),
    rtpTime: packet.readUInt32BE(at + 16),
  };
}

/** The list of a BYE (RFC 3550, 6.6): as many SSRCs as it counts and holds. */
function leavingOf(packet: Buffer, at: number, size: number): number[] {
  const count = Math.min((packet[at] as number) & 0x1f, size / 4 - 1);
  return Array.from({ length: count }, (_, n) => packet.readUInt32BE(at + 4 + 4 * n));
}

/** A receiver's statistics about one sender. */
export interface ReceiverState {
  readonly ownSsrc: number;
  readonly senderSsrc: number;
  /** With the number of wraps in the upper 16 bits. */
  readonly highestSequence: number;
  /** Packets lost so far. */
  readonly lost: number;
  /** Share of packets lost since the last report, in 256ths. */
  readonly fractionLost: number;
  readonly jitterTicks: number;
  /** From the last sender report; 0 without one. */
  readonly lastReportMiddle: number;
  /** Milliseconds since that report arrived. */
  readonly sinceLastReportMs: number;
}

const CNAME = 'vigia';

/**
 * Builds a compound packet of a receiver report and a CNAME (RFC 3550, 6.1 and 6.4.2). It also keeps the session alive
 * with cameras that ignore other signs of life.
 */
export function buildReceiverReport(state: ReceiverState): Buffer {
  const out = Buffer.alloc(32 + 16);
  out[0] = 0x81;
  out[1] = 201;
  out.writeUInt16BE(7, 2);
  out.writeUInt32BE(state.ownSsrc, 4);
  out.writeUInt32BE(state.senderSsrc, 8);
  out[12] = state.fractionLost & 0xff;
  out.writeUIntBE(Math.max(0, Math.min(state.lost, 0x7f_ffff)), 13, 3);
  out.writeUInt32BE(state.highestSequence >>> 0, 16);
  out.writeUInt32BE(state.jitterTicks >>> 0, 20);
  out.writeUInt32BE(state.lastReportMiddle, 24);
  out.writeUInt32BE(Math.round((state.sinceLastReportMs / 1000) * 65_536) >>> 0, 28);
  // SDES with one CNAME: a header of 4 bytes, the SSRC, the item, and zeros up to a multiple of 4.
  out[32] = 0x81;
  out[33] = 202;
  out.writeUInt16BE(3, 34);
  out.writeUInt32BE(state.ownSsrc, 36);
  out[40] = 1;
  out[41] = CNAME.length;
  out.write(CNAME, 42, 'latin1');
  return out;
}

/** Builds a BYE (RFC 3550, 6.6). Over UDP it may be the only sign to the camera that the client has left. */
export function buildBye(ownSsrc: number): Buffer {
  const out = Buffer.alloc(8);
  out[0] = 0x81;
  out[1] = 203;
  out.writeUInt16BE(1, 2);
  out.writeUInt32BE(ownSsrc, 4);
  return out;
}
