import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Clock, type Log, type LogRecord, StartGate, VigiaError } from '@vigia/base';
import { fileURLToPath } from 'node:url';
import type { ModelState } from '@vigia/contracts';
import {
  allConsumers,
  type CameraSetup,
  type ConsumerSetup,
  smallUnitsSocketPath,
  unitsSocketPath,
  workerStopMs,
} from '#core/camera-link';
import { killWorkerGroups, probePrefix, removeSegmentsOf } from '#core/node-dirs';
import {
  cameraMemoryLimit,
  containerArguments,
  memoryLimitOf,
  type Plan,
  type PlanChange,
  type PlannedModel,
} from '#node/plan';
import { CameraHandle, type CameraHandleOptions } from './camera-handle.ts';
import { CameraTrial, type Tried } from './camera-trial.ts';
import { ModelHandle, type ModelSettings } from './model-handle.ts';
import { ModelShares } from './model-shares.ts';

/** What the children of a node report. */
export interface ChildrenEvents
  extends Pick<
    CameraHandleOptions,
    'onState' | 'onResult' | 'onWorkerState' | 'onEvent' | 'onRule' | 'agesOf' | 'forgetAges'
  > {
  readonly onModelState: (model: string, state: ModelState, reason: string | null) => void;
  /** A camera's process has ended, and its workers with it. */
  readonly onCameraProcessGone: (camera: string) => void;
  readonly onLog: (record: LogRecord) => void;
}

/** Options of {@link Children}. */
export interface ChildrenOptions extends ChildrenEvents {
  readonly plan: Plan;
  readonly boot: string;
  readonly runDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A start takes about half a second of CPU; one that takes longer does not hold up the others. Milliseconds. */
const START_MS = 2_000;

/** The display name of a process, and its pid. */
export type NamedProcess = readonly [name: string, pid: number];

const CAMERA_ENTRY = fileURLToPath(new URL('../../camera/camera-process.js', import.meta.url));

/** The processes of a node: one per camera and one per model. Applies plans in an order that keeps results coming. */
export class Children {
  /** Lets as many processes of the node start at a time as there are CPUs, recorders too. */
  readonly gate: StartGate;
  readonly #o: ChildrenOptions;
  readonly #cameras = new Map<string, CameraHandle>();
  readonly #models = new Map<string, ModelHandle>();
  /** Removed from the plan, but still running. */
  readonly #leaving = new Set<CameraHandle | ModelHandle>();
  /** Of a camera that the node does not have; undefined: none is being tried. */
  #trial: CameraTrial | undefined;
  readonly #shares: ModelShares;
  #plan: Plan;
  #stopping = false;

  constructor(options: ChildrenOptions) {
    this.#o = options;
    this.gate = new StartGate({ clock: options.clock, places: availableParallelism(), heldMs: START_MS });
    this.#plan = options.plan;
    this.#shares = new ModelShares(options.log);
  }

  get cameras(): ReadonlyMap<string, CameraHandle> {
    return this.#cameras;
  }

  get models(): ReadonlyMap<string, ModelHandle> {
    return this.#models;
  }

  /** All running processes that the node started: `camera:hall`, `model:ssdlite`. */
  get processes(): NamedProcess[] {
    const trials = this.#trial ? [this.#trial] : [];
    return [...this.#cameras.values(), ...this.#models.values(), ...this.#leaving, ...trials].flatMap((handle) =>
      handle.pids.map((pid): NamedProcess => [`${handle.kind}:${handle.id}`, pid]),
    );
  }

  /** The socket path of the next container of a model. */
  nextSocketPath(model: string): string | undefined {
    return this.#models.get(model)?.nextSocketPath;
  }

  /** Starts the processes of the plan. Returns at once. */
  start(): void {
    for (const model of this.#plan.models) this.#addModel(model);
    for (const setup of this.#plan.cameras) this.#addCamera(setup);
  }

  /**
   * Changes the processes to match a plan, in this order: stops removed cameras; starts added models and the successors
   * of changed ones; replaces changed cameras, which connect to the new containers; tunes others; starts added cameras; stops the
   * containers that no camera uses any more. Resolves when the old processes are gone and the new ones have been
   * started, which does not mean that they are ready.
   */
  async apply({ cameras, models }: PlanChange, plan: Plan): Promise<void> {
    this.#plan = plan;
    await Promise.all(cameras.removed.map((id) => this.#dropCamera(id)));
    const removed = models.removed.flatMap((id) => this.#takeModel(id));
    for (const model of models.added) this.#addModel(model);
    await Promise.all(
      models.changed.map(async (model) => {
        await this.#models.get(model.id)?.succeed(settingsOf(model));
      }),
    );
    await Promise.all(
      cameras.changed.map(async ({ setup, kept }) => {
        await this.#cameras.get(setup.camera)?.replace(this.#connected(setup), kept);
      }),
    );
    await Promise.all(
      cameras.tuned.map(async (setup) => this.#cameras.get(setup.camera)?.tune(this.#connected(setup))),
    );
    for (const setup of cameras.added) this.#addCamera(setup);
    await Promise.all([...this.#models.values()].map((model) => model.endPredecessors()));
    await Promise.all(removed.map((model) => this.#stopLeaving(model)));
    for (const { id } of plan.models) this.#shareCpu(id);
  }

  /** Restarts a camera's process with its current settings. */
  async restartCamera(id: string): Promise<void> {
    const camera = this.#cameras.get(id);
    const consumers = camera?.setup.consumers.map((consumer) => consumer.id) ?? [];
    await camera?.replace(camera.setup, consumers);
  }

  /**
   * Tries a camera that the node does not have.
   *
   * @param setup Without consumers; its name is not that of a camera.
   * @throws VigiaError `busy` while another one is being tried, `stopping`.
   */
  async tryCamera(setup: CameraSetup): Promise<Tried> {
    if (this.#stopping) throw new VigiaError('stopping', `node ${this.#plan.node} is stopping`);
    if (this.#trial) throw new VigiaError('busy', 'another camera is being tried: one at a time, for 15 s at most');
    const trial = new CameraTrial({
      ...this.#o,
      gate: this.gate,
      setup,
      entry: CAMERA_ENTRY,
      memoryLimitBytes: cameraMemoryLimit(setup),
      onDied: (pid) => this.#removeLeft(setup.camera, pid),
    });
    this.#trial = trial;
    try {
      return await trial.run();
    } finally {
      this.#trial = undefined;
    }
  }

  /** Stops the cameras, then the models that they use. Resolves when all processes are gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const trial = this.#trial?.stop();
    const leaving = [...this.#leaving];
    await stopAll([...this.#cameras.values(), ...leaving.filter((handle) => handle.kind === 'camera')]);
    await stopAll([...this.#models.values(), ...leaving]);
    await trial;
  }

  #addCamera(setup: CameraSetup): void {
    if (this.#stopping) return;
    const handle = new CameraHandle({
      ...this.#o,
      gate: this.gate,
      setup: this.#connected(setup),
      entry: CAMERA_ENTRY,
      extraStopMs: (one) => workerStopMs(allConsumers(one)),
      memoryLimitBytes: cameraMemoryLimit,
      onDied: (pid) => this.#onCameraDied(setup.camera, pid),
    });
    this.#cameras.set(setup.camera, handle);
    handle.start();
  }

  /** What a process leaves behind that was killed. */
  #removeLeft(camera: string, pid: number): void {
    const { runDir } = this.#o;
    for (const path of [unitsSocketPath(runDir, camera), smallUnitsSocketPath(runDir, camera)])
      rmSync(path, { force: true });
    removeSegmentsOf(this.#plan.node, pid);
  }

  #onCameraDied(camera: string, pid: number): void {
    const { log, runDir, onCameraProcessGone } = this.#o;
    this.#removeLeft(camera, pid);
    const killed = killWorkerGroups(runDir, camera);
    if (killed > 0) log.warn(`camera ${camera}: ended ${killed} workers that its process had left`);
    onCameraProcessGone(camera);
  }

  async #dropCamera(id: string): Promise<void> {
    const camera = this.#cameras.get(id);
    if (!camera) return;
    this.#cameras.delete(id);
    this.#leaving.add(camera);
    await this.#stopLeaving(camera);
  }

  #takeModel(id: string): ModelHandle[] {
    const model = this.#models.get(id);
    if (!model) return [];
    this.#models.delete(id);
    this.#leaving.add(model);
    return [model];
  }

  async #stopLeaving(handle: CameraHandle | ModelHandle): Promise<void> {
    await handle.stop();
    this.#leaving.delete(handle);
  }

  #addModel(model: PlannedModel): void {
    if (this.#stopping) return;
    const { runDir, clock, log, onLog, onModelState } = this.#o;
    const handle = new ModelHandle({
      settings: settingsOf(model),
      runDir,
      probePrefix: probePrefix(this.#plan.node, model.id),
      clock,
      gate: this.gate,
      log,
      onLog,
      onState: (state, reason) => {
        if (state === 'starting' || state === 'ready') this.#shareCpu(model.id);
        onModelState(model.id, state, reason);
      },
    });
    this.#models.set(model.id, handle);
    handle.start();
  }

  /** The setup with the socket paths of the current containers. */
  #connected(setup: CameraSetup): CameraSetup {
    const connected = (c: ConsumerSetup): ConsumerSetup =>
      c.kind === 'model' ? { ...c, socketPath: this.#models.get(c.model)?.socketPath ?? c.socketPath } : c;
    return { ...setup, consumers: setup.consumers.map(connected), idle: setup.idle.map(connected) };
  }

  #shareCpu(model: string): void {
    const pid = this.#models.get(model)?.pid;
    if (pid !== undefined) this.#shares.apply(model, pid, this.#plan);
  }
}

function settingsOf(model: PlannedModel): ModelSettings {
  const { id, frame, container, socketPath } = model;
  return {
    id,
    frame,
    socketPath,
    container: container && {
      argumentsFor: (path) => containerArguments(id, path, container),
      memoryLimitBytes: memoryLimitOf(model),
      remote: container.manifest.remote !== undefined,
    },
  };
}

async function stopAll(handles: readonly (CameraHandle | ModelHandle)[]): Promise<void> {
  await Promise.all(handles.map((handle) => handle.stop()));
}
