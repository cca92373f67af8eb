import type { Clock, Log } from '@vigia/base';
import type { ModelReport } from '@vigia/contracts';
import { ContainerWatch, type Wellbeing } from './container-watch.ts';
import { ModelCounters } from './model-counters.ts';
import type { ContainerGenerationOptions } from './container-generation.ts';
import type { ModelGeneration } from './model-generation.ts';

/** Options of {@link ExternalGeneration}. */
export interface ExternalGenerationOptions
  extends Pick<ContainerGenerationOptions, 'id' | 'socketPath' | 'frame' | 'probePrefix' | 'onState' | 'before'> {
  readonly clock: Clock;
  readonly log: Log;
}

/** Unanswered checks in a row after which it counts as gone. */
const SILENT_LIMIT = 2;

/**
 * A container that another program starts. Detects when it listens, reports it as ready only after it has answered a
 * probe, and reports when it is gone. Never starts or ends it.
 */
export class ExternalGeneration implements ModelGeneration {
  readonly id: string;
  readonly pid: undefined;
  readonly #o: ExternalGenerationOptions;
  readonly #watch: ContainerWatch;
  readonly #counters: ModelCounters;
  #state: ModelReport['state'] = 'starting';
  #reason: string | null = null;
  /** How often it has returned after being ready. Reported as `restarts`. */
  #returns = 0;
  #wasReady = false;

  constructor(options: ExternalGenerationOptions) {
    this.#o = options;
    this.id = options.id;
    this.#counters = new ModelCounters(options.before);
    this.#watch = new ContainerWatch({
      model: options.id,
      ...options,
      onHealth: (health) => this.#counters.heard(health),
    });
  }

  get socketPath(): string {
    return this.#o.socketPath;
  }

  start(): void {
    this.#watch.start((wellbeing) => this.#onWell(wellbeing));
  }

  end(): Promise<void> {
    this.#watch.stop();
    this.#become('stopped', null);
    return Promise.resolve();
  }

  recentReport(): ModelReport {
    return {
      state: this.#state,
      reason: this.#reason,
      ...this.#counters.counts,
      restarts: (this.#o.before?.restarts ?? 0) + this.#returns,
    };
  }

  async report(): Promise<ModelReport> {
    await this.#watch.health();
    return this.recentReport();
  }

  #onWell(wellbeing: Wellbeing): void {
    if (wellbeing.state === 'silent') {
      if (wellbeing.times < SILENT_LIMIT && this.#state === 'ready') return;
      const before = this.#wasReady ? 'failing' : 'starting';
      this.#become(before, `${wellbeing.why} (${this.#o.socketPath})`);
      return;
    }
    // An inconclusive check changes the reason, not the state.
    if (wellbeing.state === 'unknown') {
      if (this.#state !== 'ready') this.#become(this.#state, wellbeing.why);
      return;
    }
    if (wellbeing.state !== 'serving') {
      this.#become(wellbeing.state, wellbeing.why);
      return;
    }
    if (this.#wasReady && this.#state !== 'ready') this.#returns += 1;
    this.#wasReady = true;
    this.#become('ready', null);
  }

  #become(state: ModelReport['state'], reason: string | null): void {
    if (state === this.#state && reason === this.#reason) return;
    const { log, onState } = this.#o;
    if (state === 'ready') log.info(`model:${this.id} (external) is ready`);
    else if (this.#state === 'ready' && state !== 'stopped') log.warn(`model:${this.id} (external): ${reason}`);
    this.#state = state;
    this.#reason = reason;
    onState(state, reason);
  }
}
