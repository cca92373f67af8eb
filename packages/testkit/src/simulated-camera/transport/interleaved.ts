import type { Socket } from 'node:net';
import type { MediaTransport, Negotiated, PortPair } from './media-transport.ts';
import { plainAddress } from './udp.ts';

/** RTP and RTCP inside of the RTSP connection (RFC 2326 10.12). It does not own the socket. */
export class InterleavedTransport implements MediaTransport {
  readonly negotiated: Negotiated;
  readonly #socket: Socket;
  readonly #channels: PortPair;

  constructor(socket: Socket, channels: PortPair) {
    this.#socket = socket;
    this.#channels = channels;
    const [local, remote] = [plainAddress(socket.localAddress), plainAddress(socket.remoteAddress)];
    this.negotiated = { protocol: 'tcp', channels, local, remote };
  }

  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  sendRtp(packets: readonly Buffer[]): number {
    // One write per unit: a write per packet costs a system call each and lets other replies in between.
    return this.#write(packets.flatMap((packet) => [interleavedHeader(this.#channels.rtp, packet.byteLength), packet]));
  }

  sendRtcp(packet: Buffer): number {
    return this.#write([interleavedHeader(this.#channels.rtcp, packet.byteLength), packet]);
  }

  sendStray(bytes: Buffer): number {
    return this.#write([bytes]);
  }

  sendHalf(packet: Buffer): number {
    const header = interleavedHeader(this.#channels.rtp, packet.byteLength);
    return this.#write([header, packet.subarray(0, packet.byteLength >> 1)]);
  }

  close(): void {
    // The socket belongs to the connection.
  }

  #write(parts: readonly Buffer[]): number {
    const framed = Buffer.concat(parts);
    if (!this.#socket.destroyed && !this.#socket.writableEnded) this.#socket.write(framed);
    return framed.byteLength;
  }
}

function interleavedHeader(channel: number, bytes: number): Buffer {
  return Buffer.from([0x24, channel, bytes >> 8, bytes & 0xff]);
}
