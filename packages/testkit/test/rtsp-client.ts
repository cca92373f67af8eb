// A small RTSP client for tests of the simulated camera: strict about framing, and nothing else.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** A reply of the camera. */
export interface Reply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** One RTP packet, header fields decoded. */
export interface RtpPacket {
  readonly marker: boolean;
  readonly payloadType: number;
  readonly sequence: number;
  readonly rtpTime: number;
  readonly ssrc: number;
  readonly payload: Buffer;
}

/** The packets up to a marker bit. */
export interface ReceivedUnit {
  readonly rtpTime: number;
  readonly packets: readonly RtpPacket[];
  readonly nals: readonly Buffer[];
}

/** Decodes an RTP packet; throws on anything but a plain 12-byte header. */
export function parseRtp(packet: Buffer): RtpPacket {
  if (packet[0] !== 0x80) throw new Error(`unexpected first RTP byte ${packet[0]}`);
  const second = packet[1] as number;
  return {
    marker: (second & 0x80) !== 0,
    payloadType: second & 0x7f,
    sequence: packet.readUInt16BE(2),
    rtpTime: packet.readUInt32BE(4),
    ssrc: packet.readUInt32BE(8),
    payload: packet.subarray(12),
  };
}

/** Assembles single NAL unit packets and fragments (FU-A, FU 49); throws when a fragment is out of place. */
export function reassemble(payloads: readonly Buffer[], codec: 'h264' | 'h265' = 'h264'): Buffer[] {
  const nals: Buffer[] = [];
  let parts: Buffer[] | undefined;
  const headerBytes = codec === 'h264' ? 1 : 2;
  for (const payload of payloads) {
    const first = payload[0] as number;
    const isFragment = codec === 'h264' ? (first & 0x1f) === 28 : ((first >> 1) & 0x3f) === 49;
    if (!isFragment) {
      if (parts) throw new Error('a NAL unit inside of a fragmented one');
      nals.push(payload);
      continue;
    }
    const fu = payload[headerBytes] as number;
    if (((fu & 0x80) !== 0) === (parts !== undefined)) throw new Error('start bit out of place');
    const header =
      codec === 'h264' ? [(first & 0xe0) | (fu & 0x1f)] : [(first & 0x81) | ((fu & 0x3f) << 1), payload[1] as number];
    parts ??= [Buffer.from(header)];
    parts.push(payload.subarray(headerBytes + 1));
    if ((fu & 0x40) === 0) continue;
    nals.push(Buffer.concat(parts));
    parts = undefined;
  }
  if (parts) throw new Error('the end of a fragmented NAL unit is missing');
  return nals;
}

/** Arriving items, and promises that wait for them. */
class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: { resolve: (item: T) => void; reject: (error: Error) => void }[] = [];
  #ended: Error | undefined;

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    const waiter = this.#waiting.shift();
    if (waiter) waiter.resolve(item);
    else this.#items.push(item);
  }

  end(error: Error): void {
    this.#ended = error;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}

/** One connection. Expects the interleaved channels 0 (RTP) and 1 (RTCP) by default. */
export class RtspClient {
  readonly socket: Socket;
  readonly replies: Inbox<Reply> = new Inbox<Reply>();
  readonly units: Inbox<ReceivedUnit> = new Inbox<ReceivedUnit>();
  readonly reports: Inbox<Buffer> = new Inbox<Buffer>();
  /** Resolves when the connection has closed. */
  readonly closed: Promise<void>;
  /** Raw packets; with {@link onlyPackets} instead of units. */
  readonly packets: Inbox<RtpPacket> = new Inbox<RtpPacket>();
  /** Packets of channels other than the video's: `channel` of each. */
  readonly others: Inbox<{ channel: number; payload: Buffer }> = new Inbox<{ channel: number; payload: Buffer }>();
  rtpChannel = 0;
  /** For intentionally damaged streams: packets are not assembled. */
  onlyPackets = false;
  /** Codec by payload type; H.264 if unspecified. */
  readonly codecs: Record<number, 'h264' | 'h265'> = {};
  readonly #udp: UdpSocket[] = [];
  #pending: Buffer = Buffer.alloc(0);
  #packets: RtpPacket[] = [];
  #cseq = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        for (const udp of this.#udp.splice(0)) udp.close();
        for (const inbox of [this.replies, this.units, this.reports, this.packets, this.others])
          inbox.end(new Error('connection closed'));
        resolve();
      });
    });
  }

  static connect(port: number): Promise<RtspClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RtspClient(socket)));
    });
  }

  /** By TLS, without verifying the camera's certificate. */
  static connectTls(port: number): Promise<RtspClient> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(new RtspClient(socket)));
    });
  }

  /** Bytes of an incomplete packet or reply. */
  get pendingBytes(): number {
    return this.#pending.byteLength;
  }

  /** Sends a request and waits for its reply. */
  async request(method: string, uri: string, headers: Record<string, string> = {}): Promise<Reply> {
    this.#cseq += 1;
    const lines = [`${method} ${uri} RTSP/1.0`, `CSeq: ${this.#cseq}`];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const reply = await this.replies.next();
    if (reply.headers.get('cseq') !== String(this.#cseq)) throw new Error('CSeq was not echoed');
    return reply;
  }

  /** The same by UDP, from two free ports. */
  async playUdp(url: string, protocol = 'RTP/AVP'): Promise<{ setup: Reply; session: string }> {
    const ports = await this.bindUdp();
    const Transport = `${protocol};unicast;client_port=${ports.rtp}-${ports.rtcp}`;
    const setup = await this.request('SETUP', `${url}/trackID=0`, { Transport });
    const session = (setup.headers.get('session') ?? '').split(';')[0] ?? '';
    await this.request('PLAY', url, { Session: session });
    return { setup, session };
  }

  /** Opens two free ports for RTP and RTCP. They are closed with the client. */
  async bindUdp(): Promise<{ rtp: number; rtcp: number }> {
    const bind = async (onMessage: (packet: Buffer) => void): Promise<number> => {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
      this.#udp.push(socket);
      socket.on('message', onMessage);
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      return socket.address().port;
    };
    const rtp = await bind((packet) => this.#onRtp(parseRtp(packet)));
    return { rtp, rtcp: await bind((packet) => this.reports.push(packet)) };
  }

  /** Sends RTCP from the second UDP port. */
  sendUdpReport(packet: Buffer, port: number): void {
    this.#udp[1]?.send(packet, port, '127.0.0.1');
  }

  /** SETUP of the track and PLAY; returns both replies. */
  async play(url: string): Promise<{ setup: Reply; play: Reply; session: string }> {
    const setup = await this.request('SETUP', `${url}/trackID=0`, { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' });
    const session = (setup.headers.get('session') ?? '').split(';')[0] ?? '';
    const play = await this.request('PLAY', url, { Session: session, Range: 'npt=0.000-' });
    return { setup, play, session };
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  #onData(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.byteLength > 0) {
      const used = this.#pending[0] === 0x24 ? this.#takeInterleaved() : this.#takeReply();
      if (used === 0) return;
      this.#pending = this.#pending.subarray(used);
    }
  }

  #takeInterleaved(): number {
    if (this.#pending.byteLength < 4) return 0;
    const end = 4 + this.#pending.readUInt16BE(2);
    if (this.#pending.byteLength < end) return 0;
    const payload = Buffer.from(this.#pending.subarray(4, end));
    if (this.#pending[1] === this.rtpChannel) this.#onRtp(parseRtp(payload));
    else if (this.#pending[1] === this.rtpChannel + 1) this.reports.push(payload);
    else this.others.push({ channel: this.#pending[1] as number, payload });
    return end;
  }

  #onRtp(packet: RtpPacket): void {
    if (this.onlyPackets) {
      this.packets.push(packet);
      return;
    }
    this.#packets.push(packet);
    if (!packet.marker) return;
    const packets = this.#packets.splice(0);
    const payloads = packets.map((one) => one.payload);
    const nals = reassemble(payloads, this.codecs[packet.payloadType]);
    this.units.push({ rtpTime: packet.rtpTime, packets, nals });
  }

  #takeReply(): number {
    const end = this.#pending.indexOf('\r\n\r\n');
    if (end < 0) return 0;
    const [first = '', ...lines] = this.#pending.toString('utf8', 0, end).split('\r\n');
    const status = /^RTSP\/1\.0 (\d{3}) /.exec(first)?.[1];
    if (status === undefined) throw new Error(`neither a reply nor interleaved data: ${first.slice(0, 40)}`);
    const headers = new Map(
      lines.map((line) => [line.split(':')[0]?.toLowerCase() ?? '', line.slice(line.indexOf(':') + 1).trim()]),
    );
    const bodyEnd = end + 4 + Number(headers.get('content-length') ?? 0);
    if (this.#pending.byteLength < bodyEnd) return 0;
    this.replies.push({ status: Number(status), headers, body: this.#pending.toString('utf8', end + 4, bodyEnd) });
    return bodyEnd;
  }
}
