const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const BYE = 203;
const CNAME = 1;
/** Seconds between 1900 (NTP) and 1970 (Unix). */
const NTP_OFFSET_S = 2_208_988_800;

/** Content of a sender report: one moment on the wall clock and on the RTP clock, and the totals up to it. */
export interface SenderReport {
  readonly ssrc: number;
  /** Milliseconds since 1970, UTC. */
  readonly wallMs: number;
  readonly rtpTime: number;
  readonly packets: number;
  /** Payload bytes. */
  readonly octets: number;
}

/** A compound RTCP packet: sender report, then the source description with CNAME that RFC 3550 6.1 demands beside it. */
export function senderReportPacket(report: SenderReport, cname: string): Buffer {
  const out = Buffer.alloc(28);
  out[0] = 0x80;
  out[1] = SENDER_REPORT;
  out.writeUInt16BE(6, 2);
  out.writeUInt32BE(report.ssrc >>> 0, 4);
  const seconds = Math.floor(report.wallMs / 1000);
  const fraction = Math.floor(((report.wallMs - seconds * 1000) / 1000) * 2 ** 32);
  out.writeUInt32BE((seconds + NTP_OFFSET_S) % 2 ** 32, 8);
  out.writeUInt32BE(fraction, 12);
  out.writeUInt32BE(report.rtpTime >>> 0, 16);
  out.writeUInt32BE(report.packets % 2 ** 32, 20);
  out.writeUInt32BE(report.octets % 2 ** 32, 24);
  return Buffer.concat([out, sourceDescription(report.ssrc, cname)]);
}

function sourceDescription(ssrc: number, cname: string): Buffer {
  const name = Buffer.from(cname, 'ascii');
  // Header, SSRC, item (type, length, text), then at least one zero that ends the list, up to a multiple of 4.
  const size = Math.ceil((8 + 2 + name.byteLength + 1) / 4) * 4;
  const out = Buffer.alloc(size);
  out[0] = 0x81;
  out[1] = SOURCE_DESCRIPTION;
  out.writeUInt16BE(size / 4 - 1, 2);
  out.writeUInt32BE(ssrc >>> 0, 4);
  out[8] = CNAME;
  out[9] = name.byteLength;
  name.copy(out, 10);
  return out;
}

/** Appends a BYE (RFC 3550 6.6) to a compound packet. Copies. */
export function withBye(compound: Buffer, ssrc: number): Buffer {
  const bye = Buffer.alloc(8);
  bye[0] = 0x81;
  bye[1] = BYE;
  bye.writeUInt16BE(1, 2);
  bye.writeUInt32BE(ssrc >>> 0, 4);
  return Buffer.concat([compound, bye]);
}

/** Number of receiver reports in a compound RTCP packet: its packets of type 201. Never throws, for any input. */
export function countReceiverReports(compound: Buffer): number {
  let count = 0;
  for (let at = 0; at + 4 <= compound.byteLength; at += (compound.readUInt16BE(at + 2) + 1) * 4) {
    if (compound[at + 1] === RECEIVER_REPORT) count += 1;
  }
  return count;
}
