import { isParameterSet, nalRole, type VideoCodec } from './nal.ts';

/** Bytes of an RTP header without extension and contributing sources (RFC 3550 5.1). */
export const RTP_HEADER_BYTES = 12;

/** Largest RTP payload by default, in bytes: fits an Ethernet frame with room for a tunnel. */
export const DEFAULT_MAX_PAYLOAD_BYTES = 1400;

const FU_A = 28;
const FU_H265 = 49;

/** Cuts one NAL unit into RTP payloads of at most `maxBytes`. A codec is one such function. */
export type Payloader = (nal: Buffer, maxBytes: number) => Buffer[];

/**
 * H.264 with packetization-mode=1 (RFC 6184): a NAL unit that fits is a payload of its own, a larger one becomes FU-A
 * fragments. A payload that needs no change shares the NAL unit's memory.
 */
export const h264Payloads: Payloader = (nal, maxBytes) => {
  const header = nal[0] ?? 0;
  return fragment(nal, maxBytes, 1, [(header & 0xe0) | FU_A], header & 0x1f);
};

/** H.265 (RFC 7798): a NAL unit that fits is a payload of its own, a larger one becomes fragmentation units (type 49). */
export const h265Payloads: Payloader = (nal, maxBytes) => {
  const [first = 0, second = 0] = nal;
  return fragment(nal, maxBytes, 2, [(first & 0x81) | (FU_H265 << 1), second], (first >> 1) & 0x3f);
};

/** The payloader of each codec. */
export const PAYLOADERS: Readonly<Record<VideoCodec, Payloader>> = { h264: h264Payloads, h265: h265Payloads };

/**
 * The same for both codecs: payload header, FU header with start and end bit and the type, then a part of the NAL
 * unit's body.
 */
function fragment(nal: Buffer, maxBytes: number, headerBytes: number, indicator: number[], type: number): Buffer[] {
  if (nal.byteLength <= maxBytes) return [nal];
  const out: Buffer[] = [];
  const chunk = maxBytes - headerBytes - 1;
  for (let at = headerBytes; at < nal.byteLength; at += chunk) {
    const start = at === headerBytes ? 0x80 : 0;
    const end = at + chunk >= nal.byteLength ? 0x40 : 0;
    out.push(Buffer.concat([Buffer.from([...indicator, start | end | type]), nal.subarray(at, at + chunk)]));
  }
  return out;
}

/** Which packets of an access unit have the marker bit: the last one, as it should be, the last of each slice, all, none. */
export const MARKERS = ['last', 'slices', 'packets', 'none'] as const;
/** One of {@link MARKERS}. */
export type Markers = (typeof MARKERS)[number];

/**
 * How parameter sets, and what else is in front of a picture, are packed: each NAL unit for itself, the same with a marker
 * bit on each parameter set, or all in one aggregate (STAP-A, AP).
 */
export const SET_PACKETS = ['own', 'marked', 'aggregated'] as const;
/** One of {@link SET_PACKETS}. */
export type SetPackets = (typeof SET_PACKETS)[number];

/** How access units become packets. */
export interface Packetization {
  /** Default `last`. */
  readonly markers?: Markers;
  /** Default `own`. */
  readonly sets?: SetPackets;
}

/** Parameters of a stream's packets. */
export interface RtpFormat {
  readonly payloadType: number;
  /** Default: H.264. */
  readonly codec?: VideoCodec;
}

/** A payload, and whether its packet ends a slice or a parameter set. */
interface Piece {
  readonly payload: Buffer;
  readonly endsSlice: boolean;
  readonly isSet: boolean;
}

/** NAL units in one payload, each after its size (RFC 6184 5.7.1, RFC 7798 4.4.2). */
function aggregate(nals: readonly Buffer[], codec: VideoCodec): Buffer {
  const sized = nals.flatMap((nal) => [Buffer.from([nal.byteLength >> 8, nal.byteLength & 0xff]), nal]);
  return Buffer.concat([codec === 'h264' ? Buffer.from([0x78]) : Buffer.from([0x60, 0x01]), ...sized]);
}

/** What an {@link RtpPacketizer} stamps on its packets. */
export interface RtpStreamOptions extends RtpFormat {
  readonly ssrc: number;
  /** Sequence number of the first packet, 0..65535. */
  readonly firstSequence: number;
  /** At least 4 bytes. Default {@link DEFAULT_MAX_PAYLOAD_BYTES}. */
  readonly maxPayloadBytes?: number;
  readonly packetization?: Packetization | undefined;
}

/** Packetizes access units into one RTP stream. Knows no socket and no time. */
export class RtpPacketizer {
  readonly #options: RtpStreamOptions & { readonly maxPayloadBytes: number };
  #format: Required<RtpFormat>;
  #sequence: number;
  #packets = 0;
  #octets = 0;

  constructor(options: RtpStreamOptions) {
    this.#options = { maxPayloadBytes: DEFAULT_MAX_PAYLOAD_BYTES, ...options };
    this.#format = { codec: 'h264', ...options };
    this.#sequence = options.firstSequence & 0xffff;
  }

  /** Changes the codec from the next packet on; sequence numbers and SSRC continue. */
  change(format: RtpFormat): void {
    this.#format = { codec: 'h264', ...format };
  }

  /** Sequence number of the next packet. */
  get nextSequence(): number {
    return this.#sequence;
  }

  /** Packets so far: the sender's packet count of RTCP. */
  get packets(): number {
    return this.#packets;
  }

  /** Payload bytes so far, without headers: the sender's octet count of RTCP. */
  get octets(): number {
    return this.#octets;
  }

  /**
   * One access unit: all packets have its time stamp, and the last one has the marker bit, unless the packetization says
   * otherwise. The packets belong to the caller.
   */
  packetize(nals: readonly Buffer[], rtpTime: number): Buffer[] {
    const pieces = this.#pieces(nals);
    return pieces.map((piece, i) => this.packet(piece.payload, rtpTime, this.#marks(piece, i === pieces.length - 1)));
  }

  #pieces(nals: readonly Buffer[]): Piece[] {
    const { codec } = this.#format;
    if (this.#options.packetization?.sets !== 'aggregated') return nals.flatMap((nal) => this.#cut(nal));
    const first = nals.findIndex((nal) => nalRole(nal, codec) === 'slice');
    const front = nals.slice(0, Math.max(0, first));
    const whole = aggregate(front, codec);
    if (front.length < 2 || whole.byteLength > this.#options.maxPayloadBytes)
      return nals.flatMap((nal) => this.#cut(nal));
    return [{ payload: whole, endsSlice: false, isSet: false }, ...nals.slice(first).flatMap((nal) => this.#cut(nal))];
  }

  #cut(nal: Buffer): Piece[] {
    const { codec } = this.#format;
    const payloads = PAYLOADERS[codec](nal, this.#options.maxPayloadBytes);
    const isSlice = nalRole(nal, codec) === 'slice';
    const isSet = isParameterSet(nal, codec);
    return payloads.map((payload, i) => ({ payload, endsSlice: isSlice && i === payloads.length - 1, isSet }));
  }

  #marks({ endsSlice, isSet }: Piece, last: boolean): boolean {
    const { markers = 'last', sets = 'own' } = this.#options.packetization ?? {};
    if (markers === 'packets') return true;
    return (sets === 'marked' && isSet) || (markers !== 'none' && last) || (markers === 'slices' && endsSlice);
  }

  /** One packet around an existing payload. */
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
