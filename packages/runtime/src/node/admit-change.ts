import { availableParallelism } from 'node:os';
import type { NodeBudget } from '@vigia/contracts';
import { checkSocketPath, segmentBytesOf } from '#core/node-dirs';
import type { Children, NamedProcess } from '#node/children';
import { admit, budgetOf, heldByWorkers, type Plan, type PlanChange, roomFor } from '#node/plan';
import { runningWorkers } from './node-report.ts';

/** A change of a running node. */
export interface WantedChange {
  readonly change: PlanChange;
  readonly running: Plan;
  readonly wanted: Plan;
  readonly children: Children;
  /** Other processes of the node, whose memory the plan may use. */
  readonly more: readonly NamedProcess[];
}

/**
 * Refuses a change that does not fit, before anything changes.
 *
 * @throws UsageError for a socket path that is too long; VigiaError `shm_full` or `memory_full`.
 */
export function admitChange({ change, running, wanted, children, more }: WantedChange): void {
  const { cameras, models } = change;
  for (const model of models.added) checkSocketPath(model.socketPath);
  for (const { id, socketPath } of models.changed) checkSocketPath(children.nextSocketPath(id) ?? socketPath);
  for (const { socketPath } of wanted.recording.ingests) checkSocketPath(socketPath);
  for (const { units } of wanted.cameras) checkSocketPath(units);
  const replaced = new Set([...models.removed, ...models.changed.map((m) => m.id)]);
  const leaving = running.models.filter((m) => replaced.has(m.id));
  const ending = new Set([...cameras.removed, ...cameras.changed.map(({ setup }) => setup.camera)]);
  const held = heldByWorkers(wanted, ending, runningWorkers(children));
  const pids = [process.pid, ...[...children.processes, ...more].map(([, pid]) => pid)];
  admit(wanted, budgetOf(wanted, leaving), roomFor(pids, segmentBytesOf(wanted.node), held));
}

/** What a running plan may use at most, and what there is for it. @param more As in {@link WantedChange}. */
export function nodeBudgetOf(plan: Plan, children: Children, more: readonly NamedProcess[]): NodeBudget {
  const { items, memoryBytes, shmBytes } = budgetOf(plan);
  const held = heldByWorkers(plan, new Set(), runningWorkers(children));
  const pids = [process.pid, ...[...children.processes, ...more].map(([, pid]) => pid)];
  const room = roomFor(pids, segmentBytesOf(plan.node), held);
  const processes: NodeBudget['processes'] = {};
  for (const { kind, id, process: own, pictures, buffers, shared } of items)
    if (kind !== 'code') processes[kind === id ? id : `${kind}:${id}`] = Math.ceil(own + pictures + buffers + shared);
  return {
    cores: availableParallelism(),
    memory_bytes: Math.ceil(memoryBytes),
    memory_available_bytes: room.memoryBytes,
    shm_bytes: shmBytes,
    shm_available_bytes: room.shmBytes,
    processes,
  };
}
