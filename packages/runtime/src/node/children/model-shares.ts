import type { Log } from '@vigia/base';
import { ALL_CPUS, applyCpuShare } from '#core/cpu';
import { modelClass, type Plan } from '#node/plan';

/** Sets the CPU share of model containers. A model's class is that of its most important consumer. */
export class ModelShares {
  readonly #log: Log;
  /** Processes that are bound to some of the CPUs. */
  readonly #bound = new Set<number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Gives a model's process the CPU share of the plan. */
  apply(model: string, pid: number, plan: Plan): void {
    const share = plan.cpu[modelClass(plan, model)];
    // A process that is no longer bound gets all CPUs back.
    const cpus = share.cpus ?? (this.#bound.has(pid) ? ALL_CPUS : undefined);
    if (share.cpus) this.#bound.add(pid);
    else this.#bound.delete(pid);
    applyCpuShare(pid, { ...share, cpus }, `model ${model}`, this.#log);
  }
}
