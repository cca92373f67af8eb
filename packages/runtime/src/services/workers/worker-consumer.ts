import { messageOf } from '@vigia/base';
import { type FrameMetadata, packedBytes, type WorkerFrame, type WorkerResult } from '@vigia/contracts';
import type { Mailbox, MailboxCounters, SlotLease } from '@vigia/frame-supplier';
import type { Geometry, RenditionSpec } from '#core/media';
import type { Picture } from '#core/media/libav';
import { encodeMessage, frameHead, type FrameHeader } from './frame-message.ts';
import type { EndReason } from './lifecycle.ts';
import type { WorkerInput } from './wanted-input.ts';
import { WorkerFeed, type WorkerFeedOptions } from './worker-feed.ts';
import type { WorkerLinkEvents } from './worker-link.ts';
import { WorkerProcess } from './worker-process.ts';

/** A picture in shared memory. */
export interface Rendered {
  readonly lease: SlotLease;
  readonly geometry: Geometry;
  readonly reference: string;
  readonly metadata: FrameMetadata;
}

/** Makes the pictures that workers get. */
export interface WorkerRenditions {
  /** Another size or format within the memory of an admitted one; false when it does not fit. */
  admitWithin(spec: RenditionSpec, admitted: RenditionSpec): boolean;
  /** Scales a picture, now. Undefined when no slot is free; may throw. */
  render(picture: Picture, spec: RenditionSpec, admitted: RenditionSpec): Rendered | undefined;
  /** Lent while the lease is held. */
  pixelsOf(spec: RenditionSpec, admitted: RenditionSpec, lease: SlotLease): Buffer;
}

/** Options of {@link WorkerConsumer}. */
export interface WorkerConsumerOptions extends WorkerFeedOptions {
  readonly renditions: WorkerRenditions;
  /** Compresses RGB24 pixels. They are lent until it resolves. */
  readonly encodeJpeg: (pixels: Buffer, width: number, height: number) => Promise<Buffer>;
}

/**
 * One camera's frames for one worker in a process: takes the newest picture when the worker is free, gives it the pixels
 * or a reference, and turns whatever happens into exactly one result per picture taken. At most one in flight: nothing
 * is written before the answer to what was written before.
 */
export class WorkerConsumer extends WorkerFeed<WorkerProcess> {
  readonly #o: WorkerConsumerOptions;
  readonly #mailbox: Mailbox<Picture>;
  #input: WorkerInput;

  constructor(options: WorkerConsumerOptions) {
    super(options);
    this.#o = options;
    const { setup, supplier } = options;
    this.#input = { spec: setup.input, jpeg: setup.worker.jpeg };
    this.#mailbox = supplier.subscribe(setup.id, { ...this.gate, onOffer: () => this.#evaluate() });
  }

  protected open(events: WorkerLinkEvents): WorkerProcess {
    const { setup, place, clock, log } = this.#o;
    return new WorkerProcess(setup, place, clock, log, events);
  }

  protected accept(input: WorkerInput): string | undefined {
    if (!this.#o.renditions.admitWithin(input.spec, this.#o.setup.input)) return 'wants more memory than was planned';
    this.#input = input;
    return undefined;
  }

  protected onFree(): void {
    this.#evaluate();
  }

  protected onAnswer(result: WorkerResult): string | undefined {
    const problem = this.inFlight.answer(result);
    if (problem === undefined) this.#evaluate();
    return problem;
  }

  protected onGone(reason: EndReason): void {
    this.inFlight.gone(reason);
  }

  protected settled(): void {
    this.#mailbox.settle();
  }

  protected counters(): MailboxCounters {
    return this.#mailbox.counters();
  }

  /** A free worker is given the next due frame at once: it waits for us, not we for it. */
  protected unreadMs(): number {
    return 0;
  }

  protected leave(settleInFlight: () => void): void {
    settleInFlight();
    this.#mailbox.close();
  }

  /** Looks whether there is something to do: on arrival, and when the worker is free again. */
  #evaluate(): void {
    if (this.closing || this.inFlight.busy || !this.#mailbox.hasDue()) return;
    const process = this.worker.ready;
    const picture = this.#mailbox.takeDue();
    this.inFlight.begin(picture, this.#o.keepPicture());
    if (process) this.#send(picture, process);
    else this.inFlight.end(this.notReady());
  }

  #send(picture: Picture, process: WorkerProcess): void {
    const { spec, jpeg } = this.#input;
    const rendered = this.#render(picture, spec);
    if (!rendered) return;
    if (jpeg) {
      this.#sendJpeg(picture, rendered, process);
      return;
    }
    this.worker.sent();
    if (this.#o.setup.worker.transport === 'shm')
      process.write(encodeMessage(this.#reference(picture, spec, rendered)));
    else {
      const pixels = this.#o.renditions.pixelsOf(spec, this.#o.setup.input, rendered.lease);
      process.write(frameHead(this.#header(picture, spec, spec.format), pixels.byteLength), pixels);
    }
    this.inFlight.sent();
  }

  /** Renders into a slot, or ends the flight with the reason why not. */
  #render(picture: Picture, spec: RenditionSpec): Rendered | undefined {
    let message = 'no free slot in the frame ring';
    try {
      const rendered = this.#o.renditions.render(picture, spec, this.#o.setup.input);
      if (rendered) {
        this.inFlight.rendered(rendered.geometry, rendered.lease);
        return rendered;
      }
    } catch (error) {
      message = messageOf(error);
    }
    this.inFlight.end({ status: 'error', code: 'render', message });
    return undefined;
  }

  #sendJpeg(picture: Picture, rendered: Rendered, process: WorkerProcess): void {
    const { spec } = this.#input;
    const pixels = this.#o.renditions.pixelsOf(spec, this.#o.setup.input, rendered.lease);
    this.#o.encodeJpeg(pixels, spec.width, spec.height).then(
      (jpeg) => {
        // The worker it was for may be gone by now, and another one be there.
        if (!this.inFlight.isOpen(picture)) return;
        this.worker.sent();
        process.write(frameHead(this.#header(picture, spec, 'JPEG'), jpeg.byteLength), jpeg);
        this.inFlight.sent();
      },
      (error: unknown) => {
        if (this.inFlight.isOpen(picture))
          this.inFlight.end({ status: 'error', code: 'render', message: messageOf(error) });
      },
    );
  }

  #reference(picture: Picture, spec: RenditionSpec, { reference, metadata }: Rendered): WorkerFrame {
    const { epoch = '', generation = '', slot = 0, offset = 0, strides = [] } = metadata;
    const byteLength = packedBytes(spec.format, spec.width, spec.height);
    const ref = { path: reference, epoch, slot, generation, offset, byte_length: byteLength, strides };
    return { ...this.#header(picture, spec, spec.format), ref };
  }

  #header({ seq, stamps }: Picture, { width, height }: RenditionSpec, format: FrameHeader['format']): FrameHeader {
    return {
      type: 'frame',
      camera_id: this.#o.place.camera,
      seq,
      captured_at: new Date(stamps.capturedWallMs).toISOString(),
      captured_monotonic_ns: Math.round(stamps.capturedMs * 1e6).toString(),
      age_ms: Math.round((this.#o.clock.nowMs() - stamps.capturedMs) * 1000) / 1000,
      pts_us: stamps.ptsUs,
      width,
      height,
      format,
    };
  }
}
