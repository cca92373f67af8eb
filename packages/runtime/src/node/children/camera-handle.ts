import { redact, VigiaError } from '@vigia/base';
import type {
  CameraReport,
  CameraStateMessage,
  ConsumerReport,
  EventMessage,
  ResultMessage,
  Slowed,
} from '@vigia/contracts';
import type { CameraSetup, CameraSnapshot, StateNotice } from '#core/camera-link';
import { CameraGeneration, type CameraGenerationOptions } from './camera-generation.ts';
import { Succession } from './generation.ts';
import { onlyConsumers, reportOf } from './totals.ts';

/** Options of {@link CameraHandle}. */
export interface CameraHandleOptions
  extends Omit<CameraGenerationOptions, 'before' | 'slowed' | 'extraStopMs' | 'onState'> {
  readonly onState: (state: CameraStateMessage) => void;
  /** Ages of a consumer's ok results so far; null before the first. */
  readonly agesOf: (camera: string, consumer: string) => ConsumerReport['age_ms'];
  /** A consumer has another meaning from now on: its ages begin anew. */
  readonly forgetAges: (camera: string, consumer: string) => void;
  /** How long a process with this setup may take to stop beyond what every process may. Milliseconds. */
  readonly extraStopMs: (setup: CameraSetup) => number;
}

/** The node's side of one camera: replaces its generations, remembers its state, and reports over all of them. */
export class CameraHandle {
  readonly kind = 'camera';
  readonly id: string;
  readonly #o: CameraHandleOptions;
  readonly #generations: Succession<CameraGeneration>;
  /** Consumers that are slowed. */
  readonly #slowed = new Map<string, Slowed>();
  #state: CameraStateMessage;
  #everLive = false;
  /** Restarts of generations that were replaced. */
  #restartsBefore = 0;
  #closing: Promise<void> | undefined;

  constructor(options: CameraHandleOptions) {
    this.#o = options;
    this.id = options.setup.camera;
    this.#state = this.#stateMessage({ state: 'connecting', reason: null, message: null, retryInMs: null });
    this.#generations = new Succession(this.#generation(options.setup, undefined));
  }

  get pids(): readonly number[] {
    return this.#generations.pids;
  }

  /** The settings of its process. */
  get setup(): CameraSetup {
    return this.#generations.current.setup;
  }

  get state(): CameraStateMessage {
    return this.#state;
  }

  /** Whether a picture ever came. */
  get everLive(): boolean {
    return this.#everLive;
  }

  start(): void {
    this.#generations.current.start();
  }

  /** Stops the process and removes what it left. Resolves when it is gone. Idempotent. */
  stop(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  /**
   * Ends the process in order and starts one with other settings (or the same ones). The camera's counters go on, and
   * those of the consumers that are kept; the others' end. Resolves when the new one is on its way. After `stop` it does
   * nothing.
   *
   * @param kept Ids of consumers of `setup` that mean the same as before.
   */
  replace(setup: CameraSetup, kept: readonly string[]): Promise<void> {
    const keep = new Set(kept);
    return this.#generations.replace((before) => {
      this.#restartsBefore += before.restarts;
      for (const consumer of Object.keys(before.counters.consumers)) if (!keep.has(consumer)) this.#forget(consumer);
      const next = this.#generation(setup, onlyConsumers(before.counters, keep));
      this.#onState({ state: 'connecting', reason: null, message: null, retryInMs: null });
      return next;
    });
  }

  /** Counters as last heard, at most half a second old. */
  recentReport(): CameraReport {
    return this.#report(this.#generations.current.counters);
  }

  /** Counters as of now; as last heard when the process does not answer within half a second. */
  async report(): Promise<CameraReport> {
    return this.#report(await this.#generations.current.freshCounters());
  }

  /** A JPEG of the next picture; annotated, of the next one that has a result. Rejects with a sentence. */
  async picture(annotated: boolean): Promise<Uint8Array> {
    const { state, message } = this.#state;
    if (state !== 'live')
      throw new VigiaError('camera_not_live', `camera ${this.id} is ${state}${message ? `: ${message}` : ''}`);
    return this.#generations.current.picture(annotated);
  }

  /** Another rate for a consumer, or with null the configured one; for its next process too. */
  pace(consumer: string, slowed: Slowed | null): void {
    if (slowed) this.#slowed.set(consumer, slowed);
    else this.#slowed.delete(consumer);
    this.#generations.current.pace(consumer, slowed);
  }

  /** Ends the process of a worker; its policy decides what follows. */
  endWorker(worker: Parameters<CameraGeneration['endWorker']>[0]): void {
    this.#generations.current.endWorker(worker);
  }

  /** Starts a worker again, a failed one too. Rejects with `no_answer` when the camera has no process at the moment. */
  restartWorker(consumer: string): Promise<void> {
    return this.#generations.current.restartWorker(consumer);
  }

  #generation(setup: CameraSetup, before: CameraSnapshot | undefined): CameraGeneration {
    const { onResult, onWorkerState, onEvent, extraStopMs } = this.#o;
    return new CameraGeneration({
      ...this.#o,
      setup,
      before,
      slowed: this.#slowed,
      extraStopMs: extraStopMs(setup),
      onState: (state) => {
        // The end that the node asked for is reported when the process is gone; a source that is over is news.
        if (state.state !== 'stopped' || state.reason !== null) this.#onState(state);
      },
      onResult: (result) => onResult(resultWithoutSecrets(result)),
      onWorkerState: (state) => onWorkerState(withoutSecrets(state)),
      onEvent: (event) => onEvent(withoutSecrets(event)),
    });
  }

  async #stop(): Promise<void> {
    await this.#generations.close();
    if (this.#state.state !== 'stopped')
      this.#onState({ state: 'stopped', reason: null, message: null, retryInMs: null });
  }

  #forget(consumer: string): void {
    this.#slowed.delete(consumer);
    this.#o.forgetAges(this.id, consumer);
  }

  #report(counters: CameraSnapshot): CameraReport {
    const { state, reason } = this.#state;
    // A large stream that was taken out of the configuration is no part of this camera any more.
    const main = this.setup.detectSource === undefined ? null : counters.main;
    return reportOf(
      { ...counters, main },
      { state, reason, restarts: this.#restartsBefore + this.#generations.current.restarts },
      (consumer) => this.#o.agesOf(this.id, consumer),
    );
  }

  #onState(state: StateNotice): void {
    if (state.state === 'live') this.#everLive = true;
    this.#state = this.#stateMessage(state);
    this.#o.onState(this.#state);
  }

  #stateMessage({ state, reason, message, retryInMs }: StateNotice): CameraStateMessage {
    return {
      camera: this.id,
      state,
      reason,
      // A camera's process does not know the secrets.
      message: message === null ? null : redact(message),
      retry_in_ms: retryInMs === null ? null : Math.round(retryInMs),
      at: new Date(this.#o.clock.wallMs()).toISOString(),
    };
  }
}

/** What a worker says about its failure may hold secrets that it does not know to be secret. */
function resultWithoutSecrets(result: ResultMessage): ResultMessage {
  if (result.error === null) return result;
  return { ...result, error: { ...result.error, message: redact(result.error.message) } };
}

/** A camera's process does not know the secrets; what a worker prints may hold them. */
function withoutSecrets<T extends { readonly message: string | null } & Pick<EventMessage, 'stderr'>>(said: T): T {
  const message = said.message === null ? null : redact(said.message);
  return { ...said, message, ...(said.stderr ? { stderr: said.stderr.map(redact) } : {}) };
}
