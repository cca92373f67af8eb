import { createSocket, type Socket } from 'node:dgram';
import { codeOf, VigiaError } from '@vigia/base';
import type { MediaTransport, Negotiated, PortPair } from './media-transport.ts';

/** Attempts to find a pair of neighbouring ports. */
const MAX_TRIES = 30;

/** What a {@link UdpTransport} needs. */
export interface UdpOptions {
  /** Address of this end of the RTSP connection: the source of the datagrams. */
  readonly local: string;
  /** Address of the other end: their only destination. */
  readonly remote: string;
  readonly client: PortPair;
  /** RTCP arrived from the client. */
  readonly onRtcp: (packet: Buffer) => void;
}

/**
 * RTP and RTCP as datagrams from an own pair of neighbouring ports, the even one for RTP (RFC 3550 11). All packets of
 * a frame are sent at once: a keyframe may exceed a client's socket buffer, as with real cameras.
 */
export class UdpTransport implements MediaTransport {
  readonly negotiated: Negotiated;
  readonly #rtp: Socket;
  readonly #rtcp: Socket;
  readonly #options: UdpOptions;
  #closed = false;

  private constructor(options: UdpOptions, rtp: Socket, rtcp: Socket) {
    this.#options = options;
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    const { local, remote, client } = options;
    const server = { rtp: rtp.address().port, rtcp: rtcp.address().port };
    this.negotiated = { protocol: 'udp', client, server, local, remote };
    // A client with a closed port is not worth a report: cameras keep sending.
    for (const socket of [rtp, rtcp]) socket.on('error', () => {});
    rtcp.on('message', (packet, from) => {
      if (plainAddress(from.address) === remote) options.onRtcp(packet);
    });
  }

  /**
   * Binds the ports. The caller closes the transport.
   *
   * @throws VigiaError `no_udp_ports`; nothing is left bound then.
   */
  static async open(options: UdpOptions): Promise<UdpTransport> {
    let cause: unknown;
    for (let i = 0; i < MAX_TRIES; i += 1) {
      const first = createSocket(options.local.includes(':') ? 'udp6' : 'udp4');
      const second = createSocket(options.local.includes(':') ? 'udp6' : 'udp4');
      try {
        const port = await bind(first, options.local, 0);
        await bind(second, options.local, port % 2 === 0 ? port + 1 : port - 1);
        const [rtp, rtcp] = port % 2 === 0 ? [first, second] : [second, first];
        return new UdpTransport(options, rtp, rtcp);
      } catch (error) {
        first.close();
        second.close();
        cause = error;
        if (codeOf(error) !== 'EADDRINUSE') break;
      }
    }
    const message = `no two neighbouring UDP ports of ${options.local} are free: an even one and the next are needed`;
    throw new VigiaError('no_udp_ports', message, { cause });
  }

  get backlogBytes(): number {
    return this.#closed ? 0 : this.#rtp.getSendQueueSize();
  }

  sendRtp(packets: readonly Buffer[]): number {
    let bytes = 0;
    for (const packet of packets) bytes += this.#send(this.#rtp, packet, this.#options.client.rtp);
    return bytes;
  }

  sendRtcp(packet: Buffer): number {
    return this.#send(this.#rtcp, packet, this.#options.client.rtcp);
  }

  sendStray(): number {
    return 0;
  }

  sendHalf(): number {
    return 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rtp.close();
    this.#rtcp.close();
  }

  #send(socket: Socket, packet: Buffer, port: number): number {
    if (this.#closed) return 0;
    // Without a callback an error would be emitted as an event; packets may get lost.
    socket.send(packet, port, this.#options.remote, () => {});
    return packet.byteLength;
  }
}

function bind(socket: Socket, address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket.address().port);
    });
  });
}

/** An address without the IPv4-mapped prefix of dual-stack sockets; empty when unknown. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
}
