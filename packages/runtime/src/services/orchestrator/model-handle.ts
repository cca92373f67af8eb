import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import {
  type ChildState,
  type Clock,
  encodeJson,
  every,
  FrameDecoder,
  type Log,
  type LogRecord,
  SupervisedChild,
  type Timer,
} from '@vigia/base';
import { CONTAINER_MESSAGE_LIMIT, type HealthResponse, healthResponseSchema, type ModelReport } from '@vigia/contracts';

/** Options of {@link ModelHandle}. */
export interface ModelHandleOptions {
  readonly id: string;
  /** The JavaScript file of the container and its arguments. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly socketPath: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onState: (id: string, state: ModelReport['state']) => void;
  /** Counters of a container that it takes over from: they go on. */
  readonly before?: Pick<ModelReport, 'requests' | 'batches' | 'restarts'> | undefined;
}

/** Loading a model may take this long. */
const READY_MS = 60_000;
const RESTART = { firstMs: 50, maxMs: 10_000 };
const HEALTH_EVERY_MS = 1_000;
const HEALTH_TIMEOUT_MS = 900;
/** Health questions in a row without an answer, while ready, until the container counts as hung. */
const MISSED_LIMIT = 3;

/** The supervisor's side of one model container: keeps it running, asks how it is, kills it when it hangs. */
export class ModelHandle {
  readonly id: string;
  readonly #o: ModelHandleOptions;
  readonly #child: SupervisedChild;
  #state: ModelReport['state'] = 'starting';
  #health: HealthResponse | undefined;
  #before: { readonly requests: number; readonly batches: number };
  #missed = 0;
  #timer: Timer | undefined;

  constructor(options: ModelHandleOptions) {
    this.#o = options;
    this.id = options.id;
    this.#before = options.before ?? { requests: 0, batches: 0 };
    this.#child = new SupervisedChild({
      name: `model:${options.id}`,
      entry: options.entry,
      args: options.args,
      clock: options.clock,
      log: options.log,
      onLog: options.onLog,
      onMessage: () => undefined,
      onState: (state) => this.#onChildState(state),
      readyTimeoutMs: READY_MS,
      restart: RESTART,
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Where cameras reach the container. */
  get socketPath(): string {
    return this.#o.socketPath;
  }

  get state(): ModelReport['state'] {
    return this.#state;
  }

  start(): void {
    this.#child.start();
    this.#timer = every(this.#o.clock, HEALTH_EVERY_MS, () => void this.#watch());
  }

  /** Stops the container and removes what it left. Resolves when it is gone. Idempotent. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#child.stop();
    // One that had to be killed left its socket.
    rmSync(this.#o.socketPath, { force: true });
  }

  /** Counters as last heard, at most about a second old. */
  recentReport(): ModelReport {
    const { counters, inference_ms } = this.#health ?? {
      counters: { requests: 0, batches: 0 },
      inference_ms: { p50: 0, p99: 0 },
    };
    return {
      // What the container thinks of itself counts while it is there at all.
      state: this.#state === 'ready' && this.#health?.state === 'failing' ? 'failing' : this.#state,
      requests: this.#before.requests + counters.requests,
      batches: this.#before.batches + counters.batches,
      inference_ms,
      restarts: (this.#o.before?.restarts ?? 0) + this.#child.restarts,
    };
  }

  /** Counters as of now, or as last heard when the container does not answer. */
  async report(): Promise<ModelReport> {
    this.#health = (await askHealth(this.#o.socketPath, this.#o.clock)) ?? this.#health;
    return this.recentReport();
  }

  async #watch(): Promise<void> {
    if (this.#state !== 'ready') return;
    const health = await askHealth(this.#o.socketPath, this.#o.clock);
    if (this.#state !== 'ready') return;
    if (health) {
      this.#health = health;
      this.#missed = 0;
      return;
    }
    this.#missed += 1;
    if (this.#missed < MISSED_LIMIT) return;
    this.#o.log.warn(`model:${this.id} has not answered ${this.#missed} times, killed`);
    this.#missed = 0;
    this.#child.kill();
  }

  #onChildState(child: ChildState): void {
    if (child.state === 'waiting' && this.#health) {
      const { requests, batches } = this.#health.counters;
      this.#before = { requests: this.#before.requests + requests, batches: this.#before.batches + batches };
      this.#health = undefined;
    }
    this.#missed = 0;
    this.#state = child.state === 'waiting' ? 'failing' : child.state;
    this.#o.onState(this.id, this.#state);
  }
}

/** Asks a container how it is, on a connection of its own. Undefined when it does not say. */
function askHealth(socketPath: string, clock: Clock): Promise<HealthResponse | undefined> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
    const done = (health: HealthResponse | undefined): void => {
      timer.cancel();
      socket.destroy();
      resolve(health);
    };
    const timer = clock.after(HEALTH_TIMEOUT_MS, () => done(undefined));
    socket.once('connect', () => socket.write(encodeJson({ op: 'health', request_id: '1' })));
    socket.on('error', () => done(undefined));
    socket.on('close', () => done(undefined));
    socket.on('data', (chunk: Buffer) => {
      try {
        const [payload] = decoder.push(chunk);
        if (payload) done(healthResponseSchema.safeParse(JSON.parse(payload.toString('utf8'))).data);
      } catch {
        // Not of the protocol: as good as no answer.
        done(undefined);
      }
    });
  });
}
