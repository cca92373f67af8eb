import { buildBye, buildReceiverReport, type SenderReport } from './rtcp.ts';
import { emptyRtpHeader, readRtpHeader, type RtpHeader, RtpTimeline } from './rtp.ts';
import { ReorderBuffer } from './reorder-buffer.ts';
import { RtpReceiver } from './rtp-receiver.ts';
import type { UdpPorts } from './udp-ports.ts';

/** Options of {@link RtpTrack}. */
export interface RtpTrackOptions {
  readonly payloadType: number;
  readonly clockRate: number;
  /** Whether packets may arrive out of order. */
  readonly reorder: boolean;
  /** Receives the packets in order. Packet and header are borrowed until the call returns. */
  readonly onPacket: (packet: Buffer, header: RtpHeader, readMs: number) => void;
}

/** One track of a session: its transport, the order of its packets, and its statistics. */
export class RtpTrack {
  readonly timeline: RtpTimeline = new RtpTimeline();
  readonly ticksPerMs: number;
  /** The track's own sockets; undefined when it is interleaved. Closed with the track. */
  ports: UdpPorts | undefined;
  rtpChannel = -1;
  rtcpChannel = -1;
  /** Packets of the negotiated payload type so far. */
  packets = 0;
  /** Consecutive packets of another payload type. */
  otherTypeInARow = 0;
  /** Monotonic milliseconds. */
  lastPacketMs = 0;
  readonly #o: RtpTrackOptions;
  readonly #header = emptyRtpHeader();
  readonly #receiver: RtpReceiver;
  readonly #reorder: ReorderBuffer | undefined;
  #announcedSsrc: number | undefined;
  #peerRtpPort = 0;
  #peerRtcpPort = 0;
  #senderReport: SenderReport | undefined;
  #senderReportMs = 0;

  constructor(options: RtpTrackOptions) {
    this.#o = options;
    this.ticksPerMs = options.clockRate / 1000;
    this.#receiver = new RtpReceiver(options.clockRate);
    this.#reorder = options.reorder ? new ReorderBuffer((packet, readMs) => this.#inOrder(packet, readMs)) : undefined;
  }

  /** Who sends the track: the source of its packets, before the first one what the camera announced; undefined: unknown. */
  get ssrc(): number | undefined {
    return this.packets > 0 ? this.#receiver.ssrc : this.#announcedSsrc;
  }

  /** Hot path: once per packet, interleaved or datagram. */
  push(packet: Buffer, readMs: number): void {
    const header = this.#header;
    if (!readRtpHeader(packet, header)) return;
    if (header.payloadType !== this.#o.payloadType) {
      this.otherTypeInARow += 1;
      return;
    }
    this.otherTypeInARow = 0;
    this.packets += 1;
    this.lastPacketMs = readMs;
    this.#receiver.observe(header, readMs);
    if (this.#reorder) this.#reorder.push(packet, header, readMs);
    else this.#o.onPacket(packet, header, readMs);
  }

  /**
   * Parses the Transport header of the answer to SETUP. @param channel The requested channel, for cameras that do not
   * repeat it.
   */
  readTransport(transport: string, channel: number): void {
    const channels = /interleaved\s*=\s*(\d+)(?:\s*-\s*(\d+))?/i.exec(transport);
    this.rtpChannel = Number(channels?.[1] ?? channel);
    this.rtcpChannel = Number(channels?.[2] ?? this.rtpChannel + 1);
    const ssrc = /ssrc\s*=\s*([0-9a-f]{1,8})\b/i.exec(transport)?.[1];
    this.#announcedSsrc = ssrc === undefined ? undefined : Number.parseInt(ssrc, 16);
    const ports = /server_port\s*=\s*(\d+)(?:\s*-\s*(\d+))?/i.exec(transport);
    this.#peerRtpPort = Number(ports?.[1] ?? 0);
    this.#peerRtcpPort = Number(ports?.[2] ?? (this.#peerRtpPort > 0 ? this.#peerRtpPort + 1 : 0));
  }

  /** See `UdpPorts.punch`. */
  punch(): void {
    if (this.#peerRtpPort > 0) this.ports?.punch(this.#peerRtpPort, this.#peerRtcpPort);
  }

  sendRtcp(packet: Buffer): void {
    this.ports?.sendRtcp(packet, this.#peerRtcpPort);
  }

  onSenderReport(report: SenderReport, readMs: number): void {
    this.#senderReport = report;
    this.#senderReportMs = readMs;
  }

  receiverReport(ownSsrc: number, nowMs: number): Buffer {
    const receiver = this.#receiver;
    // One that came before the first packet may be of another sender.
    const report = this.#senderReport?.ssrc === receiver.ssrc ? this.#senderReport : undefined;
    return buildReceiverReport({
      ownSsrc,
      senderSsrc: receiver.ssrc,
      highestSequence: receiver.highestSequence,
      lost: receiver.lost,
      fractionLost: receiver.takeFractionLost(),
      jitterTicks: receiver.jitterTicks,
      lastReportMiddle: report?.ntpMiddle ?? 0,
      sinceLastReportMs: report ? nowMs - this.#senderReportMs : 0,
    });
  }

  /** Sends an RTCP BYE over the track's own sockets, if any, and closes them. Idempotent. */
  close(ownSsrc: number): void {
    this.ports?.close(buildBye(ownSsrc), this.#peerRtcpPort);
    this.ports = undefined;
  }

  #inOrder(packet: Buffer, readMs: number): void {
    // The shared header object belongs to another packet by now.
    readRtpHeader(packet, this.#header);
    this.#o.onPacket(packet, this.#header, readMs);
  }
}
