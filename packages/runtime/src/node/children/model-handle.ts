import type { Clock, Log, LogRecord } from '@vigia/base';
import type { ModelReport, ModelState } from '@vigia/contracts';
import { containerEntry } from '@vigia/model-container';
import { modelSocketPath } from '#core/node-dirs';
import { ContainerGeneration } from './container-generation.ts';
import { ExternalGeneration } from './external-generation.ts';
import { Succession } from './generation.ts';
import type { ModelCounts } from './model-counters.ts';
import type { ModelGeneration } from './model-generation.ts';

/** A model, as the node starts or finds it. */
export interface ModelSettings {
  readonly id: string;
  /** The pictures that it wants, pixels. */
  readonly frame: { readonly width: number; readonly height: number };
  /** Its container, when the node starts it; undefined: somebody else does. */
  readonly container:
    | { readonly argumentsFor: (socketPath: string) => readonly string[]; readonly memoryLimitBytes: number }
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
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onState: (state: ModelState, reason: string | null) => void;
}

/** The node's side of one model: replaces its generations, of which each takes over from the one before without a gap. */
export class ModelHandle {
  readonly kind = 'model';
  readonly id: string;
  readonly #o: ModelHandleOptions;
  readonly #generations: Succession<ModelGeneration>;
  #external: boolean;
  /** Containers in a row that the node started: each has a socket of its own, because two are there at once. */
  #containers = 0;

  constructor(options: ModelHandleOptions) {
    this.#o = options;
    this.id = options.settings.id;
    this.#external = options.settings.container === undefined;
    this.#generations = new Succession(this.#generation(options.settings, undefined));
  }

  /** Of the container that serves now, when it is ours. */
  get pid(): number | undefined {
    return this.#generations.current.pid;
  }

  /** Of this container and of those that are ending. */
  get pids(): readonly number[] {
    return this.#generations.pids;
  }

  /** Where cameras reach the container. */
  get socketPath(): string {
    return this.#generations.current.socketPath;
  }

  /** Where the next container of this node would listen. */
  get nextSocketPath(): string {
    return modelSocketPath(this.#o.runDir, this.id, this.#containers + 1);
  }

  start(): void {
    this.#generations.current.start();
  }

  /** Starts a generation with other settings. The one before serves until `endPredecessors`. */
  async succeed(settings: ModelSettings): Promise<void> {
    const external = settings.container === undefined;
    // Our first container has the socket of an external one: it must be gone, or it would be taken for the other.
    if (external && !this.#external) {
      await this.#generations.replace((before) => this.#generation(settings, before.recentReport()));
    } else {
      this.#generations.overlap((before) => this.#generation(settings, before.recentReport()));
      this.start();
    }
    this.#external = external;
  }

  /** Ends the generations that have a successor. Resolves when they are gone. */
  endPredecessors(): Promise<void> {
    return this.#generations.endPredecessors();
  }

  /** Resolves when nothing of it is left. Idempotent. */
  stop(): Promise<void> {
    return this.#generations.close();
  }

  /** Counters as last heard, at most about a second old. */
  recentReport(): ModelReport {
    return this.#generations.current.recentReport();
  }

  /** Counters as of now, or as last heard when the container does not answer. */
  report(): Promise<ModelReport> {
    return this.#generations.current.report();
  }

  #generation({ id, frame, container, socketPath }: ModelSettings, before: ModelCounts | undefined): ModelGeneration {
    const { probePrefix, clock, log, onLog, onState } = this.#o;
    const onOwnState = (state: ModelState, reason: string | null): void => {
      // The end of one that has a successor is not the model's.
      if (this.#generations.isCurrent(generation)) onState(state, reason);
    };
    const common = { id, frame, probePrefix, clock, log, before, onState: onOwnState };
    let generation: ModelGeneration;
    if (container === undefined) {
      // An external container has the socket of our first one.
      this.#containers = 1;
      generation = new ExternalGeneration({ ...common, socketPath });
    } else {
      const path = this.nextSocketPath;
      this.#containers += 1;
      const { argumentsFor, memoryLimitBytes } = container;
      const args = argumentsFor(path);
      generation = new ContainerGeneration({
        ...common,
        socketPath: path,
        entry: containerEntry,
        args,
        memoryLimitBytes,
        onLog,
      });
    }
    return generation;
  }
}
