import { type Log, messageOf, VigiaError } from '@vigia/base';
import type { Config } from '@vigia/contracts';
import { loadConfig } from '#node/config';
import { locateModels } from '#node/plan';
import { type Plan, planOf } from '#node/plan';
import { describeChange, type PlanChangeSummary } from '#node/plan';

/** Options of {@link Reloader}. */
export interface ReloaderOptions {
  /** The configuration file of the run; undefined: it has none. */
  readonly file: string | undefined;
  readonly runDir: string;
  readonly log: Log;
  /** Ends the fetching of a model. */
  readonly signal: AbortSignal;
  /** Models whose containers the node runs. */
  readonly ownModels: () => ReadonlySet<string>;
  /** Makes the running node what the plan says. */
  readonly apply: (plan: Plan) => Promise<PlanChangeSummary>;
}

/** Reads the configuration file of a running node again, secrets too, and applies what differs. One at a time. */
export class Reloader {
  readonly #o: ReloaderOptions;
  #running: Promise<unknown> = Promise.resolve();
  /** Waits for the running one; whoever asks meanwhile gets the same: it will read the file after they asked. */
  #next: Promise<PlanChangeSummary> | undefined;

  constructor(options: ReloaderOptions) {
    this.#o = options;
  }

  /**
   * Resolves with what was done. Every outcome is in the log.
   *
   * @throws UsageError with all sentences about the file, VigiaError when the plan does not fit. Nothing has changed then.
   */
  reload(): Promise<PlanChangeSummary> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      const work = this.#logged();
      this.#running = work.catch(() => undefined);
      return work;
    });
    return this.#next;
  }

  async #logged(): Promise<PlanChangeSummary> {
    const { log } = this.#o;
    try {
      const done = await this.#reload();
      log.info(`configuration read again: ${describeChange(done)}`);
      return done;
    } catch (error) {
      for (const line of messageOf(error).split('\n')) log.error(`reload: ${line}`);
      log.error('reload: nothing was changed');
      throw error;
    }
  }

  async #reload(): Promise<PlanChangeSummary> {
    const { file, runDir, apply } = this.#o;
    if (file === undefined)
      throw new VigiaError('no_configuration', 'the demo has no configuration file: there is nothing to reload');
    const config: Config = loadConfig(file);
    return apply(planOf(config, runDir, await this.#locate(config)));
  }

  #locate(config: Config): ReturnType<typeof locateModels> {
    const { log, signal, runDir } = this.#o;
    return locateModels(config, {
      runDir,
      own: this.#o.ownModels(),
      pull: async (store, id) => {
        log.info(`fetching model ${id}`);
        await store.pull(id, { signal });
      },
    });
  }
}
