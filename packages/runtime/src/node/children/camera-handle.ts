import { quoted, VigiaError } from '@vigia/base';
import type {
  CameraReport,
  CameraStateMessage,
  ConsumerReport,
  EventMessage,
  ResultMessage,
  Slowed,
} from '@vigia/contracts';
import type { CameraSetup, CameraSnapshot, RuleNotice, StateNotice, Tile } from '#core/camera-link';
import { CameraGeneration, type CameraGenerationOptions } from './camera-generation.ts';
import { Succession } from './generation.ts';
import { Paces } from './paces.ts';
import { onlyConsumers, reportOf, TEXT_LIMIT } from './totals.ts';

/** Options of {@link CameraHandle}. */
export interface CameraHandleOptions
  extends Omit<
    CameraGenerationOptions,
    'before' | 'slowed' | 'extraStopMs' | 'memoryLimitBytes' | 'onState' | 'onRule'
  > {
  readonly onState: (state: CameraStateMessage) => void;
  readonly onRule: (camera: string, notice: RuleNotice) => void;
  /** Ages of a consumer's ok results; null before the first one. */
  readonly agesOf: (camera: string, consumer: string) => ConsumerReport['age_ms'];
  /** A consumer was replaced or removed: its ages start from zero. */
  readonly forgetAges: (camera: string, consumer: string) => void;
  /** How long a process with this setup may take to stop, beyond the time that every process has. Milliseconds. */
  readonly extraStopMs: (setup: CameraSetup) => number;
  /** The most anonymous memory of a process with this setup. Bytes. */
  readonly memoryLimitBytes: (setup: CameraSetup) => number;
}

/**
 * The supervisor's side of one camera. Replaces its generations, keeps its state, and reports counters over all of
 * them.
 */
export class CameraHandle {
  readonly kind = 'camera';
  readonly id: string;
  readonly #o: CameraHandleOptions;
  readonly #generations: Succession<CameraGeneration>;
  readonly #paces = new Paces();
  #state: CameraStateMessage;
  #everLive = false;
  #lastProblem: string | undefined;
  /** Restarts of earlier generations. */
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

  /** The settings of the current process. */
  get setup(): CameraSetup {
    return this.#generations.current.setup;
  }

  get state(): CameraStateMessage {
    return this.#state;
  }

  /** Whether the camera has ever delivered a picture. */
  get everLive(): boolean {
    return this.#everLive;
  }

  /** The latest sentence about why it gave no picture; undefined when there was none. */
  get lastProblem(): string | undefined {
    return this.#lastProblem;
  }

  start(): void {
    this.#generations.current.start();
  }

  /** Stops the process and removes its shared memory. Resolves when the process is gone. Idempotent. */
  stop(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  /**
   * Stops the process and starts one with other settings, or with the same ones. The counters of the camera and of kept
   * consumers continue; those of other consumers are discarded. Resolves when the new process has been started. Does
   * nothing after `stop`.
   *
   * @param kept Ids of the consumers in `setup` whose counters continue.
   */
  replace(setup: CameraSetup, kept: readonly string[]): Promise<void> {
    const keep = new Set(kept);
    return this.#generations.replace((before) => {
      this.#restartsBefore += before.restarts;
      for (const consumer of Object.keys(before.counters.consumers))
        if (!keep.has(consumer)) this.#o.forgetAges(this.id, consumer);
      const next = this.#generation(setup, onlyConsumers(before.counters, keep));
      this.#onState({ state: 'connecting', reason: null, message: null, retryInMs: null });
      return next;
    });
  }

  /**
   * Switches consumers on and off and gives them the terms of a setup that differs in nothing else. The process goes on, unless it
   * does not take them: then it is replaced. Counters of a consumer that is switched off are discarded.
   */
  async tune(setup: CameraSetup): Promise<void> {
    const on = new Set(setup.consumers.map(({ id }) => id));
    const off = this.setup.consumers.filter(({ id }) => !on.has(id));
    try {
      await this.#generations.inTurn((current) => current.tune(setup));
      for (const { id } of off) this.#o.forgetAges(this.id, id);
    } catch {
      const kept = setup.consumers.map(({ id }) => id);
      await this.replace(setup, kept);
    }
  }

  /** The latest known counters, at most half a second old. */
  recentReport(): CameraReport {
    return this.#report(this.#generations.current.counters);
  }

  /** Current counters, or the latest known ones when the process does not answer within half a second. */
  async report(): Promise<CameraReport> {
    return this.#report(await this.#generations.current.freshCounters());
  }

  /** Returns the next picture as a JPEG. With `annotated`, the next picture that has a result. @throws VigiaError */
  async picture(annotated: boolean): Promise<Uint8Array> {
    this.#refuseUnlessLive();
    return this.#generations.current.picture(annotated);
  }

  /** Returns a small picture. @throws VigiaError */
  async tile(width: number): Promise<Tile> {
    this.#refuseUnlessLive();
    return this.#generations.current.tile(width);
  }

  /** Sets the rates of the slowed consumers, also in later processes. All others have the configured ones. */
  pace(slowed: ReadonlyMap<string, Slowed>): void {
    this.#paces.follow(slowed, (consumer, rate) => this.#generations.current.pace(consumer, rate));
  }

  /** Ends a worker's process. The worker's restart policy applies. */
  endWorker(worker: Parameters<CameraGeneration['endWorker']>[0]): void {
    this.#generations.current.endWorker(worker);
  }

  /**
   * Restarts a worker, even one that has failed. Rejects with `no_answer` when the camera has no process at the moment.
   */
  restartWorker(consumer: string): Promise<void> {
    return this.#generations.current.restartWorker(consumer);
  }

  #refuseUnlessLive(): void {
    const { state, message } = this.#state;
    if (state !== 'live')
      throw new VigiaError('camera_not_live', `camera ${this.id} is ${state}${message ? `: ${message}` : ''}`);
  }

  #generation(setup: CameraSetup, before: CameraSnapshot | undefined): CameraGeneration {
    const { onResult, onWorkerState, onEvent, onRule, extraStopMs, memoryLimitBytes } = this.#o;
    return new CameraGeneration({
      ...this.#o,
      setup,
      before,
      slowed: this.#paces.current,
      extraStopMs: extraStopMs(setup),
      memoryLimitBytes: memoryLimitBytes(setup),
      onState: (state) => {
        // `#stop` reports the end that the node requested, once the process is gone. The end of a source is reported
        // here.
        if (state.state !== 'stopped' || state.reason !== null) this.#onState(state);
      },
      onResult: (result) => onResult(resultWithoutSecrets(result)),
      onWorkerState: (state) => onWorkerState(withoutSecrets(state)),
      onEvent: (event) => onEvent(withoutSecrets(event)),
      onRule: (notice) => onRule(this.id, ruleWithoutSecrets(notice)),
    });
  }

  async #stop(): Promise<void> {
    await this.#generations.close();
    if (this.#state.state !== 'stopped')
      this.#onState({ state: 'stopped', reason: null, message: null, retryInMs: null });
  }

  #report(counters: CameraSnapshot): CameraReport {
    const { state, reason } = this.#state;
    // The counters of a large stream that was removed from the configuration are no longer reported.
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
    this.#lastProblem = this.#state.message ?? this.#lastProblem;
    this.#o.onState(this.#state);
  }

  #stateMessage({ state, reason, message, retryInMs }: StateNotice): CameraStateMessage {
    return {
      camera: this.id,
      state,
      reason,
      // The camera process knows only some secrets, so the supervisor redacts.
      message: message === null ? null : quoted(message, TEXT_LIMIT),
      retry_in_ms: retryInMs === null ? null : Math.round(retryInMs),
      at: new Date(this.#o.clock.wallMs()).toISOString(),
    };
  }
}

/** Longest code of a worker's or container's error, in characters. */
const CODE_LIMIT = 64;

/** A worker's error message may contain secrets that the worker does not recognise as such. */
function resultWithoutSecrets(result: ResultMessage): ResultMessage {
  if (result.error === null) return result;
  return {
    ...result,
    error: { code: quoted(result.error.code, CODE_LIMIT), message: quoted(result.error.message, TEXT_LIMIT) },
  };
}

/** A rule's sentence is ours, with names of the configuration. */
function ruleWithoutSecrets(notice: RuleNotice): RuleNotice {
  switch (notice.kind) {
    case 'fall':
      return { ...notice, data: withoutSecrets(notice.data) };
    case 'bed':
      return { ...notice, data: withoutSecrets(notice.data) };
    default:
      return { ...notice, data: withoutSecrets(notice.data) };
  }
}

/** The camera process knows only some secrets, and a worker's output may contain them. */
function withoutSecrets<T extends { readonly message: string | null } & Pick<EventMessage, 'stderr'>>(said: T): T {
  const message = said.message === null ? null : quoted(said.message, TEXT_LIMIT);
  return { ...said, message, ...(said.stderr ? { stderr: said.stderr.map((line) => quoted(line, TEXT_LIMIT)) } : {}) };
}
