import { rmSync, writeFileSync } from 'node:fs';
import { type Clock, every, messageOf, type Timer } from '@vigia/base';
import { type HealthResponse, healthResponseSchema, type InferResponse, inferResponseSchema } from '@vigia/contracts';
import { askContainer } from '#core/ipc';

/** Options of {@link ContainerWatch}. */
export interface ContainerWatchOptions {
  readonly socketPath: string;
  /** What the model is called. */
  readonly model: string;
  /** The pictures that it wants, pixels. */
  readonly frame: { readonly width: number; readonly height: number };
  /** A file of shared memory for the probe's picture: there only while a probe is on its way. */
  readonly probePath: string;
  readonly clock: Clock;
  /** How long a probe may take, in line and in the model, milliseconds. */
  readonly probeTimeoutMs?: number;
}

/** What is known about a container that ought to serve. */
export type Wellbeing =
  /** It answered a look at a picture: its own, or a probe. */
  | { readonly state: 'serving'; readonly health: HealthResponse }
  /** It says that it is not there yet, or that its model keeps failing. */
  | { readonly state: 'starting' | 'failing'; readonly health: HealthResponse; readonly why: string }
  /** It says nothing, or does not look at pictures. `times` in a row. */
  | { readonly state: 'silent'; readonly why: string; readonly times: number };

const EVERY_MS = 1_000;
const HEALTH_TIMEOUT_MS = 900;
/** Probes wait in the model's line like everybody: a few seconds are no sign of anything. */
const PROBE_TIMEOUT_MS = 15_000;
/** A container that answered a picture so recently needs no probe. */
const IDLE_MS = 10_000;
const GREY = 128;

/**
 * Watches one container: asks `health` every second, and when nobody had a picture looked at for a while, has it look at a
 * grey one. That a socket accepts says nothing: only an answer about a picture does.
 */
export class ContainerWatch {
  readonly #o: ContainerWatchOptions;
  #timer: Timer | undefined;
  #asking = false;
  #silent = 0;
  #lastOk = -1;
  #lookedAtMs: number | undefined;
  #generation = 0;

  constructor(options: ContainerWatchOptions) {
    this.#o = options;
  }

  /** Watches from now on, as one that is not known to serve. `onWell` may be called until `stop`. Idempotent. */
  start(onWell: (wellbeing: Wellbeing) => void): void {
    if (this.#timer) return;
    this.#generation += 1;
    this.#silent = 0;
    this.#lastOk = -1;
    this.#lookedAtMs = undefined;
    const generation = this.#generation;
    const look = async (): Promise<void> => {
      if (this.#asking) return;
      this.#asking = true;
      const wellbeing = await this.look().finally(() => (this.#asking = false));
      // Stopped, or started anew, meanwhile: what was found out is about another one.
      if (generation === this.#generation && this.#timer) onWell(wellbeing);
    };
    this.#timer = every(this.#o.clock, EVERY_MS, () => void look());
    void look();
  }

  /** Idempotent. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#generation += 1;
  }

  /** One look. */
  async look(): Promise<Wellbeing> {
    const health = await this.health();
    if ('why' in health) return this.#silence(health.why);
    const { state, counters, last_error } = health.value;
    if (state === 'starting') return { state, health: health.value, why: 'it is loading its model' };
    if (counters.ok > this.#lastOk && this.#lastOk >= 0) this.#lookedAtMs = this.#o.clock.nowMs();
    this.#lastOk = counters.ok;
    if (this.#lookedAtMs === undefined || this.#o.clock.nowMs() - this.#lookedAtMs > IDLE_MS) {
      const why = await this.#probe();
      if (why !== undefined) return this.#silence(why);
      this.#lookedAtMs = this.#o.clock.nowMs();
    }
    this.#silent = 0;
    if (state === 'failing') return { state, health: health.value, why: last_error ?? 'its model keeps failing' };
    return { state: 'serving', health: health.value };
  }

  /** What it says of itself. */
  health(): ReturnType<typeof askContainer<HealthResponse>> {
    const { socketPath, clock } = this.#o;
    const parse = (answer: unknown): HealthResponse | undefined => healthResponseSchema.safeParse(answer).data;
    return askContainer(socketPath, { op: 'health' }, parse, { clock, timeoutMs: HEALTH_TIMEOUT_MS });
  }

  #silence(why: string): Wellbeing {
    this.#silent += 1;
    return { state: 'silent', why, times: this.#silent };
  }

  /** Has it look at a grey picture. @returns undefined, or why that failed. */
  async #probe(): Promise<string | undefined> {
    const { socketPath, model, frame, probePath, clock, probeTimeoutMs = PROBE_TIMEOUT_MS } = this.#o;
    const request = {
      model_id: model,
      camera_id: '_probe',
      timestamp: clock.wallMs() / 1000,
      deadline_ms: probeTimeoutMs,
      frame_reference: probePath,
      frame_metadata: { frame_id: 0, width: frame.width, height: frame.height, format: 'RGB24' },
    };
    try {
      writeFileSync(probePath, Buffer.alloc(frame.width * frame.height * 3, GREY), { mode: 0o640 });
      const parse = (answer: unknown): InferResponse | undefined => inferResponseSchema.safeParse(answer).data;
      const answer = await askContainer(socketPath, request, parse, { clock, timeoutMs: probeTimeoutMs });
      if ('why' in answer) return `a probe was not answered: ${answer.why}`;
      const { error, detections, frame_id } = answer.value;
      // Its line is full of others' pictures: it has enough to do.
      if (error?.code === 'overloaded') return undefined;
      if (error) return `a probe failed: ${error.message}`;
      return detections && frame_id === 0 ? undefined : 'a probe was answered with something else';
    } catch (error) {
      return `a probe could not be made: ${messageOf(error)}`;
    } finally {
      rmSync(probePath, { force: true });
    }
  }
}
