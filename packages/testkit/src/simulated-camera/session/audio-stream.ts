import type { Timer } from '@vigia/base';
import { type AudioSource, RtpPacketizer } from '#simulated-camera/media';
import type { MediaTransport } from '#simulated-camera/transport';
import type { RtpClock } from './rtp-clock.ts';
import { SenderReports } from './sender-reports.ts';
import { type Stream, type StreamOptions, type StreamStart, wrap32 } from './stream.ts';

/** Input of an {@link AudioStream}. */
export interface AudioStreamOptions extends StreamOptions {
  readonly source: AudioSource;
  /** Payload type in the session description; a vendor's may differ from the source's. */
  readonly payloadType: number;
  readonly rtpClock: RtpClock;
  readonly maxPayloadBytes: number;
  /** A unit was sent: its packets and their bytes on the wire. */
  readonly onSent: (packets: number, bytes: number) => void;
  /** A unit was dropped because the client did not read. */
  readonly onDropped: () => void;
}

/** The sound of one session, in real time: units are due at `epoch + n`; those missed in a freeze are dropped. */
export class AudioStream implements Stream {
  readonly ssrc: number;
  readonly #options: AudioStreamOptions;
  readonly #packetizer: RtpPacketizer;
  readonly #reports: SenderReports;
  #transport: MediaTransport;
  #rtpBase: number;
  #epochMs = 0;
  #next = 0;
  #state: 'stopped' | 'prepared' | 'running' | 'frozen' = 'stopped';
  #timer: Timer | undefined;

  constructor(transport: MediaTransport, options: AudioStreamOptions) {
    const { random32, payloadType, maxPayloadBytes } = options;
    this.#transport = transport;
    this.#options = options;
    this.ssrc = random32();
    this.#rtpBase = random32();
    const firstSequence = random32() & 0xffff;
    this.#packetizer = new RtpPacketizer({ payloadType, ssrc: this.ssrc, firstSequence, maxPayloadBytes });
    this.#reports = new SenderReports(transport, {
      ...options,
      ssrc: this.ssrc,
      packetizer: this.#packetizer,
      rtpTimeNow: () => (this.#state === 'stopped' ? undefined : this.#wireTime(this.#elapsedSamples())),
      strange: false,
    });
  }

  replaceTransport(transport: MediaTransport): void {
    this.#transport = transport;
    this.#reports.transport = transport;
  }

  prepare(): StreamStart {
    // After PAUSE, RTP time continues where it stopped.
    this.#rtpBase = wrap32(this.#rtpBase + this.#next * this.#options.source.samplesPerUnit);
    this.#next = 0;
    this.#epochMs = this.#options.clock.nowMs();
    this.#state = 'prepared';
    return { ssrc: this.ssrc, sequence: this.#packetizer.nextSequence, rtpTime: this.#wireTime(0) };
  }

  begin(): void {
    if (this.#state !== 'prepared') return;
    this.#state = 'running';
    this.#pump();
  }

  pause(): void {
    this.close();
  }

  freeze(): void {
    this.#reports.frozen = true;
    if (this.#state !== 'running') return;
    this.#state = 'frozen';
    this.#timer?.cancel();
  }

  thaw(): void {
    this.#reports.frozen = false;
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    this.#next = Math.max(this.#next, Math.ceil(this.#elapsedSamples() / this.#options.source.samplesPerUnit));
    this.#pump();
  }

  bye(): void {
    this.#reports.bye();
  }

  close(): void {
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#reports.stop();
  }

  #elapsedSamples(): number {
    return Math.round(((this.#options.clock.nowMs() - this.#epochMs) * this.#options.source.clockRate) / 1000);
  }

  #wireTime(samples: number): number {
    const skew = (this.#options.rtpClock.skewMs() * this.#options.source.clockRate) / 1000;
    return wrap32(this.#rtpBase + samples + Math.round(skew));
  }

  #pump(): void {
    const { clock, source } = this.#options;
    while (this.#isRunning()) {
      const waitMs = this.#epochMs + (this.#next * source.samplesPerUnit * 1000) / source.clockRate - clock.nowMs();
      if (waitMs > 0) {
        this.#timer = clock.after(Math.ceil(waitMs), () => this.#pump());
        return;
      }
      this.#send();
    }
  }

  // A method, because the compiler does not know that `#send` may stop the stream.
  #isRunning(): boolean {
    return this.#state === 'running';
  }

  #send(): void {
    const { source, maxBacklogBytes, maxPayloadBytes, onSent, onDropped } = this.#options;
    const unit = this.#next;
    this.#next += 1;
    if (this.#transport.backlogBytes > maxBacklogBytes) return onDropped();
    const rtpTime = this.#wireTime(unit * source.samplesPerUnit);
    const payloads = source.payloads(unit, maxPayloadBytes);
    const packets = payloads.map((payload, i) => {
      const marker = source.marksUnits ? i === payloads.length - 1 : unit === 0;
      return this.#packetizer.packet(payload, rtpTime, marker);
    });
    onSent(packets.length, this.#transport.sendRtp(packets));
    this.#reports.start();
  }
}
