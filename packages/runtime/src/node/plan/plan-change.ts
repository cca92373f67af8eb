import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '@vigia/base';
import { allConsumers, type CameraSetup, type ConsumerSetup } from '#core/camera-link';
import type { Plan, PlannedModel } from './plan.ts';

/** The difference between a running plan and a wanted one. Cameras and models that it does not mention keep running. */
export interface PlanChange {
  readonly cameras: {
    readonly added: readonly CameraSetup[];
    readonly changed: readonly ChangedCamera[];
    /** Only the terms of consumers differ, or which of them are switched on: their process goes on. */
    readonly tuned: readonly CameraSetup[];
    readonly removed: readonly string[];
  };
  readonly models: {
    readonly added: readonly PlannedModel[];
    readonly changed: readonly PlannedModel[];
    readonly removed: readonly string[];
  };
  /** The broker, its credentials, or whether its commands are obeyed changed. */
  readonly mqtt: boolean;
  readonly http: boolean;
  readonly tracing: boolean;
  readonly webhooks: boolean;
  readonly recording: boolean;
}

/** A camera whose process is replaced. */
export interface ChangedCamera {
  readonly setup: CameraSetup;
  /** Consumers that had the same model or worker before. Their counters continue. */
  readonly kept: readonly string[];
}

/** A summary of a reload. */
export interface PlanChangeSummary {
  readonly cameras: {
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly removed: readonly string[];
    readonly untouched: number;
  };
  readonly models: {
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly removed: readonly string[];
    readonly untouched: number;
  };
  readonly mqtt: boolean;
  readonly http: boolean;
}

/**
 * Compares a running plan with a wanted one. A camera is changed when its setup differs or when one of its models is
 * changed.
 *
 * @throws UsageError when the node's name differs: run directory, segments and topics contain it.
 */
export function diffPlans(running: Plan, wanted: Plan): PlanChange {
  if (running.node !== wanted.node) {
    throw new UsageError(
      `node: found "${wanted.node}", the running node is called "${running.node}": its folder, its memory and its topics carry the name; end it and start it again to rename it`,
      { path: 'node' },
    );
  }
  const models = partition(running.models, wanted.models, (m) => m.id, isDeepStrictEqual);
  const changedModels = new Set(models.changed.map((m) => m.id));
  const cameras = partition(
    running.cameras,
    wanted.cameras,
    (c) => c.camera,
    (a, b) =>
      isDeepStrictEqual(sorted(a), sorted(b)) &&
      !allConsumers(b).some((c) => c.kind === 'model' && changedModels.has(c.model)),
  );
  const isTuned = (setup: CameraSetup): boolean => {
    const before = running.cameras.find(({ camera }) => camera === setup.camera);
    const onNewModel = allConsumers(setup).some((c) => c.kind === 'model' && changedModels.has(c.model));
    return (
      before !== undefined &&
      !onNewModel &&
      isDeepStrictEqual(sorted(withoutTerms(before)), sorted(withoutTerms(setup)))
    );
  };
  return {
    cameras: {
      ...cameras,
      tuned: cameras.changed.filter(isTuned),
      changed: cameras.changed
        .filter((setup) => !isTuned(setup))
        .map((setup) => ({ setup, kept: keptConsumers(running, wanted, setup) })),
    },
    models,
    mqtt: !isDeepStrictEqual(running.mqtt, wanted.mqtt),
    http: !isDeepStrictEqual(running.http, wanted.http),
    tracing: !isDeepStrictEqual(running.tracing, wanted.tracing),
    webhooks: !isDeepStrictEqual(running.webhooks, wanted.webhooks),
    recording: !isDeepStrictEqual(running.recording, wanted.recording),
  };
}

/** The names and numbers of a change. */
export function summaryOf(change: PlanChange, wanted: Plan): PlanChangeSummary {
  const { cameras, models, mqtt, http } = change;
  return {
    cameras: {
      added: cameras.added.map((c) => c.camera),
      changed: [...cameras.changed.map((c) => c.setup.camera), ...cameras.tuned.map((c) => c.camera)],
      removed: cameras.removed,
      untouched: wanted.cameras.length - cameras.added.length - cameras.changed.length - cameras.tuned.length,
    },
    models: {
      added: models.added.map((m) => m.id),
      changed: models.changed.map((m) => m.id),
      removed: models.removed,
      untouched: wanted.models.length - models.added.length - models.changed.length,
    },
    mqtt,
    http,
  };
}

/** Describes a change: `cameras: added yard, removed hall, 3 untouched; models: 1 untouched`. */
export function describeChange({ cameras, models, mqtt, http }: PlanChangeSummary): string {
  const parts = (s: PlanChangeSummary['cameras']): string =>
    [
      ...(['added', 'changed', 'removed'] as const)
        .filter((what) => s[what].length > 0)
        .map((what) => `${what} ${s[what].join(' ')}`),
      `${s.untouched} untouched`,
    ].join(', ');
  return `cameras: ${parts(cameras)}; models: ${parts(models)}${mqtt ? '; MQTT: changed' : ''}${http ? '; HTTP: changed' : ''}`;
}

/**
 * The consumers of a changed camera whose counters continue: same id, same worker, or same model with the same weights.
 */
function keptConsumers(running: Plan, wanted: Plan, setup: CameraSetup): string[] {
  const before = running.cameras.find((c) => c.camera === setup.camera)?.consumers ?? [];
  const weights = (plan: Plan, model: string): string | undefined =>
    plan.models.find((m) => m.id === model)?.container?.dir;
  return setup.consumers
    .filter((now) => {
      const then = before.find((c) => c.id === now.id);
      if (now.kind === 'worker') return then?.kind === 'worker' && then.worker.id === now.worker.id;
      return (
        then?.kind === 'model' && then.model === now.model && weights(running, now.model) === weights(wanted, now.model)
      );
    })
    .map((c) => c.id);
}

/**
 * Removes differences that need no new process: the order of consumers in the file, and the withheld variables of
 * workers, which other cameras may change.
 */
function sorted(setup: CameraSetup): CameraSetup {
  const inOrder = (consumers: readonly ConsumerSetup[]): ConsumerSetup[] =>
    consumers
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map((c) => (c.kind === 'worker' ? Object.assign({}, c, { worker: { ...c.worker, withheld: [] } }) : c));
  const { consumers, idle, secrets } = setup;
  return { ...setup, consumers: inOrder(consumers), idle: inOrder(idle), secrets: secrets.toSorted() };
}

/** The settings that need another process. The class of a worker decides how its process is run. */
function withoutTerms(setup: CameraSetup): CameraSetup {
  const termless = (consumer: ConsumerSetup): ConsumerSetup => {
    const same = { ...consumer, fps: undefined, maxAgeMs: undefined };
    return same.kind === 'model' ? { ...same, sla: 'normal' } : same;
  };
  return { ...setup, consumers: allConsumers(setup).map(termless), idle: [] };
}

function partition<T>(
  running: readonly T[],
  wanted: readonly T[],
  idOf: (item: T) => string,
  same: (a: T, b: T) => boolean,
): { readonly added: T[]; readonly changed: T[]; readonly removed: string[] } {
  const before = new Map(running.map((item) => [idOf(item), item]));
  const after = new Set(wanted.map(idOf));
  const known = (item: T): T | undefined => before.get(idOf(item));
  return {
    added: wanted.filter((item) => known(item) === undefined),
    changed: wanted.filter((item) => {
      const old = known(item);
      return old !== undefined && !same(old, item);
    }),
    removed: running.map(idOf).filter((id) => !after.has(id)),
  };
}
