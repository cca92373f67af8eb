import { VigiaError } from '@vigia/base';
import { AV_CODEC_FLAG_LOW_DELAY, AV_CODEC_ID_H264, AV_LOG_QUIET, AVERROR_EAGAIN } from 'node-av/constants';
import { Codec, CodecContext, Frame, Log, Packet } from 'node-av/lib';

// libav writes to stderr by itself; what matters comes back as return values.
Log.setLevel(AV_LOG_QUIET);

/** Frames kept for reuse. In use at once are at most: one per mailbox, one in flight per consumer, one in the inbox. */
const POOL_LIMIT = 64;

/** How `decode` ended: `error` means this unit gave nothing and never will. */
export type DecodeOutcome = 'ok' | 'error';

/**
 * Decodes H.264 without hidden delay: one thread and the low-delay flag, so picture N comes out before unit N+1 goes in
 * (streams with B-frames excepted: their reorder delay is the stream's own, see `reorderDelay`).
 *
 * Calls block the event loop: 1–4 ms for a picture, 10–24 ms for a 1080p keyframe. A camera process does nothing else
 * that could not wait that long.
 */
export class H264Decoder {
  readonly #onPicture: (frame: Frame, unitId: number) => void;
  #context: CodecContext | undefined;
  readonly #packet = new Packet();
  #spare: Frame[] = [];
  #live = 0;

  /**
   * @param onPicture Gets every picture with the id of its unit, inside `decode`. It owns the frame until it calls
   *   {@link recycle}.
   */
  constructor(onPicture: (frame: Frame, unitId: number) => void) {
    this.#onPicture = onPicture;
    this.#packet.alloc();
    this.#open();
  }

  /** Pictures that the stream holds back for reordering (B-frames). 0 for most cameras. */
  get reorderDelay(): number {
    return this.#context?.hasBFrames ?? 0;
  }

  /** Pictures that the decoder holds back for its own sake: must be 0. */
  get hiddenDelay(): number {
    return this.#context?.delay ?? 0;
  }

  /** Frames handed out and not recycled. */
  get framesInUse(): number {
    return this.#live;
  }

  /** Decodes one access unit (Annex B, borrowed) and hands out whatever became ready. */
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

  /** Takes a frame back. Its memory is free for the decoder from now on. */
  recycle(frame: Frame): void {
    this.#live -= 1;
    frame.unref();
    if (this.#context && this.#spare.length < POOL_LIMIT) this.#spare.push(frame);
    else frame.free();
  }

  /** Forgets the stream so far: the next unit must be a keyframe. */
  reset(): void {
    this.#context?.freeContext();
    this.#open();
  }

  /** Frees everything that was recycled. Frames still out are freed when they come back. Idempotent. */
  close(): void {
    if (!this.#context) return;
    this.#context.freeContext();
    this.#context = undefined;
    this.#packet.free();
    for (const frame of this.#spare.splice(0)) frame.free();
  }

  #open(): void {
    const codec = Codec.findDecoder(AV_CODEC_ID_H264);
    if (!codec) throw new VigiaError('decoder_open', 'this build of FFmpeg has no H.264 decoder');
    const context = new CodecContext();
    context.allocContext3(codec);
    context.threadCount = 1;
    context.setFlags(AV_CODEC_FLAG_LOW_DELAY);
    const result = context.open2Sync(codec);
    if (result < 0) throw new VigiaError('decoder_open', `the H.264 decoder cannot be opened (${result})`);
    this.#context = context;
  }

  /** Hands out what is ready. Returns AVERROR_EAGAIN (wants the next unit) or the error. */
  #drain(context: CodecContext): number {
    for (;;) {
      const frame = this.#spare.pop() ?? newFrame();
      const result = context.receiveFrameSync(frame);
      if (result < 0) {
        this.#spare.push(frame);
        return result;
      }
      this.#live += 1;
      this.#onPicture(frame, Number(frame.pts));
    }
  }
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
