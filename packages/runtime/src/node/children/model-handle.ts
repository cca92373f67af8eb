import type { Clock, Log, LogRecord, StartGate } from '@vigia/base';
import type { ModelReport, ModelState } from '@vigia/contracts';
import { containerEntry } from '@vigia/model-container';
import { modelSocketPath } from '#core/node-dirs';
import { ContainerGeneration } from './container-generation.ts';
import { ExternalGeneration } from './external-generation.ts';
import { Succession } from './generation.ts';
import type { ModelCounts } from './model-counters.ts';
import type { ModelGeneration } from './model-generation.ts';

/** The settings of a model whose container the node starts, or finds. */
export interface ModelSettings {
  readonly id: string;
  /** The size of its input pictures, pixels. */
  readonly frame: { readonly width: number; readonly height: number };
  /** The container that the node starts; undefined when another program starts it. */
  readonly container:
    | {
        readonly argumentsFor: (socketPath: string) => readonly string[];
        readonly memoryLimitBytes: number;
        /** Whether its network is on a server. */
        readonly remote: boolean;
      }
    | undefined;
  /** Where an external container listens. */
  readonly socketPath: string;
}

/** Options of {@link ModelHandle}. */
export interface ModelHandleOptions {
  readonly settings: ModelSettings;
  readonly runDir: string;
  /** See `ContainerWatchOptions`. */
  readonly probePrefix: string;
  readonly clock: Clock;
  readonly gate: StartGate;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onState: (state: ModelState, reason: string | null) => void;
}

/** The supervisor's side of one model. A new generation starts before the previous one ends. */
export class ModelHandle {
  readonly kind = 'model';
  readonly id: string;
  readonly #o: ModelHandleOptions;
  readonly #generations: Succession<ModelGeneration>;
  #external: boolean;
  /** The counters that the current generation began with. */
  #inherited: ModelCounts | undefined;
  /** The number of containers started so far. Each has its own socket path, because two may run at once. */
  #containers = 0;

  constructor(options: ModelHandleOptions) {
    this.#o = options;
    this.id = options.settings.id;
    this.#external = options.settings.container === undefined;
    this.#generations = new Succession(this.#generation(options.settings, undefined));
  }

  /** The current container's process; undefined for an external one. */
  get pid(): number | undefined {
    return this.#generations.current.pid;
  }

  /** The processes of ending containers, then that of the current one. */
  get pids(): readonly number[] {
    return this.#generations.pids;
  }

  /** The socket that cameras connect to. */
  get socketPath(): string {
    return this.#generations.current.socketPath;
  }

  /** The socket path of the next container that the node starts. */
  get nextSocketPath(): string {
    return modelSocketPath(this.#o.runDir, this.id, this.#containers + 1);
  }

  start(): void {
    this.#generations.current.start();
  }

  /** Starts a generation with other settings. The previous one serves until `endPredecessors`. */
  async succeed(settings: ModelSettings): Promise<void> {
    const external = settings.container === undefined;
    // The node's first container and an external one use the same socket path. The node's own must be gone first, or
    // it would be mistaken for the external one.
    if (external && !this.#external) {
      await this.#generations.replace((before) => this.#generation(settings, before.recentReport()));
    } else {
      // An external container goes on counting: only what was counted before it is handed over.
      this.#generations.overlap((before) =>
        this.#generation(settings, external ? this.#inherited : before.recentReport()),
      );
    }
    this.#external = external;
  }

  /** Ends the generations that have a successor. Resolves when they are gone. */
  endPredecessors(): Promise<void> {
    return this.#generations.endPredecessors();
  }

  /** Resolves when all its processes are gone. Idempotent. */
  stop(): Promise<void> {
    return this.#generations.close();
  }

  /** The latest known counters, at most about a second old. */
  recentReport(): ModelReport {
    return this.#generations.current.recentReport();
  }

  /** Current counters, or the latest known ones when the container does not answer. */
  report(): Promise<ModelReport> {
    return this.#generations.current.report();
  }

  #generation({ id, frame, container, socketPath }: ModelSettings, before: ModelCounts | undefined): ModelGeneration {
    const { probePrefix, clock, gate, log, onLog, onState } = this.#o;
    const onOwnState = (state: ModelState, reason: string | null): void => {
      // The end of a predecessor is not a state of the model.
      if (this.#generations.isCurrent(generation)) onState(state, reason);
    };
    const common = { id, frame, probePrefix, clock, log, before, onState: onOwnState };
    this.#inherited = before;
    let generation: ModelGeneration;
    if (container === undefined) {
      // An external container uses the socket path of the node's first container.
      this.#containers = 1;
      generation = new ExternalGeneration({ ...common, socketPath });
    } else {
      const path = this.nextSocketPath;
      this.#containers += 1;
      const { argumentsFor, memoryLimitBytes, remote } = container;
      const args = argumentsFor(path);
      generation = new ContainerGeneration({
        ...common,
        gate,
        socketPath: path,
        entry: containerEntry,
        args,
        remote,
        memoryLimitBytes,
        onLog,
      });
    }
    return generation;
  }
}
