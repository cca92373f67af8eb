import { type ChildState, type Clock, type Log, type LogRecord, SupervisedChild } from '@vigia/base';
import type { ModelReport } from '@vigia/contracts';
import { z } from 'zod';
import { removeDeadSocket } from '#core/node-dirs';
import { readProcessUsage } from '#core/process-stats';
import { ContainerWatch, type Wellbeing } from './container-watch.ts';
import type { ModelGeneration } from './model-generation.ts';
import { ModelCounters, type ModelCounts } from './model-counters.ts';

/** Options of {@link ContainerGeneration}. */
export interface ContainerGenerationOptions {
  readonly id: string;
  /** The JavaScript file of the container and its arguments. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly socketPath: string;
  /** The pictures that it wants, pixels. */
  readonly frame: { readonly width: number; readonly height: number };
  /** See `ContainerWatchOptions`. */
  readonly probePrefix: string;
  /** Most memory of its own that the process may use, bytes. */
  readonly memoryLimitBytes: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onState: (state: ModelReport['state'], reason: string | null) => void;
  /** Counters of a container that it takes over from: they go on. */
  readonly before?: ModelCounts | undefined;
}

/** The first message of a container. */
const readySchema = z.looseObject({ type: z.literal('ready'), model_id: z.string(), socket: z.string() });
/** Loading a model may take this long. */
const READY_MS = 60_000;
const RESTART = { firstMs: 50, maxMs: 10_000 };
/** Looks in a row without an answer until the container counts as hung: noticed 1.9 to 2.9 s after it stopped. */
const SILENT_LIMIT = 2;
/** Looks in a row above its memory until it is ended: one run may need more for a moment. */
const MEMORY_LIMIT_LOOKS = 3;
const MIB = 1024 * 1024;

/**
 * The supervisor's side of a container that it starts: keeps it running, has it prove that it looks at pictures before it
 * counts as ready, and kills it when it hangs or grows beyond its memory.
 */
export class ContainerGeneration implements ModelGeneration {
  readonly id: string;
  readonly #o: ContainerGenerationOptions;
  readonly #child: SupervisedChild;
  readonly #watch: ContainerWatch;
  readonly #counters: ModelCounters;
  #state: ModelReport['state'] = 'starting';
  #reason: string | null = null;
  #large = 0;

  constructor(options: ContainerGenerationOptions) {
    this.#o = options;
    this.id = options.id;
    this.#counters = new ModelCounters(options.before);
    this.#watch = new ContainerWatch({ model: options.id, ...options });
    this.#child = new SupervisedChild({
      name: `model:${options.id}`,
      entry: options.entry,
      args: options.args,
      clock: options.clock,
      log: options.log,
      onLog: options.onLog,
      onReady: (message) => this.#checkReady(message),
      onState: (state) => this.#onChildState(state),
      readyTimeoutMs: READY_MS,
      restart: RESTART,
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get socketPath(): string {
    return this.#o.socketPath;
  }

  start(): void {
    this.#child.start();
  }

  async end(): Promise<void> {
    this.#watch.stop();
    await this.#child.stop();
    // One that had to be killed left its socket; where somebody else listens by now, it is theirs.
    await removeDeadSocket(this.#o.socketPath);
  }

  recentReport(): ModelReport {
    const restarts = (this.#o.before?.restarts ?? 0) + this.#child.restarts;
    return { state: this.#state, reason: this.#reason, ...this.#counters.counts, restarts };
  }

  async report(): Promise<ModelReport> {
    const health = await this.#watch.health();
    if ('value' in health) this.#counters.heard(health.value);
    return this.recentReport();
  }

  /** What it says of itself must be what it was started as: anything else is not our container. */
  #checkReady(message: unknown): void {
    const ready = readySchema.safeParse(message);
    if (!ready.success) this.#o.log.warn(`model:${this.id} sent a wrong \`ready\`: ${ready.error.message}`);
    else if (ready.data.model_id !== this.id || ready.data.socket !== this.#o.socketPath)
      this.#kill(`serves model ${ready.data.model_id} on ${ready.data.socket}`);
  }

  #onWell(wellbeing: Wellbeing): void {
    if (wellbeing.state === 'silent') {
      if (wellbeing.times >= SILENT_LIMIT) this.#kill(`does not answer (${wellbeing.why})`);
      return;
    }
    this.#counters.heard(wellbeing.health);
    if (wellbeing.state === 'serving') this.#become('ready', null);
    else if (wellbeing.state !== 'unknown') this.#become(wellbeing.state, wellbeing.why);
    // Whatever it was before, it still is.
    else if (this.#state !== 'ready') this.#become(this.#state, wellbeing.why);
    this.#weigh();
  }

  /** Anonymous memory: its own, not the frames it looks at. */
  #weigh(): void {
    const { pid } = this;
    const { memoryLimitBytes } = this.#o;
    const bytes = pid === undefined ? 0 : (readProcessUsage(pid)?.anonymousBytes ?? 0);
    this.#large = bytes > memoryLimitBytes ? this.#large + 1 : 0;
    if (this.#large >= MEMORY_LIMIT_LOOKS) {
      const mib = (n: number): string => `${Math.ceil(n / MIB)} MiB`;
      this.#kill(`uses ${mib(bytes)} of memory, ${mib(memoryLimitBytes)} are allowed`);
    }
  }

  #kill(why: string): void {
    this.#o.log.warn(`model:${this.id} ${why}, killed`);
    this.#become('failing', why);
    this.#watch.stop();
    this.#child.kill();
  }

  #onChildState(child: ChildState): void {
    this.#large = 0;
    if (child.state === 'ready') {
      this.#watch.start((wellbeing) => this.#onWell(wellbeing));
      return;
    }
    this.#watch.stop();
    if (child.state === 'waiting') {
      this.#counters.died();
      // What it was killed for says more than that it was killed.
      const killed = this.#state === 'failing' && child.reason.includes('SIGKILL') ? this.#reason : null;
      this.#become('failing', killed ?? child.reason);
    } else this.#become(child.state, child.state === 'starting' ? this.#reason : null);
  }

  #become(state: ModelReport['state'], reason: string | null): void {
    if (state === this.#state && reason === this.#reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#o.onState(state, reason);
  }
}
