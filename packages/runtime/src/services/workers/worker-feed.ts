import type { Clock, Log } from '@vigia/base';
import type { ResultMessage, WorkerResult, WorkerWants } from '@vigia/contracts';
import type { FrameSupplier, MailboxCounters } from '@vigia/frame-supplier';
import type { ConsumerCounts, WorkerConsumerSetup } from '#core/camera-link';
import type { Picture } from '#core/media/libav';
import type { Outcome } from '#core/results';
import { InFlight } from './in-flight.ts';
import type { EndReason, LifecycleState } from './lifecycle.ts';
import { SupervisedWorker } from './supervised-worker.ts';
import { type WorkerInput, wantedInput } from './wanted-input.ts';
import type { WorkerLink, WorkerLinkEvents } from './worker-link.ts';
import type { WorkerPlace } from './worker-process.ts';

/** What every worker's consumer needs, be the worker a process or a thread. */
export interface WorkerFeedOptions {
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

/**
 * One camera's frames for one worker, whatever carries them: the worker that is watched, the one picture that it has, its
 * gate and its counts. How a picture gets there is up to the kind of worker.
 */
export abstract class WorkerFeed<L extends WorkerLink> {
  readonly #o: WorkerFeedOptions;
  protected readonly inFlight: InFlight;
  protected readonly worker: SupervisedWorker<L>;
  #fps: number | undefined;
  #closing: Promise<void> | undefined;
  /** Before `#closing` is there: what leaving brings about must not take another picture. */
  #leaving = false;

  constructor(options: WorkerFeedOptions) {
    this.#o = options;
    const { setup, place, clock, log } = options;
    this.#fps = setup.fps;
    this.inFlight = new InFlight({
      subject: { camera: place.camera, consumer: setup.id, model: null, worker: setup.worker.id },
      worker: setup.worker.id,
      deadlineMs: setup.deadlineMs,
      clock,
      onResult: options.onResult,
      onSettled: () => this.settled(),
    });
    this.worker = new SupervisedWorker<L>({
      setup,
      clock,
      log,
      open: (events) => this.open(events),
      onReady: (wants) => this.#onReady(wants),
      onResult: (result) => this.onAnswer(result),
      onGone: (reason) => this.onGone(reason),
      onState: (state) => {
        options.onState(state, this.worker.lastLines);
        if (state.state === 'ready') this.onFree();
      },
    });
  }

  /** Starts the worker. */
  start(): void {
    this.worker.start();
  }

  /**
   * To be called about twice a second.
   *
   * @param breach What its SLA says; null when it is kept.
   * @param live Its camera gives pictures.
   */
  watch(breach: string | null, live: boolean): void {
    const { supplier } = this.#o;
    const outMs = this.inFlight.outForMs;
    this.worker.watch({
      frameOut: outMs !== undefined,
      waitingMs: outMs ?? this.unreadMs(live),
      intervalMs: Math.max(supplier.sourceIntervalMs, this.#fps === undefined ? 0 : 1000 / this.#fps),
      breach,
    });
  }

  /** Another rate than the configured one, or with undefined the configured one. */
  pace(fps: number | undefined): void {
    const { supplier, setup } = this.#o;
    this.#fps = fps ?? setup.fps;
    supplier.pace(setup.id, this.#fps);
  }

  /** It must go, for a reason that others saw; its policy says what then. @param pid Of the process that was meant. */
  end(reason: EndReason, pid: number): void {
    this.worker.end(reason, pid);
  }

  /** Somebody wants the worker to be started again, one that has failed too. */
  restart(): void {
    this.worker.restart();
  }

  /** Leaves: the pending picture becomes `closed`, the one in flight `unavailable`. Resolves when the worker is gone. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Starts after the first. */
  get restarts(): number {
    return this.worker.restarts;
  }

  /** A consistent copy of the counters; ages are kept by who receives the results. */
  report(): ConsumerCounts {
    const { setup } = this.#o;
    const { state, reason } = this.worker.state;
    const { offered, delivered, pending, dropped } = this.counters();
    return {
      kind: 'worker',
      model: null,
      worker: setup.worker.id,
      sla: setup.sla,
      state,
      reason: reason?.message ?? null,
      process: this.worker.report(),
      published: offered,
      delivered,
      pending,
      dropped,
      ...this.inFlight.report(),
    };
  }

  protected get closing(): boolean {
    return this.#leaving;
  }

  /** Its gate, as it is now. */
  protected get gate(): { readonly fps?: number } {
    return this.#fps === undefined ? {} : { fps: this.#fps };
  }

  /** What a picture is told that came while the worker could not take it. */
  protected notReady(): Outcome {
    const { state, reason } = this.worker.state;
    const why = reason === null ? '' : `: it ${reason.message}`;
    const code = state === 'failed' ? 'worker_failed' : 'worker_not_ready';
    // Killed, and not gone yet: its state still says how it did before.
    const now = ['starting', 'restarting', 'failed', 'stopped'].includes(state) ? state : 'being ended';
    return { status: 'unavailable', code, message: `worker ${this.#o.setup.worker.id} is ${now}${why}` };
  }

  /** Starts the process or thread. May throw. */
  protected abstract open(events: WorkerLinkEvents): L;
  /** What it gets from now on. @returns a sentence when it cannot have that. */
  protected abstract accept(input: WorkerInput): string | undefined;
  /** The worker became ready. */
  protected abstract onFree(): void;
  /** @returns a sentence when this answer was not asked for. */
  protected abstract onAnswer(result: WorkerResult): string | undefined;
  protected abstract onGone(reason: EndReason): void;
  /** The result of the picture in flight is known. */
  protected abstract settled(): void;
  protected abstract counters(): MailboxCounters;
  /** For how long a frame has been there that the worker does not ask for, milliseconds. */
  protected abstract unreadMs(live: boolean): number;
  /** Takes no more frames, and has `settleInFlight` end the one in flight, where its kind of mailbox wants that. */
  protected abstract leave(settleInFlight: () => void): void;

  #onReady(wants: WorkerWants | undefined): string | undefined {
    const input = wantedInput(this.#o.setup, wants);
    return typeof input === 'string' ? input : this.accept(input);
  }

  async #close(): Promise<void> {
    this.#leaving = true;
    this.leave(() => this.inFlight.close());
    await this.worker.close();
  }
}
