import { type Clock, type Log, type LogRecord, messageOf, type StartGate, VigiaError } from '@vigia/base';
import type { StreamReport } from '@vigia/contracts';
import type { CameraSetup, StateNotice, Tile } from '#core/camera-link';
import { CameraGeneration } from './camera-generation.ts';

/** Options of {@link CameraTrial}. */
export interface CameraTrialOptions {
  /** Without consumers. */
  readonly setup: CameraSetup;
  readonly boot: string;
  /** The JavaScript file of the camera process. */
  readonly entry: string;
  readonly clock: Clock;
  readonly gate: StartGate;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  /** The process with this pid is gone. */
  readonly onDied: (pid: number) => void;
  /** Bytes. */
  readonly memoryLimitBytes: number;
}

/** What came of a trial. */
export interface Tried {
  /** `live`: its pictures came. */
  readonly said: Pick<StateNotice, 'state' | 'reason' | 'message'>;
  /** Until the first picture, or the failure. Milliseconds. */
  readonly tookMs: number;
  readonly stream: StreamReport | null;
  readonly picture: Tile | null;
}

/** A camera that takes longer to send a picture than this is as good as silent: keyframes may be 10 s apart. */
const LIMIT_MS = 15_000;
/** How long facts that need some pictures are waited for, when there is one. */
const FACTS_MS = 1_500;
const LOOK_MS = 250;
const PICTURE_WIDTH = 640;

/**
 * A camera that the node does not have, for some seconds: a camera process without consumers, which is asked for one picture.
 * What the camera sends can harm that process only.
 */
export class CameraTrial {
  readonly kind = 'camera';
  readonly id: string;
  readonly #o: CameraTrialOptions;
  readonly #generation: CameraGeneration;
  #said: StateNotice = { state: 'connecting', reason: null, message: null, retryInMs: null };
  #decide: () => void = () => undefined;
  #stopped = false;

  constructor(options: CameraTrialOptions) {
    this.#o = options;
    this.id = options.setup.camera;
    this.#generation = new CameraGeneration({
      ...options,
      before: undefined,
      slowed: new Map(),
      extraStopMs: 0,
      onState: (state) => {
        this.#said = state;
        if (state.state !== 'connecting') this.#decide();
      },
      onResult: () => undefined,
      onWorkerState: () => undefined,
      onEvent: () => undefined,
      onRule: () => undefined,
    });
  }

  get pids(): readonly number[] {
    return this.#generation.pid === undefined ? [] : [this.#generation.pid];
  }

  /** Runs the trial; its process is gone when this resolves. @throws VigiaError `stopping` when it was stopped. */
  async run(): Promise<Tried> {
    const { clock } = this.#o;
    const startMs = clock.nowMs();
    const untilMs = startMs + LIMIT_MS;
    const decided = new Promise<void>((resolve) => {
      this.#decide = resolve;
    });
    const timer = clock.after(LIMIT_MS, () => this.#decide());
    this.#generation.start();
    try {
      await decided;
      const picture = this.#said.state === 'live' ? await this.#picture(untilMs) : null;
      const tookMs = clock.nowMs() - startMs;
      if (this.#stopped) throw new VigiaError('stopping', 'the node is stopping');
      const stream = picture === null ? (await this.#generation.freshCounters()).stream : await this.#facts();
      return { said: this.#judged(picture), tookMs, stream, picture };
    } finally {
      timer.cancel();
      await this.stop();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#decide();
    await this.#generation.end(false);
  }

  /** Asks until there is one: keyframes may be further apart than a camera process waits. */
  async #picture(untilMs: number): Promise<Tile | null> {
    const { clock, log } = this.#o;
    while (this.#said.state === 'live' && !this.#stopped && clock.nowMs() < untilMs) {
      try {
        return await this.#generation.tile(PICTURE_WIDTH);
      } catch (error) {
        log.debug(`the trial of a camera: ${messageOf(error)}`);
        await this.#wait(LOOK_MS);
      }
    }
    return null;
  }

  /** Its rate is known after some pictures. */
  async #facts(): Promise<StreamReport | null> {
    const untilMs = this.#o.clock.nowMs() + FACTS_MS;
    for (;;) {
      const { stream } = await this.#generation.freshCounters();
      const isKnown = stream !== null && stream.interval_ms > 0 && stream.gop_ms !== null;
      if (isKnown || this.#stopped || this.#o.clock.nowMs() >= untilMs) return stream;
      await this.#wait(LOOK_MS);
    }
  }

  #judged(picture: Tile | null): Tried['said'] {
    const { state, reason, message } = this.#said;
    const limit = `${LIMIT_MS / 1000} s`;
    if (picture !== null) return { state: 'live', reason: null, message: null };
    if (state === 'connecting') return { state, reason: 'timeout', message: `it did not answer within ${limit}` };
    if (state === 'live')
      return {
        state: 'stalled',
        reason: 'stalled',
        message: `it sends, and no picture could be decoded within ${limit}`,
      };
    return { state, reason, message };
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#o.clock.after(ms, resolve));
  }
}
