import {
  type ChildState,
  type Clock,
  type Log,
  type LogRecord,
  REMOTE_TOKEN,
  type StartGate,
  SupervisedChild,
} from '@vigia/base';
import type { ModelReport } from '@vigia/contracts';
import { z } from 'zod';
import { removeDeadSocket } from '#core/node-dirs';
import { CpuWait } from '#core/cpu';
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
  /** Whether its network is on a server, which may ask for a token. */
  readonly remote: boolean;
  readonly socketPath: string;
  /** The size of its input pictures, pixels. */
  readonly frame: { readonly width: number; readonly height: number };
  /** See `ContainerWatchOptions`. */
  readonly probePrefix: string;
  /** The most anonymous memory that the process may use, bytes. */
  readonly memoryLimitBytes: number;
  readonly clock: Clock;
  readonly gate: StartGate;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onState: (state: ModelReport['state'], reason: string | null) => void;
  /** Counters of its predecessor. This generation adds to them. */
  readonly before?: ModelCounts | undefined;
}

/** The first message of a container. */
const readySchema = z.looseObject({ type: z.literal('ready'), model_id: z.string(), socket: z.string() });
/** The longest time that loading a model may take. Milliseconds. */
const READY_MS = 60_000;
const RESTART = { firstMs: 50, maxMs: 10_000 };
/** Unanswered checks in a row after which the container counts as hung: 1.9 to 2.9 s after it stopped answering. */
const SILENT_LIMIT = 2;
/**
 * The same for one that has waited for a CPU for most of that time: 4.6 to 9.3 s. To load its model once more would take the CPU
 * longer than to let it answer.
 */
const WAITING_LIMIT = 5;
/** Most of the time, as a share. */
const WAITING_SHARE = 0.5;
/**
 * Checks in a row above the memory limit after which vigia kills the container: a single batch may need more for a
 * moment.
 */
const MEMORY_LIMIT_LOOKS = 3;
const MIB = 1024 * 1024;

/**
 * A container that the supervisor starts. Keeps it running, reports it as ready only after it has answered a probe, and
 * kills it when it hangs or exceeds its memory limit.
 */
export class ContainerGeneration implements ModelGeneration {
  readonly id: string;
  readonly #o: ContainerGenerationOptions;
  readonly #child: SupervisedChild;
  readonly #watch: ContainerWatch;
  readonly #counters: ModelCounters;
  /** Since its last answer. */
  readonly #cpuWait: CpuWait;
  #state: ModelReport['state'] = 'starting';
  #reason: string | null = null;
  /** Whether any state was announced: the first one is, though it is no change. */
  #announced = false;
  #large = 0;

  constructor(options: ContainerGenerationOptions) {
    this.#o = options;
    this.id = options.id;
    this.#counters = new ModelCounters(options.before);
    this.#cpuWait = new CpuWait(options.clock);
    this.#watch = new ContainerWatch({
      model: options.id,
      ...options,
      onHealth: (health) => this.#counters.heard(health),
    });
    this.#child = new SupervisedChild({
      name: `model:${options.id}`,
      entry: options.entry,
      args: options.args,
      environment: options.remote ? [REMOTE_TOKEN] : [],
      clock: options.clock,
      gate: options.gate,
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
    // A killed container leaves its socket behind. A socket on which another process listens is kept.
    await removeDeadSocket(this.#o.socketPath);
  }

  recentReport(): ModelReport {
    const restarts = (this.#o.before?.restarts ?? 0) + this.#child.restarts;
    return { state: this.#state, reason: this.#reason, ...this.#counters.counts, restarts };
  }

  async report(): Promise<ModelReport> {
    await this.#watch.health();
    return this.recentReport();
  }

  /** Kills a process that reports another model or socket than the ones it was started with. */
  #checkReady(message: unknown): void {
    const ready = readySchema.safeParse(message);
    if (!ready.success) this.#o.log.warn(`model:${this.id} sent a wrong \`ready\`: ${ready.error.message}`);
    else if (ready.data.model_id !== this.id || ready.data.socket !== this.#o.socketPath)
      this.#kill(`serves model ${ready.data.model_id} on ${ready.data.socket}`);
  }

  #onWell(wellbeing: Wellbeing): void {
    if (wellbeing.state === 'silent') {
      const waits = this.#cpuWait.share(this.pid) >= WAITING_SHARE;
      if (wellbeing.times >= (waits ? WAITING_LIMIT : SILENT_LIMIT)) this.#kill(`does not answer (${wellbeing.why})`);
      return;
    }
    this.#cpuWait.mark(this.pid);
    if (wellbeing.state === 'serving') this.#become('ready', null);
    else if (wellbeing.state !== 'unknown') this.#become(wellbeing.state, wellbeing.why);
    // An inconclusive check changes the reason, not the state.
    else if (this.#state !== 'ready') this.#become(this.#state, wellbeing.why);
    this.#weigh();
  }

  /** Compares the container's anonymous memory with its limit. The shared frames that it reads do not count. */
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
      // The reason for the kill is more useful than the signal.
      const killed = this.#state === 'failing' && child.reason.includes('SIGKILL') ? this.#reason : null;
      this.#become('failing', killed ?? child.reason);
    } else this.#become(child.state, child.state === 'starting' ? this.#reason : null);
  }

  #become(state: ModelReport['state'], reason: string | null): void {
    if (this.#announced && state === this.#state && reason === this.#reason) return;
    this.#announced = true;
    this.#state = state;
    this.#reason = reason;
    this.#o.onState(state, reason);
  }
}
