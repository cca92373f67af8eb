import { VigiaError } from '@vigia/base';
import {
  AV_CODEC_FLAG_LOW_DELAY,
  AV_CODEC_FLAG_OUTPUT_CORRUPT,
  AV_LOG_QUIET,
  AV_PIX_FMT_CUDA,
  AV_PIX_FMT_NV12,
  AV_PIX_FMT_VAAPI,
  AVERROR_EAGAIN,
  AVERROR_EXTERNAL,
  FF_THREAD_SLICE,
} from 'node-av/constants';
import { Codec, CodecContext, Frame, HardwareDeviceContext, Log, Packet } from 'node-av/lib';
import type { SourceFormat } from '#core/media';

// libav would write to stderr. Errors that matter are return values.
Log.setLevel(AV_LOG_QUIET);

/** Frames kept for reuse. In use are at most one per mailbox, one in flight per consumer, and one in the inbox. */
const POOL_LIMIT = 64;

/** The result of `decode`. `error` means that this unit gave no picture and never will. */
export type DecodeOutcome = 'ok' | 'error';

/** Hardware that may decode instead of the CPU. */
export type Hardware = 'none' | 'auto' | 'vaapi' | 'cuda';

/** Options of {@link VideoDecoder}. */
export interface VideoDecoderOptions {
  readonly format: Pick<SourceFormat, 'codec' | 'extradata' | 'raw'>;
  /** Number of threads that share the slices of one picture, 1..16. */
  readonly threads: number;
  /** A stream with more pixels per picture than this is not decoded, and no memory is allocated for it. */
  readonly maxPixels?: number;
  /** Disables the loop filter: a quarter less work, blockier pictures. */
  readonly skipLoopFilter: boolean;
  readonly hardware: Hardware;
  /** Receives a message when the requested hardware does not work. */
  readonly onFallback: (sentence: string) => void;
  /** Receives every picture with the id of its unit, inside `decode`. It owns the frame until it calls `recycle`. */
  readonly onPicture: (frame: Frame, unitId: number) => void;
}

const HARDWARE_FORMATS = {
  vaapi: AV_PIX_FMT_VAAPI,
  cuda: AV_PIX_FMT_CUDA,
} as const;

type HardwareKind = keyof typeof HARDWARE_FORMATS;

/**
 * Decodes without hidden delay: with one thread, or with threads that share a picture's slices, and with the low-delay
 * flag, picture N comes out before unit N+1 goes in. Streams with B-frames have a reorder delay of their own, see
 * `reorderDelay`.
 *
 * Calls block the event loop: 1–4 ms for a picture, 10–24 ms for a 1080p keyframe. Nothing in a camera process needs a
 * shorter response time.
 */
export class VideoDecoder {
  readonly #o: VideoDecoderOptions;
  #context: CodecContext | undefined;
  #device: HardwareDeviceContext | undefined;
  #hardware: HardwareKind | undefined;
  readonly #packet = new Packet();
  #spare: Frame[] = [];

  /** @throws VigiaError `decoder_open` for a codec that this build of FFmpeg does not support. */
  constructor(options: VideoDecoderOptions) {
    this.#o = options;
    this.#packet.alloc();
    this.#chooseHardware();
    this.#context = this.#open();
  }

  /** `software`, or the name of the hardware decoder. */
  get name(): string {
    return this.#hardware ?? 'software';
  }

  /** Pictures that the stream holds back for reordering (B-frames). 0 for most cameras. */
  get reorderDelay(): number {
    return this.#context?.hasBFrames ?? 0;
  }

  /** Pictures that the decoder holds back beyond that. Must be 0. */
  get hiddenDelay(): number {
    return this.#context?.delay ?? 0;
  }

  /** Decodes one access unit (borrowed) and returns all pictures that are ready through `onPicture`. */
  decode(data: Buffer, unitId: number): DecodeOutcome {
    const context = this.#context;
    if (!context) throw new VigiaError('decoder_closed', 'a unit was sent to a closed decoder');
    this.#packet.data = data;
    this.#packet.pts = BigInt(unitId);
    const sent = context.sendPacketSync(this.#packet);
    this.#packet.unref();
    const drained = this.#drain(context);
    return sent >= 0 && drained === AVERROR_EAGAIN ? 'ok' : 'error';
  }

  /**
   * Returns the pictures that are held back through `onPicture`, and forgets everything but parameter sets, as before the
   * first unit. Without that, a picture after a gap may be taken for one from before it, and be swallowed.
   */
  restart(): void {
    const context = this.#context;
    if (!context) return;
    context.sendPacketSync(null);
    this.#drain(context);
    this.#context?.flushBuffers();
  }

  /** Takes a frame back. The decoder may reuse its memory from now on. */
  recycle(frame: Frame): void {
    frame.unref();
    if (this.#context && this.#spare.length < POOL_LIMIT) this.#spare.push(frame);
    else frame.free();
  }

  /** Frees all recycled frames. Frames still in use are freed when they are recycled. Idempotent. */
  close(): void {
    if (!this.#context) return;
    this.#context.freeContext();
    this.#context = undefined;
    this.#device?.free();
    this.#device = undefined;
    this.#packet.free();
    for (const frame of this.#spare.splice(0)) frame.free();
  }

  #codec(): Codec {
    const { codec } = this.#o.format;
    const found = Codec.findDecoderByName(codec as never);
    if (!found) throw new VigiaError('decoder_open', `this build of FFmpeg cannot decode ${codec}`);
    return found;
  }

  #open(): CodecContext {
    const codec = this.#codec();
    const { format, threads, skipLoopFilter, maxPixels } = this.#o;
    const context = new CodecContext();
    context.allocContext3(codec);
    context.threadCount = threads;
    context.threadType = FF_THREAD_SLICE;
    context.setFlags(AV_CODEC_FLAG_LOW_DELAY);
    // After a recovery point of H.265, pictures are counted as they come out: those that are not whole must come out too.
    if (format.codec === 'hevc') context.setFlags(AV_CODEC_FLAG_OUTPUT_CORRUPT);
    if (format.extradata) context.extraData = format.extradata;
    if (format.raw) {
      context.width = format.raw.width;
      context.height = format.raw.height;
      context.pixelFormat = format.raw.pixelFormat as never;
    }
    if (maxPixels !== undefined) context.setOption('max_pixels', maxPixels);
    if (skipLoopFilter) context.setOption('skip_loop_filter', 'all');
    if (this.#device && this.#hardware) {
      context.hwDeviceCtx = this.#device;
      context.setHardwarePixelFormat(HARDWARE_FORMATS[this.#hardware], AV_PIX_FMT_NV12);
    }
    const result = context.open2Sync(codec);
    if (result >= 0) return context;
    context.freeContext();
    if (!this.#hardware)
      throw new VigiaError('decoder_open', `the ${format.codec} decoder cannot be opened (${result})`);
    this.#fallBack(`${this.#hardware} cannot decode ${format.codec} (${result})`);
    return this.#open();
  }

  #chooseHardware(): void {
    const { hardware } = this.#o;
    if (hardware === 'none') return;
    const kinds = hardware === 'auto' ? (Object.keys(HARDWARE_FORMATS) as HardwareKind[]) : [hardware];
    for (const kind of kinds) {
      const device = new HardwareDeviceContext();
      if (this.#decodes(kind) && createDevice(device, kind)) {
        this.#device = device;
        this.#hardware = kind;
        return;
      }
    }
    const text =
      hardware === 'auto' ? `no video hardware decodes ${this.#o.format.codec} here` : `${hardware} is not there`;
    this.#fallBack(text);
  }

  /** Whether FFmpeg's decoder supports this kind of hardware. */
  #decodes(kind: HardwareKind): boolean {
    const codec = this.#codec();
    for (let i = 0; ; i += 1) {
      const config = codec.getHwConfig(i);
      if (!config) return false;
      if (config.pixFmt === HARDWARE_FORMATS[kind]) return true;
    }
  }

  #fallBack(why: string): void {
    this.#device?.free();
    this.#device = undefined;
    this.#hardware = undefined;
    this.#o.onFallback(`${why}; the CPU decodes`);
  }

  /** Returns the pictures that are ready. The result is AVERROR_EAGAIN (needs the next unit) or the error. */
  #drain(context: CodecContext): number {
    for (;;) {
      const frame = this.#spare.pop() ?? newFrame();
      const result = context.receiveFrameSync(frame);
      if (result < 0) {
        this.#spare.push(frame);
        return result;
      }
      const picture = this.#hardware ? this.#fromHardware(frame) : frame;
      if (!picture) {
        this.#giveUpHardware(context);
        return AVERROR_EXTERNAL;
      }
      this.#o.onPicture(picture, Number(picture.pts));
    }
  }

  /** Copies a picture from the hardware's memory, because the CPU scales it. Undefined when that fails. */
  #fromHardware(frame: Frame): Frame | undefined {
    if (!frame.isHwFrame()) {
      // libav has detected that the hardware cannot decode this stream, and continues in software.
      this.#hardware = undefined;
      this.#o.onFallback('the video hardware does not take this stream; the CPU decodes');
      return frame;
    }
    const target = this.#spare.pop() ?? newFrame();
    const result = frame.hwframeTransferDataSync(target);
    target.pts = frame.pts;
    frame.unref();
    this.#spare.push(frame);
    if (result >= 0) return target;
    target.unref();
    this.#spare.push(target);
    return undefined;
  }

  /** Falls back to software when pictures cannot be read back: the driver was reset, or the hardware is gone. */
  #giveUpHardware(context: CodecContext): void {
    this.#fallBack(`${this.name} gives no pictures any more`);
    context.freeContext();
    this.#context = this.#open();
  }
}

function createDevice(device: HardwareDeviceContext, kind: HardwareKind): boolean {
  try {
    return device.create(HardwareDeviceContext.findTypeByName(kind as never)) >= 0;
  } catch {
    // node-av throws for some missing drivers.
    return false;
  }
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
