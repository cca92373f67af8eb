import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from '@vigia/base';
import { SourceError } from '#core/media';

/**
 * The kernel drops datagrams that do not fit, and a keyframe is a burst of hundreds. Bytes; the kernel may grant less.
 */
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** How many even ports to try. */
const TRIES = 32;
const FIRST_PORT = 20_000;
const LAST_PORT = 60_000;

/** Options of {@link UdpPorts}. */
export interface UdpPortsOptions {
  readonly clock: Clock;
  /** The camera's address. Datagrams from other addresses are ignored. */
  readonly peer: string;
  readonly onRtp: (packet: Buffer, readMs: number) => void;
  readonly onRtcp: (packet: Buffer, readMs: number) => void;
}

/** A pair of ports for one track: RTP on an even one, RTCP on the next (RFC 3550, 11). Owns both sockets. */
export class UdpPorts {
  readonly #rtp: Socket;
  readonly #rtcp: Socket;
  readonly #peer: string;
  #closed = false;

  private constructor(rtp: Socket, rtcp: Socket, peer: string) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#peer = peer;
  }

  /** Binds two adjacent ports. @throws SourceError `refused` when none are free. */
  static async open(options: UdpPortsOptions): Promise<UdpPorts> {
    const { clock, peer, onRtp, onRtcp } = options;
    const family = peer.includes(':') ? 'udp6' : 'udp4';
    const start = FIRST_PORT + Math.floor(Math.random() * ((LAST_PORT - FIRST_PORT) / 2)) * 2;
    for (let i = 0; i < TRIES; i += 1) {
      const port = FIRST_PORT + ((start - FIRST_PORT + i * 2) % (LAST_PORT - FIRST_PORT));
      const rtp = await bind(family, port);
      if (!rtp) continue;
      const rtcp = await bind(family, port + 1);
      if (!rtcp) {
        rtp.close();
        continue;
      }
      rtp.on('message', (packet, from) => {
        if (from.address === peer) onRtp(packet, clock.nowMs());
      });
      rtcp.on('message', (packet, from) => {
        if (from.address === peer) onRtcp(packet, clock.nowMs());
      });
      return new UdpPorts(rtp, rtcp, peer);
    }
    throw new SourceError('refused', `no two neighbouring UDP ports are free between ${FIRST_PORT} and ${LAST_PORT}`);
  }

  /** The even port. */
  get port(): number {
    return this.#rtp.address().port;
  }

  /** Sends two dummy datagrams, to open the way through a firewall that only admits answers. */
  punch(rtpPort: number, rtcpPort: number): void {
    this.#send(this.#rtp, Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), rtpPort);
    this.#send(this.#rtcp, Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 0]), rtcpPort);
  }

  sendRtcp(packet: Buffer, port: number): void {
    this.#send(this.#rtcp, packet, port);
  }

  /** Closes both sockets. Idempotent. @param farewell A last RTCP packet, sent to this port. */
  close(farewell: Buffer, port: number): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rtp.close();
    // The socket must not be closed before the packet is sent.
    if (isPort(port)) this.#rtcp.send(farewell, port, this.#peer, () => this.#rtcp.close());
    else this.#rtcp.close();
  }

  #send(socket: Socket, packet: Buffer, port: number): void {
    // A datagram that cannot be sent counts as lost.
    if (!this.#closed && isPort(port)) socket.send(packet, port, this.#peer, () => undefined);
  }
}

/** The camera may send any number. */
function isPort(port: number): boolean {
  return port > 0 && port <= 65_535;
}

function bind(family: 'udp4' | 'udp6', port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: family, recvBufferSize: RECEIVE_BUFFER });
    socket.once('error', () => {
      socket.close();
      resolve(undefined);
    });
    socket.bind(port, () => {
      socket.removeAllListeners('error');
      // "Port unreachable" for an earlier datagram. The silence timeout detects a camera that is gone.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}
