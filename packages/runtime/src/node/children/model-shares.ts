import type { Log } from '@vigia/base';
import { ALL_CPUS, applyCpuShare } from '#core/cpu';
import { modelClass, type Plan } from '#node/plan';

/** Gives the containers of models their share of the CPU. A model is as important as its most important consumer. */
export class ModelShares {
  readonly #log: Log;
  /** Processes that may run on some CPUs only. */
  readonly #bound = new Set<number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Gives the process of a model the share that the plan says. */
  apply(model: string, pid: number, plan: Plan): void {
    const share = plan.cpu[modelClass(plan, model)];
    // A process that was bound and no longer is gets all CPUs back.
    const cpus = share.cpus ?? (this.#bound.has(pid) ? ALL_CPUS : undefined);
    if (share.cpus) this.#bound.add(pid);
    else this.#bound.delete(pid);
    applyCpuShare(pid, { ...share, cpus }, `model ${model}`, this.#log);
  }
}
