/** Bytes of an RTP header without extension and contributing sources (RFC 3550 5.1). */
export const RTP_HEADER_BYTES = 12;

/** Largest RTP payload by default, in bytes: fits an Ethernet frame with room for a tunnel. */
export const DEFAULT_MAX_PAYLOAD_BYTES = 1400;

const FU_A = 28;

/** Cuts one NAL unit into RTP payloads of at most `maxBytes`. A codec is one such function. */
export type Payloader = (nal: Buffer, maxBytes: number) => Buffer[];

/**
 * H.264 with packetization-mode=1 (RFC 6184): a NAL unit that fits is a payload of its own, a larger one becomes FU-A
 * fragments. A payload that needs no change shares the NAL unit's memory.
 */
export const h264Payloads: Payloader = (nal, maxBytes) => {
  if (nal.byteLength <= maxBytes) return [nal];
  const header = nal[0] ?? 0;
  const indicator = (header & 0xe0) | FU_A;
  const out: Buffer[] = [];
  const chunk = maxBytes - 2;
  for (let at = 1; at < nal.byteLength; at += chunk) {
    const start = at === 1 ? 0x80 : 0;
    const end = at + chunk >= nal.byteLength ? 0x40 : 0;
    const part = nal.subarray(at, at + chunk);
    const payload = Buffer.allocUnsafe(2 + part.byteLength);
    payload[0] = indicator;
    payload[1] = start | end | (header & 0x1f);
    part.copy(payload, 2);
    out.push(payload);
  }
  return out;
};

/** What is inside of the packets of a stream. */
export interface RtpFormat {
  readonly payloadType: number;
  /** Default: H.264. */
  readonly payloader?: Payloader;
}

/** What an {@link RtpPacketizer} stamps on its packets. */
export interface RtpStreamOptions extends RtpFormat {
  readonly ssrc: number;
  /** Sequence number of the first packet, 0..65535. */
  readonly firstSequence: number;
  /** At least 3 bytes. Default {@link DEFAULT_MAX_PAYLOAD_BYTES}. */
  readonly maxPayloadBytes?: number;
}

/** Turns access units into RTP packets of one stream. Knows no socket and no time. */
export class RtpPacketizer {
  readonly #options: Required<RtpStreamOptions>;
  #format: Required<RtpFormat>;
  #sequence: number;
  #packets = 0;
  #octets = 0;

  constructor(options: RtpStreamOptions) {
    this.#options = { payloader: h264Payloads, maxPayloadBytes: DEFAULT_MAX_PAYLOAD_BYTES, ...options };
    this.#format = this.#options;
    this.#sequence = options.firstSequence & 0xffff;
  }

  /** From the next packet on the stream holds something else; sequence numbers and SSRC go on. */
  change(format: RtpFormat): void {
    this.#format = { payloader: h264Payloads, ...format };
  }

  /** Sequence number of the packet that comes next. */
  get nextSequence(): number {
    return this.#sequence;
  }

  /** Packets made so far: the sender's packet count of RTCP. */
  get packets(): number {
    return this.#packets;
  }

  /** Payload bytes made so far, without headers: the sender's octet count of RTCP. */
  get octets(): number {
    return this.#octets;
  }

  /** One access unit: all packets have its time stamp, the last one has the marker bit. The packets are the caller's. */
  packetize(nals: readonly Buffer[], rtpTime: number): Buffer[] {
    const payloads = nals.flatMap((nal) => this.#format.payloader(nal, this.#options.maxPayloadBytes));
    return payloads.map((payload, i) => this.packet(payload, rtpTime, i === payloads.length - 1));
  }

  /** One packet around a payload that is ready. */
  packet(payload: Buffer, rtpTime: number, marker: boolean): Buffer {
    const packet = Buffer.allocUnsafe(RTP_HEADER_BYTES + payload.byteLength);
    packet[0] = 0x80;
    packet[1] = (marker ? 0x80 : 0) | this.#format.payloadType;
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE(rtpTime >>> 0, 4);
    packet.writeUInt32BE(this.#options.ssrc >>> 0, 8);
    payload.copy(packet, RTP_HEADER_BYTES);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#packets += 1;
    this.#octets += payload.byteLength;
    return packet;
  }
}
