import { messageOf } from '@vigia/base';
import type { Mailbox, MailboxCounters, SlotLease } from '@vigia/frame-supplier';
import type { Flight, InFlight, RenderedPicture } from '#core/consumer';
import type { RenditionSpec } from '#core/media';
import type { Picture } from '#core/media/libav';
import type { DeliveryDesk, FrameDelivery, WorkerConsumerOptions } from './delivery.ts';
import { encodeMessage, frameHead, frameHeader, type FrameHeader, frameReference } from './frame-message.ts';
import type { WorkerInput } from './wanted-input.ts';
import { WorkerConsumer } from './worker-consumer.ts';
import type { WorkerLinkEvents } from './worker-link.ts';
import { WorkerProcess } from './worker-process.ts';

/** Makes the pictures that workers get. */
export interface WorkerRenditions {
  /** Another size or format within the memory of an admitted one; false when it does not fit. */
  admitWithin(spec: RenditionSpec, admitted: RenditionSpec): boolean;
  /** Scales a picture now. Undefined when no slot is free; may throw. */
  render(picture: Picture, spec: RenditionSpec, admitted: RenditionSpec): RenderedPicture | undefined;
  /** Lent while the lease is held. */
  pixelsOf(spec: RenditionSpec, admitted: RenditionSpec, lease: SlotLease): Buffer;
}

/** What rendering for a process needs. */
export interface ProcessRendering {
  readonly renditions: WorkerRenditions;
  /** Compresses RGB24 pixels. They are lent until it resolves. */
  readonly encodeJpeg: (pixels: Buffer, width: number, height: number) => Promise<Buffer>;
}

/** A consumer whose worker is a process. */
export function newProcessConsumer(
  options: WorkerConsumerOptions,
  rendering: ProcessRendering,
): WorkerConsumer<WorkerProcess> {
  return new WorkerConsumer<WorkerProcess>(options, (desk) => new ProcessDelivery(desk, rendering));
}

/**
 * Frames for a worker in a process: takes the newest picture when the worker is free, and writes its pixels or a reference
 * to them to the worker's standard input. Writes nothing before the answer to what it wrote before.
 */
class ProcessDelivery implements FrameDelivery<WorkerProcess> {
  readonly #desk: DeliveryDesk<WorkerProcess>;
  readonly #o: WorkerConsumerOptions;
  readonly #rendering: ProcessRendering;
  readonly #inFlight: InFlight;
  readonly #mailbox: Mailbox<Picture>;
  #input: WorkerInput;

  constructor(desk: DeliveryDesk<WorkerProcess>, rendering: ProcessRendering) {
    this.#desk = desk;
    this.#o = desk.options;
    this.#rendering = rendering;
    this.#inFlight = desk.inFlight;
    const { setup, supplier } = desk.options;
    this.#input = { spec: setup.input, jpeg: setup.worker.jpeg };
    this.#mailbox = supplier.subscribe(setup.id, { ...desk.gate(), onOffer: () => this.#sendNext() });
  }

  open(events: WorkerLinkEvents): WorkerProcess {
    const { setup, place, clock, log } = this.#o;
    return new WorkerProcess(setup, place, clock, log, events);
  }

  accept(input: WorkerInput): string | undefined {
    if (!this.#rendering.renditions.admitWithin(input.spec, this.#o.setup.input))
      return 'wants more memory than was planned';
    this.#input = input;
    return undefined;
  }

  workerReady(): void {
    this.#sendNext();
  }

  workerFree(): void {
    this.#sendNext();
  }

  /** The next picture to arrive is settled as `unavailable`. */
  workerGone(): void {}

  counters(): MailboxCounters {
    return this.#mailbox.counters();
  }

  /** A free worker gets the next due frame at once: it never leaves one unread. */
  unreadMs(): number {
    return 0;
  }

  close(): void {
    this.#mailbox.close();
  }

  /** Takes the newest picture, if it is due and the worker is free, and sends it or settles it as `unavailable`. */
  #sendNext(): void {
    if (this.#inFlight.busy) return;
    const picture = this.#mailbox.take();
    if (!picture) return;
    const flight = this.#inFlight.begin(picture, this.#o.keepPicture(), this.#mailbox);
    const process = this.#desk.worker.ready;
    if (process) this.#send(picture, flight, process);
    else this.#inFlight.end(this.#desk.notReady());
  }

  #send(picture: Picture, flight: Flight, process: WorkerProcess): void {
    const rendered = this.#render(picture);
    if (!rendered) return;
    if (this.#input.jpeg) this.#sendJpeg(flight, rendered, process);
    else if (this.#o.setup.worker.transport === 'shm') this.#sendReference(flight, rendered, process);
    else this.#sendPixels(flight, rendered, process);
  }

  /** Renders into a slot, or ends the flight with the reason why not. */
  #render(picture: Picture): RenderedPicture | undefined {
    let message = 'no free slot in the frame ring';
    try {
      const rendered = this.#rendering.renditions.render(picture, this.#input.spec, this.#o.setup.input);
      if (rendered) {
        this.#inFlight.rendered(rendered.geometry, rendered.lease);
        return rendered;
      }
    } catch (error) {
      message = messageOf(error);
    }
    this.#inFlight.end({ status: 'error', code: 'render', message });
    return undefined;
  }

  #sendReference(flight: Flight, rendered: RenderedPicture, process: WorkerProcess): void {
    const { spec } = this.#input;
    const ref = frameReference(rendered, spec);
    this.#write(process, encodeMessage({ ...this.#header(flight, spec.format), ref }));
  }

  #sendPixels(flight: Flight, { lease }: RenderedPicture, process: WorkerProcess): void {
    const pixels = this.#pixelsOf(lease);
    this.#write(process, frameHead(this.#header(flight, this.#input.spec.format), pixels.byteLength), pixels);
  }

  #sendJpeg(flight: Flight, { lease }: RenderedPicture, process: WorkerProcess): void {
    const { width, height } = this.#input.spec;
    this.#rendering.encodeJpeg(this.#pixelsOf(lease), width, height).then(
      (jpeg) => {
        // Its worker may have gone while the picture was compressed, and another one may be up.
        if (!this.#inFlight.isOpen(flight)) return;
        this.#write(process, frameHead(this.#header(flight, 'JPEG'), jpeg.byteLength), jpeg);
      },
      (error: unknown) => {
        if (this.#inFlight.isOpen(flight))
          this.#inFlight.end({ status: 'error', code: 'render', message: messageOf(error) });
      },
    );
  }

  #write(process: WorkerProcess, head: Buffer, tail?: Buffer): void {
    this.#desk.worker.sent();
    process.write(head, tail);
    this.#inFlight.sent();
  }

  #pixelsOf(lease: SlotLease): Buffer {
    return this.#rendering.renditions.pixelsOf(this.#input.spec, this.#o.setup.input, lease);
  }

  #header(flight: Flight, format: FrameHeader['format']): FrameHeader {
    return frameHeader(flight, this.#o.place.camera, this.#input.spec, format, this.#o.clock.nowMs());
  }
}
