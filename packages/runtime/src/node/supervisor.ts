import { fileURLToPath } from 'node:url';
import { type Clock, every, type Log, type LogRecord, Scope, UsageError, VigiaError } from '@vigia/base';
import type { CameraReport, ModelReport, NodeStatus, Report, ViewEvent, WorkerStateMessage } from '@vigia/contracts';
import { containerEntry } from '@vigia/model-container';
import { ALL_CPUS, applyCpuShare } from '#core/cpu';
import { type CameraSetup, workerStopMs } from '#core/camera-link';
import {
  checkSocketPath,
  controlSocketPath,
  killWorkerGroups,
  modelSocketPath,
  probePrefix,
  removeSegmentsOf,
  segmentBytesOf,
} from '#core/node-dirs';
import { readProcessUsage } from '#core/process-stats';
import { type NodeHealth, serveControl } from '#services/control-plane';
import { CameraHandle, ExternalModelHandle, ModelHandle, type ModelSupervision } from '#node/children';
import { BrokerLink } from './broker-link.ts';
import { admit, budgetOf, heldByWorkers, memoryLimitOf, roomFor, type RunningWorker } from '#node/plan';
import { CpuWatch } from '#node/watch';
import { CriticalWatch } from '#node/watch';
import { MemoryWatch } from '#node/watch';
import {
  containerArguments,
  modelClass,
  type Plan,
  type PlannedModel,
  withCamera,
  withoutCamera,
  workerLimits,
  workersOf,
} from '#node/plan';
import { diffPlans, type PlanChange, type PlanChangeSummary, summaryOf } from '#node/plan';
import { WorkerStates } from '#node/watch';

/** Options of {@link Supervisor}. */
export interface SupervisorOptions {
  readonly plan: Plan;
  readonly runDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  readonly onEvent: (event: ViewEvent) => void;
  /** Reads the configuration again and applies it: what the control socket asks for. */
  readonly reload: () => Promise<PlanChangeSummary>;
}

const CAMERA_ENTRY = fileURLToPath(new URL('../camera/camera-process.js', import.meta.url));
/** Cameras 1.5 s, with workers 3.5 s; models 1.5 s, broker 1 s, and some more. */
const STOP_MS = 5_000;
const STOP_WITH_WORKERS_MS = 7_000;
const WATCH_MS = 1_000;
/** Beyond its start timeout: a worker that is to be started again has to end first. */
const RESTART_SLACK_MS = 3_000;

/**
 * The node: starts and watches one process per camera and per model, passes results on, and never touches a pixel or
 * waits for a camera, a model or a broker. While it runs it can be made another plan, of which only the difference is
 * applied.
 */
export class Supervisor {
  readonly #o: SupervisorOptions;
  readonly #scope = new Scope();
  readonly #cameras = new Map<string, CameraHandle>();
  readonly #models = new Map<string, ModelSupervision>();
  /** The last state of each worker, by camera and consumer. */
  readonly #workers: WorkerStates;
  readonly #cpuWatch: CpuWatch;
  readonly #memoryWatch = new MemoryWatch();
  readonly #criticalWatch: CriticalWatch;
  /** Processes of models that may run on some CPUs only. */
  readonly #bound = new Set<number>();
  /** Taken out of the plan and not yet gone. */
  readonly #leaving = new Set<CameraHandle | ModelSupervision>();
  /** How many containers in a row there were of a model, each taking over from the one before. */
  readonly #generations = new Map<string, number>();
  readonly #broker: BrokerLink;
  readonly #startedMs: number;
  #plan: Plan;
  #work: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#o = options;
    this.#plan = options.plan;
    this.#startedMs = options.clock.nowMs();
    const { plan, clock, log } = options;
    this.#broker = new BrokerLink({ node: plan.node, clock, log, consumers: () => this.#consumerReports() });
    this.#cpuWatch = new CpuWatch(clock);
    this.#criticalWatch = new CriticalWatch(clock);
    this.#workers = new WorkerStates(clock);
  }

  /** Starts everything; resolves when all processes are on their way, whether or not a camera answers. */
  async start(): Promise<void> {
    const plan = this.#plan;
    for (const model of plan.models) checkSocketPath(model.socketPath);
    this.#scope.defer(() => this.#broker.close());
    await this.#broker.use(plan.mqttUrl, [], []);
    // Deferred first, so closed last: models go after the cameras that use them.
    this.#scope.defer(() => stopAll([...this.#models.values(), ...this.#leaving]));
    this.#scope.defer(() => stopAll([...this.#cameras.values(), ...this.#leaving]));
    for (const model of plan.models) this.#addModel(model).start();
    for (const setup of plan.cameras) this.#startCamera(setup);
    const timer = every(this.#o.clock, WATCH_MS, () => {
      this.#watchCpu();
      this.#watchMemory();
    });
    this.#scope.defer(() => timer.cancel());
    this.#scope.defer(await serveControl(controlSocketPath(this.#o.runDir), this));
    this.#o.log.debug('started');
  }

  /**
   * Stops cameras, models and the connection to the broker, in that order. Resolves within 5 s (7 s with workers) whatever
   * hangs; who is not
   * gone by then is named in the log. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /**
   * Makes the running node what a plan says; whatever is the same in both goes on untouched. One at a time: a second call
   * waits for the first. Resolves when the old processes are gone and the new ones are on their way.
   *
   * @throws UsageError for another node name, VigiaError `shm_full`, `memory_full`, `stopping`. Nothing has changed then.
   */
  apply(plan: Plan): Promise<PlanChangeSummary> {
    return this.#inTurn(() => this.#apply(plan));
  }

  /** Adds a camera, or gives the one of its name other settings. Throws as {@link apply}, and for a model that is not there. */
  addOrChangeCamera(setup: CameraSetup): Promise<PlanChangeSummary> {
    return this.#inTurn(() => this.#apply(withCamera(this.#plan, setup)));
  }

  /** Takes a camera out. The next reload brings it back when it still stands in the file. */
  removeCamera(id: string): Promise<PlanChangeSummary> {
    return this.#inTurn(() => this.#apply(withoutCamera(this.#plan, id)));
  }

  /** Gives a camera a new process with the same settings. */
  restartCamera(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const camera = this.#cameras.get(id);
      const ids = camera?.setup.consumers.map((c) => c.id) ?? [];
      await camera?.replace(camera.setup, ids);
    });
  }

  /**
   * Starts a worker again, one that has failed too, and gives it its whole budget. Resolves when it is ready.
   *
   * @throws UsageError for a consumer that has no worker; VigiaError `worker_failed` with the reason when it did not
   *   become ready, `no_answer` when its camera has no process at the moment or nothing is heard of it.
   */
  async restartWorker(camera: string, consumer: string): Promise<void> {
    const handle = this.#cameras.get(camera);
    const setup = handle?.setup.consumers.find((c) => c.id === consumer);
    if (setup?.kind !== 'worker') throw new UsageError(`${camera}/${consumer} has no worker`);
    const ready = this.#workers.ready(camera, consumer, setup.worker.startTimeoutMs + RESTART_SLACK_MS);
    if (!handle?.restartWorker(consumer))
      this.#workers.giveUp(camera, consumer, 'its camera has no process at the moment');
    await ready;
  }

  /** Reads the configuration again and applies it. */
  reload(): Promise<PlanChangeSummary> {
    return this.#o.reload();
  }

  /** Models whose containers this node starts. */
  get ownModels(): ReadonlySet<string> {
    return new Set(this.#plan.models.filter((model) => model.container).map((model) => model.id));
  }

  /** What somebody must look at. */
  health(): NodeHealth {
    const blind = this.#criticalWatch.blind(this.#plan, (id) => this.#cameras.get(id)?.recentReport());
    return [...this.#workers.alarms, ...blind];
  }

  get cameraIds(): readonly string[] {
    return [...this.#cameras.keys()];
  }

  camera(id: string): CameraHandle | undefined {
    return this.#cameras.get(id);
  }

  /** Cameras from which no picture ever came, each with what is known about why. */
  neverLive(): string[] {
    const silent = [...this.#cameras.values()].filter((c) => !c.everLive);
    return silent.map((c) => `camera ${c.id}: no picture came (${c.state.message ?? c.state.state})`);
  }

  /** One snapshot of everything. Cameras and models that do not answer are reported as last heard. */
  async report(): Promise<Report> {
    const durationMs = this.#o.clock.nowMs() - this.#startedMs;
    const [cameras, models] = await Promise.all([reports(this.#cameras), reports(this.#models)]);
    return {
      version: 1,
      node: this.#plan.node,
      duration_ms: Math.round(durationMs),
      cameras,
      models,
      mqtt: this.#broker.report,
      system: { shm_bytes: this.#plan.shmBytes, processes: this.#processes() },
    };
  }

  /** What a view draws: counters as last heard, nothing is asked. */
  status(): NodeStatus {
    return {
      node: this.#plan.node,
      upMs: this.#o.clock.nowMs() - this.#startedMs,
      shmBytes: this.#plan.shmBytes,
      mqtt: this.#broker.text,
      cameras: new Map(
        [...this.#cameras].map(([id, c]) => [id, { report: c.recentReport(), message: c.state.message }]),
      ),
      models: new Map([...this.#models].map(([id, m]) => [id, m.recentReport()])),
    };
  }

  async #stop(): Promise<void> {
    const { clock, log } = this.#o;
    const limitMs = workersOf(this.#plan).length > 0 ? STOP_WITH_WORKERS_MS : STOP_MS;
    await new Promise<void>((resolve, reject) => {
      const timer = clock.after(limitMs, () => {
        const still = this.#pids().map(([name, pid]) => `${name} (process ${pid})`);
        log.error(`not everything stopped within ${limitMs / 1000} s: ${still.join(', ') || 'a connection is left'}`);
        resolve();
      });
      this.#scope
        .close()
        .finally(() => timer.cancel())
        .then(resolve, reject);
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(() => {
      if (this.#stopping) throw new VigiaError('stopping', `node ${this.#plan.node} is stopping`);
      return work();
    });
    this.#work = done.catch(() => undefined);
    return done;
  }

  async #apply(wanted: Plan): Promise<PlanChangeSummary> {
    const change = diffPlans(this.#plan, wanted);
    const replaced = new Set([...change.models.removed, ...change.models.changed.map((m) => m.id)]);
    for (const model of change.models.added) checkSocketPath(model.socketPath);
    for (const model of change.models.changed) checkSocketPath(this.#nextSocketPath(model.id));
    const pids = [process.pid, ...this.#pids().map(([, pid]) => pid)];
    const leaving = this.#plan.models.filter((m) => replaced.has(m.id));
    const ending = new Set([...change.cameras.removed, ...change.cameras.changed.map(({ setup }) => setup.camera)]);
    const held = heldByWorkers(wanted, ending, this.#runningWorkers());
    admit(wanted, budgetOf(wanted, leaving), roomFor(pids, segmentBytesOf(wanted.node), held));
    // From here on it happens.
    this.#plan = wanted;
    this.#forgetWorkers(wanted);
    const brokerLeft = change.mqtt ? this.#changeBroker(wanted.mqttUrl) : undefined;
    await this.#applyProcesses(change);
    // Their processes had a last word.
    this.#forgetWorkers(wanted);
    for (const { id } of wanted.models) this.#shareCpu(id);
    await brokerLeft;
    return summaryOf(change, wanted);
  }

  /** What goes, goes first, because its memory is counted on. A model's successor is there before its cameras change over. */
  async #applyProcesses({ cameras, models }: PlanChange): Promise<void> {
    await Promise.all(cameras.removed.map((id) => this.#dropCamera(id)));
    const old = [...models.removed, ...models.changed.map((m) => m.id)].flatMap((id) => this.#models.get(id) ?? []);
    for (const model of old) {
      this.#leaving.add(model);
      this.#models.delete(model.id);
    }
    const successors = [
      ...models.added.map((model) => this.#addModel(model)),
      ...models.changed.map((model) =>
        this.#addModel(
          model,
          old.find((m) => m.id === model.id),
        ),
      ),
    ];
    // A container that somebody else starts has the socket of our first one: that must be gone, or it is taken for the other.
    await stopAll(old.filter((m) => this.#models.get(m.id) instanceof ExternalModelHandle));
    for (const model of successors) if (!this.#stopping) model.start();
    await Promise.all(
      cameras.changed.map(async ({ setup, kept }) => {
        await this.#cameras.get(setup.camera)?.replace(this.#connected(setup), kept);
      }),
    );
    // Last: their memory is that which the others have let go.
    for (const setup of cameras.added) this.#startCamera(setup);
    await stopAll(old);
    for (const model of old) this.#leaving.delete(model);
  }

  #changeBroker(url: string | undefined): Promise<void> {
    return this.#broker.use(
      url,
      [...this.#cameras.values()].map((c) => c.state),
      this.#workers.all,
    );
  }

  async #dropCamera(id: string): Promise<void> {
    const camera = this.#cameras.get(id);
    if (!camera) return;
    this.#cameras.delete(id);
    this.#leaving.add(camera);
    await camera.stop();
    this.#leaving.delete(camera);
    this.#broker.forgetCamera(id);
  }

  #nextSocketPath(model: string): string {
    return modelSocketPath(this.#o.runDir, model, (this.#generations.get(model) ?? 0) + 1);
  }

  /** To be started by the caller. @param before The container that it takes over from: still there, so its socket is too. */
  #addModel(model: PlannedModel, before?: ModelSupervision): ModelSupervision {
    const { id, frame, container } = model;
    const { clock, log, onEvent } = this.#o;
    if (!before || !container) this.#generations.delete(id);
    const socketPath = container ? this.#nextSocketPath(id) : model.socketPath;
    this.#generations.set(id, (this.#generations.get(id) ?? 0) + 1);
    const common = {
      before: before?.recentReport(),
      id,
      socketPath,
      frame,
      probePrefix: probePrefix(this.#plan.node, id),
      clock,
      log,
      onState: (_: string, state: ModelReport['state'], reason: string | null) => {
        if (state === 'starting' || state === 'ready') this.#shareCpu(id);
        // The end of one that was taken over from is not the model's.
        if ((this.#models.get(id) ?? handle) === handle) onEvent({ type: 'model_state', model: id, state, reason });
      },
    };
    const handle: ModelSupervision = container
      ? new ModelHandle({
          ...common,
          entry: containerEntry,
          args: containerArguments(id, socketPath, container),
          memoryLimitBytes: memoryLimitOf(model),
          onLog: this.#o.onLog,
        })
      : new ExternalModelHandle(common);
    this.#models.set(id, handle);
    return handle;
  }

  #startCamera(setup: CameraSetup): void {
    if (this.#stopping) return;
    const { clock, log, onLog, onEvent } = this.#o;
    const handle = new CameraHandle({
      setup: this.#connected(setup),
      entry: CAMERA_ENTRY,
      clock,
      log,
      onLog,
      onState: (state) => {
        this.#broker.cameraState(state);
        onEvent({ type: 'camera_state', state });
      },
      onResult: (result) => {
        this.#cpuWatch.record(result, handle.setup);
        this.#criticalWatch.record(result);
        this.#broker.result(result);
        onEvent({ type: 'result', result });
      },
      onWorkerState: (state) => this.#workerState(state),
      onEvent: (event) => {
        this.#broker.event(event);
        onEvent({ type: 'event', event });
      },
      extraStopMs: (of) => workerStopMs(of.consumers),
      onDied: (pid) => {
        removeSegmentsOf(this.#plan.node, pid);
        const killed = killWorkerGroups(this.#o.runDir, setup.camera);
        if (killed > 0) log.warn(`camera ${setup.camera}: ended ${killed} of its workers, which its process had left`);
        for (const state of this.#workers.cameraGone(setup.camera)) this.#workerState(state);
      },
    });
    this.#cameras.set(setup.camera, handle);
    handle.start();
  }

  /** The setup with the sockets of the containers that run. */
  #connected(setup: CameraSetup): CameraSetup {
    const consumers = setup.consumers.map((c) =>
      c.kind === 'model' ? { ...c, socketPath: this.#models.get(c.model)?.socketPath ?? c.socketPath } : c,
    );
    return { ...setup, consumers };
  }

  #workerState(state: WorkerStateMessage): void {
    this.#workers.told(state);
    this.#broker.workerState(state);
    this.#o.onEvent({ type: 'worker_state', state });
  }

  /** A model is as important as the most important of its consumers. */
  #shareCpu(model: string): void {
    const pid = this.#models.get(model)?.pid;
    if (pid === undefined) return;
    const share = this.#plan.cpu[modelClass(this.#plan, model)];
    // One that was bound and is not to be any more gets back what it had.
    const cpus = share.cpus ?? (this.#bound.has(pid) ? ALL_CPUS : undefined);
    if (share.cpus) this.#bound.add(pid);
    else this.#bound.delete(pid);
    applyCpuShare(pid, { ...share, cpus }, `model ${model}`, this.#o.log);
  }

  #watchCpu(): void {
    if (this.#stopping) return;
    const at = new Date(this.#o.clock.wallMs()).toISOString();
    for (const { camera, consumer, sla, slowed } of this.#cpuWatch.look(this.#plan, this.#cameras)) {
      this.#cameras.get(camera)?.pace(consumer, slowed);
      const message = slowed ? `slowed to ${slowed.fps} pictures per second: ${slowed.reason}` : 'as configured again';
      const type = slowed ? 'slowed' : 'restored';
      const event = { type, camera, consumer, sla, alarm: false, reason: slowed ? 'cpu' : null, message, at } as const;
      this.#broker.event(event);
      this.#o.onEvent({ type: 'event', event });
    }
  }

  #watchMemory(): void {
    if (this.#stopping) return;
    const limits = workerLimits(this.#plan);
    const running = limits.size > 0 ? this.#runningWorkers() : [];
    for (const { camera, consumer, pid, message } of this.#memoryWatch.look(limits, running))
      this.#cameras.get(camera)?.endWorker(consumer, pid, 'memory', message);
  }

  /** Retained states of workers that are not wanted any more. */
  #forgetWorkers(wanted: Plan): void {
    const kept = wanted.cameras.flatMap(({ camera, consumers }) =>
      consumers.filter((c) => c.kind === 'worker').map(({ id }) => [camera, id] as const),
    );
    for (const { camera, consumer } of this.#workers.keepOnly(kept)) this.#broker.forgetWorker(camera, consumer);
  }

  *#consumerReports(): Iterable<readonly [string, string, CameraReport['consumers'][string]]> {
    for (const [id, camera] of this.#cameras) {
      for (const [name, report] of Object.entries(camera.recentReport().consumers)) yield [id, name, report];
    }
  }

  /** Names and processes of all children that run. */
  #pids(): [name: string, pid: number][] {
    const handles = [...this.#cameras.values(), ...this.#models.values(), ...this.#leaving];
    return handles.flatMap((handle): [string, number][] => {
      const kind = handle instanceof CameraHandle ? 'camera' : 'model';
      return handle.pid === undefined ? [] : [[`${kind}:${handle.id}`, handle.pid]];
    });
  }

  /** As their cameras' processes said last. */
  #runningWorkers(): RunningWorker[] {
    return [...this.#consumerReports()].flatMap(([camera, consumer, { process: of }]): RunningWorker[] =>
      of?.pid ? [{ camera, consumer, pid: of.pid }] : [],
    );
  }

  #processes(): Report['system']['processes'] {
    const out: Report['system']['processes'] = {};
    const workers = this.#runningWorkers().map(
      ({ camera, consumer, pid }) => [`worker:${camera}/${consumer}`, pid] as const,
    );
    for (const [name, pid] of [['supervisor', process.pid] as const, ...this.#pids(), ...workers]) {
      const usage = readProcessUsage(pid);
      if (usage) out[name] ??= { pss_bytes: usage.pssBytes, cpu_s: usage.cpuSeconds };
    }
    return out;
  }
}

async function stopAll(handles: readonly (CameraHandle | ModelSupervision)[]): Promise<void> {
  await Promise.all(handles.map((handle) => handle.stop()));
}

async function reports<T>(handles: ReadonlyMap<string, { report(): Promise<T> }>): Promise<Record<string, T>> {
  return Object.fromEntries(
    await Promise.all([...handles].map(async ([id, handle]): Promise<[string, T]> => [id, await handle.report()])),
  );
}
