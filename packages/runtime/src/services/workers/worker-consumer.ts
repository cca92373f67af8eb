import type { WorkerResult, WorkerWants } from '@vigia/contracts';
import type { ConsumerTerms } from '#core/camera-link';
import type { Consumer, ConsumerLook, ConsumerStatus, Outcome, WorkerControl } from '#core/consumer';
import { InFlight } from '#core/consumer';
import type { DeliveryDesk, FrameDelivery, WorkerConsumerOptions } from './delivery.ts';
import type { EndReason } from './lifecycle.ts';
import { SupervisedWorker } from './supervised-worker.ts';
import { wantedInput } from './wanted-input.ts';
import { acceptAnswer, goneOutcome } from './worker-answers.ts';
import type { WorkerLink } from './worker-link.ts';

/** States in which no process or thread is up. */
const DOWN = new Set(['starting', 'restarting', 'failed', 'stopped']);

/**
 * The consumer of one camera's frames that has a worker: combines the watched worker, its one picture in flight, and the
 * delivery that brings frames to it. Gives one result for each picture taken.
 */
export class WorkerConsumer<L extends WorkerLink> implements Consumer {
  #o: WorkerConsumerOptions;
  readonly #inFlight: InFlight;
  readonly #worker: SupervisedWorker<L>;
  readonly #delivery: FrameDelivery<L>;
  #fps: number | undefined;
  #closing: Promise<void> | undefined;

  /** @param newDelivery Makes the delivery, which must not take a picture before the constructor returns. */
  constructor(options: WorkerConsumerOptions, newDelivery: (desk: DeliveryDesk<L>) => FrameDelivery<L>) {
    this.#o = options;
    this.#fps = options.setup.fps;
    this.#inFlight = this.#newInFlight();
    this.#worker = this.#newWorker();
    this.#delivery = newDelivery({
      options,
      inFlight: this.#inFlight,
      worker: this.#worker,
      gate: () => (this.#fps === undefined ? {} : { fps: this.#fps }),
      notReady: () => this.#notReady(),
    });
  }

  get worker(): WorkerControl {
    return this.#worker;
  }

  start(): void {
    this.#worker.start();
  }

  watch({ breach, live }: ConsumerLook): void {
    const { supplier } = this.#o;
    const sentForMs = this.#inFlight.sentForMs;
    this.#worker.watch({
      frameOut: sentForMs !== undefined,
      waitingMs: sentForMs ?? this.#delivery.unreadMs(live),
      intervalMs: Math.max(supplier.sourceIntervalMs, this.#fps === undefined ? 0 : 1000 / this.#fps),
      breach,
    });
  }

  pace(fps: number | undefined): void {
    const { supplier, setup } = this.#o;
    this.#fps = fps ?? setup.fps;
    supplier.pace(setup.id, this.#fps);
  }

  /** Its class decides about its process too: another one is for another process. */
  tune({ fps, maxAgeMs }: ConsumerTerms): void {
    this.#o = { ...this.#o, setup: { ...this.#o.setup, fps, maxAgeMs } };
  }

  report(): ConsumerStatus {
    const { setup } = this.#o;
    const { state, reason } = this.#worker.state;
    const { offered, delivered, pending, dropped } = this.#delivery.counters();
    return {
      kind: 'worker',
      model: null,
      worker: setup.worker.id,
      sla: setup.sla,
      state,
      reason: reason?.message ?? null,
      process: this.#worker.report(),
      published: offered,
      delivered,
      pending,
      dropped,
      ...this.#inFlight.report(),
      restarts: this.#worker.restarts,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#inFlight.close();
    this.#delivery.close();
    await this.#worker.close();
  }

  #newInFlight(): InFlight {
    const { setup, place, clock, onResult } = this.#o;
    const { node, boot, camera } = place;
    return new InFlight({
      subject: { node, boot, camera, consumer: setup.id, model: null, worker: setup.worker.id },
      sla: setup.sla,
      deadlineMs: setup.deadlineMs,
      clock,
      onResult,
      // The worker still reads the pixels: it is not free before it answers or is gone.
      onDeadline: (timeout) => this.#inFlight.settle(timeout),
    });
  }

  #newWorker(): SupervisedWorker<L> {
    const { setup, clock, log, onState } = this.#o;
    return new SupervisedWorker<L>({
      setup,
      clock,
      log,
      open: (events) => this.#delivery.open(events),
      onReady: (wants) => this.#onReady(wants),
      onResult: (result) => this.#onAnswer(result),
      onGone: (reason) => this.#onGone(reason),
      onState: (state) => {
        onState(state, this.#worker.lastLines);
        if (state.state === 'ready') this.#delivery.workerReady();
      },
    });
  }

  #onReady(wants: WorkerWants | undefined): string | undefined {
    const input = wantedInput(this.#o.setup, wants);
    return typeof input === 'string' ? input : this.#delivery.accept(input);
  }

  #onAnswer(result: WorkerResult): string | undefined {
    const problem = acceptAnswer(this.#inFlight, result);
    if (problem === undefined) this.#delivery.workerFree();
    return problem;
  }

  #onGone(reason: EndReason): void {
    this.#inFlight.end(goneOutcome(this.#o.setup.worker.id, reason));
    this.#delivery.workerGone();
  }

  #notReady(): Outcome {
    const { state, reason } = this.#worker.state;
    const why = reason === null ? '' : `: it ${reason.message}`;
    const code = state === 'failed' ? 'worker_failed' : 'worker_not_ready';
    // A worker that was killed and has not exited yet still has the state that it had before.
    const now = DOWN.has(state) ? state : 'being ended';
    return { status: 'unavailable', code, message: `worker ${this.#o.setup.worker.id} is ${now}${why}` };
  }
}
