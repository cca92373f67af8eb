import { messageOf, type Timer } from '@vigia/base';
import { AV_LOG_QUIET, AV_NOPTS_VALUE, AVERROR_EOF, AVMEDIA_TYPE_VIDEO, AVSEEK_FLAG_BACKWARD } from 'node-av/constants';
import {
  BitStreamFilter,
  BitStreamFilterContext,
  Codec,
  Dictionary,
  FormatContext,
  InputFormat,
  Log,
  Packet,
  type Stream,
} from 'node-av/lib';
import { AT_ONCE, UnitInspector } from '#core/media/bitstream';
import { parseSourceUrl, type Source, SourceError, type SourceOptions, type SourceUrl } from '#core/media';

// libav would write to stderr. Errors that matter are return values.
Log.setLevel(AV_LOG_QUIET);

/** Codecs whose packets are converted to Annex B. */
const TO_ANNEX_B: Readonly<Record<string, string>> = { h264: 'h264_mp4toannexb', hevc: 'hevc_mp4toannexb' };

/**
 * Plays a file in real time as if it were a camera, or a V4L2 device. FFmpeg's demuxer does not read ahead: it reads
 * one packet, and the next one when that is due. One timer at a time sets a file's pace.
 */
export class DemuxedSource implements Source {
  readonly lostPackets = 0;
  readonly #o: SourceOptions;
  readonly #url: SourceUrl;
  readonly #format = new FormatContext();
  readonly #packet = new Packet();
  readonly #filtered = new Packet();
  #filter: BitStreamFilterContext | undefined;
  #inspector: UnitInspector | undefined;
  #stream: Stream | undefined;
  #msPerTick = 0;
  #timer: Timer | undefined;
  #wake: (() => void) | undefined;
  #closed = false;
  /** The position of this round's time stamp 0 on the timeline, milliseconds. */
  #roundMs = 0;
  #epochMs = 0;
  #firstMs: number | undefined;
  #lastPtsMs = 0;
  #intervalMs = 40;

  private constructor(options: SourceOptions) {
    this.#o = options;
    this.#url = parseSourceUrl(options.url);
  }

  /** Opens the source and starts to play. @throws SourceError with the reason; the signal's reason when aborted. */
  static async open(options: SourceOptions, signal: AbortSignal): Promise<DemuxedSource> {
    signal.throwIfAborted();
    const source = new DemuxedSource(options);
    try {
      await source.#open();
      signal.throwIfAborted();
    } catch (error) {
      source.close();
      source.#free();
      throw error;
    }
    // Not awaited: it runs until `close` or the end, which it reports itself.
    void source.#run();
    return source;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#format.interrupt();
    this.#wake?.();
  }

  async #open(): Promise<void> {
    const { kind, target } = this.#url;
    this.#packet.alloc();
    this.#filtered.alloc();
    const input = kind === 'v4l2' ? InputFormat.findInputFormat('v4l2') : null;
    const options = kind === 'v4l2' ? Dictionary.fromObject({ input_format: 'mjpeg' }) : null;
    // The prefix keeps FFmpeg from interpreting a path as a URL.
    const place = kind === 'file' ? `file:${target}` : target;
    let opened = await this.#format.openInput(place, input, options);
    // A device without MJPEG delivers its default format.
    if (opened < 0 && kind === 'v4l2') opened = await this.#format.openInput(place, input, null);
    if (opened < 0) throw this.#openError(opened);
    if ((await this.#format.findStreamInfo(null)) < 0) throw this.#error('corrupt', 'is no video that FFmpeg can read');
    const index = this.#format.findBestStream(AVMEDIA_TYPE_VIDEO);
    const stream = index < 0 ? undefined : this.#format.streams[index];
    if (!stream) throw this.#error('no_video', 'has no video track');
    this.#use(stream);
  }

  #use(stream: Stream): void {
    const { codecpar, timeBase } = stream;
    const codec = Codec.findDecoder(codecpar.codecId)?.name;
    if (!codec) throw this.#error('unsupported_codec', 'has a video track that FFmpeg cannot decode');
    this.#stream = stream;
    this.#msPerTick = (timeBase.num / timeBase.den) * 1000;
    const rate = stream.avgFrameRate;
    if (rate.num > 0 && rate.den > 0) this.#intervalMs = (rate.den / rate.num) * 1000;
    const annexB = TO_ANNEX_B[codec];
    if (annexB) this.#openFilter(annexB, stream);
    if (codec === 'h264' || codec === 'hevc') this.#inspector = new UnitInspector(codec);
    const { width, height, format: pixelFormat } = codecpar;
    this.#o.onFormat({
      kind: this.#url.kind,
      transport: '',
      codec,
      extradata: annexB ? undefined : (codecpar.extradata ?? undefined),
      raw: codec === 'rawvideo' ? { width, height, pixelFormat } : undefined,
      audio: undefined,
      live: true,
    });
  }

  #openFilter(name: string, stream: Stream): void {
    const filter = new BitStreamFilterContext();
    const found = BitStreamFilter.getByName(name);
    if (!found || filter.alloc(found) < 0) throw this.#error('unsupported_codec', `FFmpeg has no ${name}`);
    if (filter.inputCodecParameters) stream.codecpar.copy(filter.inputCodecParameters);
    filter.inputTimeBase = stream.timeBase;
    if (filter.init() < 0) throw this.#error('corrupt', 'has a video track whose parameters make no sense');
    this.#filter = filter;
  }

  async #run(): Promise<void> {
    let end: SourceError | undefined;
    try {
      this.#epochMs = this.#o.clock.nowMs();
      while (!this.#closed && (await this.#next()));
      end = this.#error('ended', 'is over');
    } catch (error) {
      end = error instanceof SourceError ? error : this.#error('corrupt', messageOf(error));
    }
    const tell = !this.#closed;
    this.close();
    this.#free();
    if (tell) this.#o.onEnd(end);
  }

  /** Reads and plays one packet. Returns false at the end. */
  async #next(): Promise<boolean> {
    const result = await this.#format.readFrame(this.#packet);
    if (this.#closed) return false;
    if (result === AVERROR_EOF) return this.#url.loop && this.#rewind();
    if (result < 0) throw this.#error('corrupt', `cannot be read any further (${result})`);
    if (this.#packet.streamIndex === this.#stream?.index) await this.#play();
    this.#packet.unref();
    return true;
  }

  #rewind(): boolean {
    const index = this.#stream?.index ?? 0;
    this.#roundMs = this.#lastPtsMs + this.#intervalMs;
    this.#firstMs = undefined;
    this.#filter?.flush();
    return this.#format.seekFrameSync(index, 0n, AVSEEK_FLAG_BACKWARD) >= 0;
  }

  async #play(): Promise<void> {
    const stamps = [this.#packet.dts, this.#packet.pts].filter((t) => t !== AV_NOPTS_VALUE).map(Number);
    const dtsMs = stamps.length === 0 ? undefined : (stamps[0] as number) * this.#msPerTick;
    this.#firstMs ??= dtsMs ?? 0;
    const atMs = this.#roundMs + (dtsMs === undefined ? this.#lastPtsMs + this.#intervalMs : dtsMs - this.#firstMs);
    const ptsMs = stamps.length < 2 ? atMs : this.#roundMs + (stamps[1] as number) * this.#msPerTick - this.#firstMs;
    this.#lastPtsMs = Math.max(this.#lastPtsMs, ptsMs);
    if (this.#url.kind === 'file') await this.#until(this.#epochMs + atMs);
    if (this.#closed) return;
    const keyframe = this.#packet.isKeyframe;
    if (!this.#filter) this.#emit(this.#packet, ptsMs, keyframe);
    else if (this.#filter.sendPacketSync(this.#packet) >= 0) {
      while (this.#filter.receivePacketSync(this.#filtered) >= 0) {
        this.#emit(this.#filtered, ptsMs, keyframe);
        this.#filtered.unref();
      }
    }
    this.#o.onReadEnd?.();
  }

  #emit(packet: Packet, ptsMs: number, keyframe: boolean): void {
    const { data } = packet;
    if (!data) return;
    const unit = { data, ptsMs, arrivedMs: this.#o.clock.nowMs(), keyframe, damaged: false };
    const inspector = this.#inspector;
    if (!inspector) {
      this.#o.onUnit(unit);
      return;
    }
    inspector.inspect(data);
    const { reference } = inspector;
    // A container may mark pictures that have no such message.
    const recovery = keyframe && !inspector.keyframe ? AT_ONCE : inspector.recovery;
    this.#o.onUnit({ ...unit, recovery, reference });
  }

  #until(dueMs: number): Promise<void> {
    const waitMs = dueMs - this.#o.clock.nowMs();
    if (waitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#o.clock.after(Math.ceil(waitMs), resolve);
    });
  }

  #free(): void {
    this.#filter?.free();
    this.#filter = undefined;
    this.#packet.free();
    this.#filtered.free();
    this.#format.closeInputSync();
  }

  #openError(code: number): SourceError {
    if (code === -2) return this.#error('not_found', 'is not there');
    if (code === -13) return this.#error('unauthorized', 'may not be read by this user');
    return this.#error('corrupt', `cannot be opened as video (${code})`);
  }

  #error(reason: ConstructorParameters<typeof SourceError>[0], text: string): SourceError {
    return new SourceError(reason, `${this.#url.target}: ${text}`);
  }
}
