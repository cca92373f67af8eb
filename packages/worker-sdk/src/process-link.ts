import { codeOf, VigiaError } from '@vigia/base';
import { type FromWorker, type WorkerFrame, workerFrameSchema } from '@vigia/contracts';
import { errorMessage, sentenceOf } from './answer-message.ts';
import type { HostLink, LentFrame } from './host-link.ts';
import type { HostInput } from './host-input.ts';
import type { HostOutput } from './host-output.ts';
import { MessageAssembler } from './message-assembler.ts';
import { decodeMessage, encodeMessage } from './message-codec.ts';
import { planesOf } from './planes.ts';
import { SegmentCache } from './segment-cache.ts';
import type { WorkerInput } from './surroundings.ts';

/** Most bytes of a frame's message besides its pixels: far more than today's fields take. */
const FIELDS_LIMIT = 64 * 1024;

/**
 * The host of a worker process: messages on standard input and output, pixels there or in shared memory. Pixels are
 * valid until the next frame is requested.
 */
export class ProcessLink implements HostLink {
  readonly #input: HostInput;
  readonly #output: HostOutput;
  readonly #messages: MessageAssembler;
  readonly #segments = new SegmentCache();
  readonly #payloads: AsyncGenerator<Buffer, void, undefined>;

  /** @param allowed The largest frames that the host may send; a longer message violates the protocol. */
  constructor(input: HostInput, output: HostOutput, allowed: WorkerInput) {
    this.#input = input;
    this.#output = output;
    // Three bytes per pixel: no format has more, and a JPEG above that would be useless.
    this.#messages = new MessageAssembler(allowed.width * allowed.height * 3 + FIELDS_LIMIT);
    this.#payloads = this.#receive();
  }

  send(message: FromWorker): void {
    this.#output.write(encodeMessage(message));
  }

  async next(): Promise<LentFrame | undefined> {
    for (;;) {
      const { value: payload } = await this.#payloads.next();
      if (!payload) return undefined;
      const message = decodeMessage(payload);
      if (message.type === 'stop') return undefined;
      // A later protocol version may send other types.
      const lent = message.type === 'frame' ? this.#lend(parseFrame(message)) : undefined;
      if (lent) return lent;
    }
  }

  async close(): Promise<void> {
    this.#segments.close();
    // An open input would keep the process alive.
    this.#input.destroy();
    await this.#payloads.return();
  }

  async *#receive(): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of hostBytes(this.#input)) yield* this.#messages.push(piece);
  }

  /** A frame whose pixels are unavailable is answered here; the worker does not see it. */
  #lend(frame: WorkerFrame): LentFrame | undefined {
    try {
      return { facts: factsOf(frame), ...this.#pixelsOf(frame), release: () => undefined };
    } catch (error) {
      if (!(error instanceof VigiaError)) throw error;
      this.send(errorMessage(frame.seq, error.message, error.code));
      return undefined;
    }
  }

  #pixelsOf({ data, ref }: WorkerFrame): Pick<LentFrame, 'pixels' | 'whole'> {
    if (data) return { pixels: data, whole: () => true };
    if (ref) return this.#segments.pixelsOf(ref);
    throw new VigiaError('frame_invalid', 'the frame has neither data nor ref');
  }
}

/** The host's bytes until it closes the input or dies. */
async function* hostBytes(input: HostInput): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* input;
  } catch (error) {
    // A host that died shows as a system error; anything else is a bug.
    if (codeOf(error) !== 'ECONNRESET' && codeOf(error) !== 'EIO') throw error;
  }
}

function parseFrame(message: unknown): WorkerFrame {
  const parsed = workerFrameSchema.safeParse(message);
  if (parsed.success) return parsed.data;
  throw new VigiaError('bad_message', `the host sent a frame that is none: ${sentenceOf(parsed.error)}`);
}

/** @throws VigiaError `frame_invalid` when there are fewer pixels than the size requires. */
function factsOf(frame: WorkerFrame): LentFrame['facts'] {
  const { width, height, format, data, ref } = frame;
  const byteLength = data?.byteLength ?? ref?.byte_length ?? 0;
  if (format === 'JPEG' && !data) throw new VigiaError('frame_invalid', 'JPEG is sent as data only');
  return {
    cameraId: frame.camera_id,
    seq: frame.seq,
    capturedAt: new Date(frame.captured_at),
    capturedMonotonicNs: BigInt(frame.captured_monotonic_ns),
    sentAgeMs: frame.age_ms,
    ptsUs: frame.pts_us,
    width,
    height,
    format,
    planes: format === 'JPEG' ? [] : planesOf({ format, width, height }, byteLength, ref?.strides),
  };
}
