import { type Clock, type Log, messageOf } from '@vigia/base';
import {
  type FrameMetadata,
  packedBytes,
  type ResultMessage,
  type WorkerFrame,
  type WorkerResult,
  type WorkerWants,
} from '@vigia/contracts';
import type { FrameSupplier, Mailbox, SlotLease } from '@vigia/frame-supplier';
import type { ConsumerCounts, WorkerConsumerSetup } from '#core/ipc';
import type { Geometry, RenditionSpec } from '#core/media';
import type { Picture } from '#core/media/libav';
import type { Outcome } from '#core/results';
import { encodeMessage, frameHead, type FrameHeader } from './frame-message.ts';
import { InFlight } from './in-flight.ts';
import type { LifecycleState } from './lifecycle.ts';
import { SupervisedWorker } from './supervised-worker.ts';
import { type WorkerInput, wantedInput } from './wanted-input.ts';
import { type WorkerPlace, WorkerProcess } from './worker-process.ts';

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

/** What every worker's consumer needs, be the worker a process or a thread. */
export interface WorkerConsumerOptions {
  readonly setup: WorkerConsumerSetup;
  readonly place: WorkerPlace;
  readonly clock: Clock;
  readonly log: Log;
  readonly supplier: FrameSupplier<Picture>;
  readonly onState: (state: LifecycleState, lastLines: readonly string[]) => void;
  /** Every result, in order. `picture` is there only when `keepPicture` said so; borrowed until the call returns. */
  readonly onResult: (result: ResultMessage, picture: Picture | undefined) => void;
  /** Whether the next taken picture is to be kept until its result (for a snapshot). */
  readonly keepPicture: () => boolean;
}

/** Options of {@link WorkerConsumer}. */
export interface ProcessWorkerConsumerOptions extends WorkerConsumerOptions {
  readonly renditions: WorkerRenditions;
  /** Compresses RGB24 pixels. They are lent until it resolves. */
  readonly encodeJpeg: (pixels: Buffer, width: number, height: number) => Promise<Buffer>;
}

/**
 * One camera's frames for one worker in a process: takes the newest picture when the worker is free, gives it the pixels
 * or a reference, and turns whatever happens into exactly one result per picture taken. At most one in flight: nothing
 * is written before the answer to what was written before.
 */
export class WorkerConsumer {
  readonly #o: ProcessWorkerConsumerOptions;
  readonly #worker: SupervisedWorker<WorkerProcess>;
  readonly #mailbox: Mailbox<Picture>;
  readonly #inFlight: InFlight;
  #input: WorkerInput;
  #fps: number | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ProcessWorkerConsumerOptions) {
    this.#o = options;
    const { setup, place, clock, log, supplier } = options;
    this.#input = { spec: setup.input, jpeg: setup.worker.jpeg };
    this.#fps = setup.fps;
    this.#inFlight = new InFlight({
      subject: { camera: place.camera, consumer: setup.id, model: null, worker: setup.worker.id },
      worker: setup.worker.id,
      deadlineMs: setup.deadlineMs,
      clock,
      onResult: options.onResult,
      onSettled: () => this.#mailbox.settle(),
    });
    this.#worker = new SupervisedWorker<WorkerProcess>({
      setup,
      clock,
      log,
      open: (events) => new WorkerProcess(setup, place, clock, log, events),
      onReady: (wants) => this.#onReady(wants),
      onResult: (result) => this.#onAnswer(result),
      onGone: (reason) => this.#inFlight.gone(reason),
      onState: (state) => this.#onState(state),
    });
    this.#mailbox = supplier.subscribe(setup.id, {
      ...(setup.fps === undefined ? {} : { fps: setup.fps }),
      onOffer: () => this.evaluate(),
    });
  }

  /** Starts the worker. */
  start(): void {
    this.#worker.start();
  }

  /** Looks whether there is something to do: called on arrival, and when the worker is free again. */
  evaluate(): void {
    if (this.#closing || this.#inFlight.busy || !this.#mailbox.hasDue()) return;
    const process = this.#worker.ready;
    const picture = this.#mailbox.takeDue();
    this.#inFlight.begin(picture, this.#o.keepPicture());
    if (!process) this.#inFlight.end(notReady(this.#o.setup.worker.id, this.#worker.state));
    else this.#send(picture, process);
  }

  /** To be called about twice a second. @param breach What its SLA says; null when it is kept. */
  watch(breach: string | null): void {
    const outMs = this.#inFlight.outForMs;
    // A free worker is given the next due frame at once: it waits for us, not we for it.
    this.#worker.watch({
      frameOut: outMs !== undefined,
      waitingMs: outMs ?? 0,
      intervalMs: intervalOf(this.#o, this.#fps),
      breach,
    });
  }

  /** Another rate than the configured one, or with undefined the configured one. */
  pace(fps: number | undefined): void {
    this.#fps = fps ?? this.#o.setup.fps;
    this.#o.supplier.pace(this.#o.setup.id, this.#fps);
  }

  /** Leaves: the pending picture becomes `closed`, the one in flight `unavailable`. Resolves when the worker is gone. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Starts after the first. */
  get restarts(): number {
    return this.#worker.restarts;
  }

  /** A consistent copy of the counters; ages are kept by who receives the results. */
  report(): ConsumerCounts {
    const { offered, delivered, pending, dropped } = this.#mailbox.counters();
    return {
      ...describe(this.#o.setup, this.#worker),
      published: offered,
      delivered,
      pending,
      dropped,
      ...this.#inFlight.report(),
    };
  }

  async #close(): Promise<void> {
    this.#inFlight.close();
    this.#mailbox.close();
    await this.#worker.close();
  }

  #onState(state: LifecycleState): void {
    this.#o.onState(state, this.#worker.lastLines);
    if (state.state === 'ready') this.evaluate();
  }

  #onReady(wants: WorkerWants | undefined): string | undefined {
    const input = wantedInput(this.#o.setup, wants);
    if (typeof input === 'string') return input;
    if (!this.#o.renditions.admitWithin(input.spec, this.#o.setup.input)) return 'wants more memory than was planned';
    this.#input = input;
    return undefined;
  }

  #onAnswer(result: WorkerResult): string | undefined {
    const problem = this.#inFlight.answer(result);
    if (problem === undefined) this.evaluate();
    return problem;
  }

  #send(picture: Picture, process: WorkerProcess): void {
    const { spec, jpeg } = this.#input;
    const rendered = this.#render(picture, spec);
    if (!rendered) return;
    if (jpeg) {
      this.#sendJpeg(picture, rendered, process);
      return;
    }
    this.#worker.sent();
    if (this.#o.setup.worker.transport === 'shm')
      process.write(encodeMessage(this.#reference(picture, spec, rendered)));
    else {
      const pixels = this.#o.renditions.pixelsOf(spec, this.#o.setup.input, rendered.lease);
      process.write(frameHead(this.#header(picture, spec, spec.format), pixels.byteLength), pixels);
    }
    this.#inFlight.sent();
  }

  /** Renders into a slot, or ends the flight with the reason why not. */
  #render(picture: Picture, spec: RenditionSpec): Rendered | undefined {
    let message = 'no free slot in the frame ring';
    try {
      const rendered = this.#o.renditions.render(picture, spec, this.#o.setup.input);
      if (rendered) {
        this.#inFlight.rendered(rendered.geometry, () => rendered.lease.release());
        return rendered;
      }
    } catch (error) {
      message = messageOf(error);
    }
    this.#inFlight.end({ status: 'error', code: 'render', message });
    return undefined;
  }

  #sendJpeg(picture: Picture, rendered: Rendered, process: WorkerProcess): void {
    const { spec } = this.#input;
    const pixels = this.#o.renditions.pixelsOf(spec, this.#o.setup.input, rendered.lease);
    this.#o.encodeJpeg(pixels, spec.width, spec.height).then(
      (jpeg) => {
        // The worker it was for may be gone by now, and another one be there.
        if (!this.#inFlight.isOpen(picture)) return;
        this.#worker.sent();
        process.write(frameHead(this.#header(picture, spec, 'JPEG'), jpeg.byteLength), jpeg);
        this.#inFlight.sent();
      },
      (error: unknown) => {
        if (this.#inFlight.isOpen(picture))
          this.#inFlight.end({ status: 'error', code: 'render', message: messageOf(error) });
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

/** What a picture is told that came while the worker could not take it. */
export function notReady(worker: string, { state, reason }: LifecycleState): Outcome {
  const why = reason === null ? '' : `: it ${reason.message}`;
  const code = state === 'failed' ? 'worker_failed' : 'worker_not_ready';
  // Killed, and not gone yet: its state still says how it did before.
  const now = ['starting', 'restarting', 'failed', 'stopped'].includes(state) ? state : 'being ended';
  return { status: 'unavailable', code, message: `worker ${worker} is ${now}${why}` };
}

/** Milliseconds between two frames that a worker gets. @param fps Of its gate, as it is now. */
export function intervalOf({ supplier }: WorkerConsumerOptions, fps: number | undefined): number {
  return Math.max(supplier.sourceIntervalMs, fps === undefined ? 0 : 1000 / fps);
}

/** The part of a report that says who the consumer is and how its worker does. */
export function describe(
  setup: WorkerConsumerSetup,
  worker: Pick<SupervisedWorker<WorkerProcess>, 'state' | 'report'>,
): Pick<ConsumerCounts, 'kind' | 'model' | 'worker' | 'sla' | 'state' | 'reason' | 'process'> {
  const { state, reason } = worker.state;
  return {
    kind: 'worker',
    model: null,
    worker: setup.worker.id,
    sla: setup.sla,
    state,
    reason: reason?.message ?? null,
    process: worker.report(),
  };
}
