import type { Clock, Timer } from '@vigia/base';
import type { FaultBoard } from '#simulated-camera/faults';
import { type RtpPacketizer, senderReportPacket, withBye } from '#simulated-camera/media';
import type { MediaTransport } from '#simulated-camera/transport';

/** What {@link SenderReports} need. */
export interface ReportOptions {
  readonly clock: Clock;
  readonly faults: FaultBoard;
  readonly ssrc: number;
  readonly packetizer: RtpPacketizer;
  readonly maxBacklogBytes: number;
  /** RTP time of this moment as on the wire; undefined when it is unrelated to real time. */
  readonly rtpTimeNow: () => number | undefined;
  /** Whether reports of a track without SETUP are sent too. */
  readonly strange: boolean;
  /** RTCP was sent: its bytes on the wire. */
  readonly onReport: (bytes: number) => void;
}

const REPORT_INTERVAL_MS = 5_000;
const CNAME = 'simulated-camera';

/** The RTCP of one stream. Owns its timer, not the transport. */
export class SenderReports {
  readonly #options: ReportOptions;
  #transport: MediaTransport;
  #timer: Timer | undefined;
  #frozen = false;

  constructor(transport: MediaTransport, options: ReportOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  /** Their destination from now on. */
  set transport(transport: MediaTransport) {
    this.#transport = transport;
  }

  set frozen(frozen: boolean) {
    this.#frozen = frozen;
  }

  /** Sends the first report now, then one every 5 s; does nothing when already running. */
  start(): void {
    if (!this.#timer) this.#report();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Sends the last report, with BYE; nothing with the fault `no-reports`. */
  bye(): void {
    if (this.#options.faults.get('no-reports')) return;
    const report = this.#compound(this.#options.rtpTimeNow() ?? 0);
    this.#options.onReport(this.#transport.sendRtcp(withBye(report, this.#options.ssrc)));
  }

  #report(): void {
    const { clock, faults, maxBacklogBytes, rtpTimeNow, strange, onReport } = this.#options;
    const rtpTime = rtpTimeNow();
    if (rtpTime === undefined) return;
    this.#timer = clock.after(REPORT_INTERVAL_MS, () => this.#report());
    if (this.#frozen || this.#transport.backlogBytes > maxBacklogBytes || faults.get('no-reports')) return;
    onReport(this.#transport.sendRtcp(this.#compound(rtpTime)));
    if (strange) this.#reportStrangeTrack(rtpTime);
  }

  #compound(rtpTime: number): Buffer {
    const { clock, faults, ssrc, packetizer } = this.#options;
    const wallMs = clock.wallMs() + (faults.get('clock-step')?.value ?? 0);
    const { packets, octets } = packetizer;
    return senderReportPacket({ ssrc, wallMs, rtpTime, packets, octets }, CNAME);
  }

  #reportStrangeTrack(rtpTime: number): void {
    const { negotiated } = this.#transport;
    if (negotiated.protocol !== 'tcp') return;
    const { clock, ssrc, onReport } = this.#options;
    const report = { ssrc: (ssrc ^ 0xffff) >>> 0, wallMs: clock.wallMs(), rtpTime, packets: 0, octets: 0 };
    const packet = senderReportPacket(report, CNAME);
    const header = Buffer.from([0x24, (negotiated.channels.rtcp + 4) & 0xff, 0, packet.byteLength]);
    onReport(this.#transport.sendStray(Buffer.concat([header, packet])));
  }
}
