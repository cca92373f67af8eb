import type { Socket } from 'node:net';

/** Carries the packets of one session. It does not own what it writes to. */
export interface MediaTransport {
  /** Value of the `Transport` header without the SSRC. */
  readonly description: string;
  /** Bytes written and not yet taken by the network. */
  readonly backlogBytes: number;
  /** Sends the packets of one access unit. Returns the bytes written, framing included. */
  sendRtp(packets: readonly Buffer[]): number;
  /** Sends one compound RTCP packet. Returns the bytes written, framing included. */
  sendRtcp(packet: Buffer): number;
}

/** Interleaved channels of RTP and RTCP, 0..255 each. */
export interface InterleavedChannels {
  readonly rtp: number;
  readonly rtcp: number;
}

/**
 * The first RTP over TCP offer of a `Transport` header, or undefined when there is none that can be served. Channels that
 * the client does not choose are 0 and 1.
 */
export function parseInterleavedOffer(header: string): InterleavedChannels | undefined {
  for (const offer of header.split(',')) {
    const [protocol = '', ...parameters] = offer.split(';').map((part) => part.trim());
    if (protocol.toUpperCase() !== 'RTP/AVP/TCP') continue;
    const interleaved = parameters.find((parameter) => parameter.toLowerCase().startsWith('interleaved='));
    if (interleaved === undefined) return { rtp: 0, rtcp: 1 };
    const match = /^interleaved=(\d{1,3})(?:-(\d{1,3}))?$/i.exec(interleaved);
    const rtp = Number(match?.[1] ?? Number.NaN);
    const rtcp = Number(match?.[2] ?? rtp + 1);
    if (rtp <= 255 && rtcp <= 255 && rtp !== rtcp) return { rtp, rtcp };
  }
  return undefined;
}

/** RTP and RTCP inside of the RTSP connection (RFC 2326 10.12). */
export class InterleavedTransport implements MediaTransport {
  readonly description: string;
  readonly #socket: Socket;
  readonly #channels: InterleavedChannels;

  constructor(socket: Socket, channels: InterleavedChannels) {
    this.#socket = socket;
    this.#channels = channels;
    this.description = `RTP/AVP/TCP;unicast;interleaved=${channels.rtp}-${channels.rtcp}`;
  }

  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  sendRtp(packets: readonly Buffer[]): number {
    return this.#write(this.#channels.rtp, packets);
  }

  sendRtcp(packet: Buffer): number {
    return this.#write(this.#channels.rtcp, [packet]);
  }

  // One write per unit: a write per packet costs a system call each and lets other replies in between.
  #write(channel: number, packets: readonly Buffer[]): number {
    const framed = Buffer.concat(packets.flatMap((packet) => [interleavedHeader(channel, packet.byteLength), packet]));
    if (!this.#socket.destroyed) this.#socket.write(framed);
    return framed.byteLength;
  }
}

function interleavedHeader(channel: number, bytes: number): Buffer {
  return Buffer.from([0x24, channel, bytes >> 8, bytes & 0xff]);
}
