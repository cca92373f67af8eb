import { type Clock, every, type Log, type LogRecord, messageOf, Scope, UsageError, VigiaError } from '@vigia/base';
import type {
  Config,
  EventQuery,
  HealthProblem,
  LogAnswer,
  LogQuery,
  NodeBudget,
  NodeEvent,
  NodeEventOf,
  NodeProblem,
  NodeStatus,
  Report,
} from '@vigia/contracts';
import type { DemoBreak } from '@vigia/contracts/api';
import type { CameraSetup } from '#core/camera-link';
import { checkSocketPath } from '#core/node-dirs';
import type { EventHub, ItemHandler } from '#core/event-hub';
import { Children, type CameraHandle, type Tried } from '#node/children';
import { DesiredState, type DesiredStateOptions } from '#node/desired';
import { type Announcer, NodeEvents, steadily } from '#node/events';
import { MetricCounts, metricsText } from '#node/metrics';
import { diffPlans, type Plan, type PlanChangeSummary, summaryOf, workersOf } from '#node/plan';
import { Recordings } from '#node/recordings';
import { Problems, Watches } from '#node/watch';
import type { ControlledNode, FollowerOptions, NodeSubscription } from '#services/control-plane';
import type { NodeStore } from '#services/store';
import { admitChange, nodeBudgetOf } from './admit-change.ts';
import { controlledNode } from './controlled-node.ts';
import { breakDemo, type DemoCameras } from './demo-breaks.ts';
import { Doors } from './doors.ts';
import type { LogRing } from './log-ring.ts';
import { consumersOf, type NodeParts, reportOf, runningWorkers, statusOf } from './node-report.ts';
import { Outlets } from './outlets.ts';
import { ResultAges } from './result-ages.ts';

/** Options of {@link Supervisor}. */
export interface SupervisorOptions {
  /** The document that the plan was made from. */
  readonly initial: DesiredStateOptions['initial'];
  /** Keeps what runtime changed over restarts; undefined: it does not last. */
  readonly keep: DesiredStateOptions['keep'];
  readonly plan: Plan;
  /** The file that it was read from; undefined without one. */
  readonly file: string | undefined;
  /** Makes the plan of another document. Rejects when that is not possible. */
  readonly planFor: (config: Config, ownModels: ReadonlySet<string>) => Promise<Plan>;
  readonly runDir: string;
  /** Where users are kept. */
  readonly stateDir: string;
  /** Keeps events over restarts; undefined: they are kept in memory. The caller closes it. */
  readonly store: NodeStore | undefined;
  /** The version of vigia. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onLog: (record: LogRecord) => void;
  /** The records of `log` and `onLog` that are kept for those who ask. */
  readonly logs: Pick<LogRing, 'read'>;
  /** The cameras of a demo; undefined for any other node. */
  readonly demo?: DemoCameras | undefined;
  /** Called when a client requests a stop over the control socket. The caller stops the node. */
  readonly onStopRequest: () => void;
}

/** Cameras 1.5 s (with workers 3.5 s), models 1.5 s, broker 1.5 s, and a reserve. */
const STOP_MS = 5_500;
const STOP_WITH_WORKERS_MS = 7_500;
const WATCH_MS = 1_000;
const STATS_MS = 10_000;
const PRUNE_MS = 60_000;
/** Added to the start timeout, because a restarted worker has to end first. */
const RESTART_SLACK_MS = 3_000;

/**
 * The node: one process per camera and per model, one event stream, one desired document. Composes these parts. Never
 * touches a pixel and never blocks on a camera, a model or the broker.
 */
export class Supervisor {
  readonly #o: SupervisorOptions;
  readonly #scope = new Scope();
  readonly #events: NodeEvents;
  readonly #hub: EventHub;
  readonly #announcer: Announcer;
  readonly #ages: ResultAges;
  readonly #metrics = new MetricCounts();
  readonly #children: Children;
  readonly recordings: Recordings;
  readonly #watches: Watches;
  readonly #problems: Problems;
  readonly #outlets: Outlets;
  readonly #doors: Doors;
  /** A new id, greater than all before. */
  readonly newEventId: () => string;
  readonly #startedMs: number;
  readonly desired: DesiredState;
  #plan: Plan;
  #stopping: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#o = options;
    this.#plan = options.plan;
    const { plan, clock, log } = options;
    this.#startedMs = clock.nowMs();
    this.#metrics.follow(plan.cameras);
    this.#ages = new ResultAges(clock);
    const { store, version } = options;
    const sendAhead = (event: NodeEvent): void => this.#outlets.broker.sendAhead(event);
    this.#events = new NodeEvents({ node: plan.node, clock, log, store, sendAhead });
    ({ hub: this.#hub, announcer: this.#announcer, newId: this.newEventId } = this.#events);
    const { hub, boot } = this.#events;
    const onRefused = (message: string): void => this.#announcer.storage({ state: 'discarded', message, discarded: 1 });
    const operations = (): Doors['operations'] => this.#doors.operations;
    this.#outlets = new Outlets({ node: plan.node, boot, version, clock, log, hub, store, operations, onRefused });
    this.#children = this.#newChildren(boot);
    this.recordings = new Recordings({
      ...options,
      gate: this.#children.gate,
      boot,
      follow: (handle) => this.subscribe('recordings', handle),
      onState: (camera, state) => this.#announcer.recording(camera, state),
      onStorage: (state, message) => this.#announcer.footage(state, message),
      events: (ask) => this.#doors.cameraEvents(ask),
    });
    this.#watches = new Watches({
      clock,
      log,
      announcer: this.#announcer,
      plan: () => this.#plan,
      cameras: () => this.#children.cameras,
      runningWorkers: () => runningWorkers(this.#children),
    });
    this.#problems = new Problems(clock);
    this.desired = new DesiredState({
      ...options,
      apply: (document) => this.#apply(document),
      onRevision: ({ revision, by, changes }) => this.#announcer.config({ revision, by, changes: [...changes] }),
    });
    this.#doors = new Doors({
      ...options,
      node: controlledNode(this, this.#parts()),
      follow: (wish, handle) => this.follow(wish, handle),
      stop: (by) => this.requestStop(by),
    });
  }

  /** Subscribes to the node's stream for as long as the node runs, as {@link steadily} does. */
  subscribe(name: string, handle: ItemHandler): () => number {
    return steadily(this.#hub, name, handle);
  }

  /** Subscribes a reader that ends when it left too many alarms unread. */
  follow(options: FollowerOptions, handle: ItemHandler): NodeSubscription {
    const subscription = this.#hub.subscribe({ ...options, guest: true }, handle);
    return { close: () => subscription.close(), dropped: () => subscription.lost };
  }

  /** Starts the node. Resolves when all processes have been started, whether or not a camera answers. */
  async start(): Promise<void> {
    const plan = this.#plan;
    for (const model of plan.models) checkSocketPath(model.socketPath);
    for (const { smallUnits } of plan.cameras) checkSocketPath(smallUnits);
    this.#scope.defer(() => this.#doors.closePort());
    this.#doors.showLive(plan);
    await this.#doors.usePort(plan.http);
    this.#scope.defer(() => this.#hub.close());
    this.#scope.defer(() => this.#outlets.close());
    this.#hub.subscribe({ name: 'report' }, this.#ages.handle);
    this.#hub.subscribe({ name: 'health' }, this.#watches.handle);
    this.#hub.subscribe({ name: 'metrics' }, this.#metrics.handle);
    await this.#outlets.use(plan);
    this.#announcer.node('started', this.#o.version);
    // Who fell in the last demo is a clip.
    if (!this.#o.demo) await this.#watches.findLeft(this.#o.store);
    this.#scope.defer(() => this.recordings.stop());
    this.recordings.start();
    this.#scope.defer(() => this.#children.stop());
    this.#children.start();
    this.#doors.tell();
    for (const [ms, work] of [
      [WATCH_MS, () => this.#watch()],
      [STATS_MS, () => this.#announceStats()],
      [PRUNE_MS, () => void this.#prune()],
    ] as const) {
      const timer = every(this.#o.clock, ms, work);
      this.#scope.defer(() => timer.cancel());
    }
    await this.#doors.openSocket();
    this.#scope.defer(() => this.#doors.closeSocket());
    this.#o.log.debug('started');
  }

  /**
   * Stops cameras, models and the connection to the broker, in that order. Resolves within 5.5 s (7.5 s with workers)
   * even if a process hangs; the log then names the processes that are left. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Restarts a camera's process with its current settings. */
  restartCamera(id: string): Promise<void> {
    return this.desired.beginInTurn(() => this.#children.restartCamera(id));
  }

  /**
   * Restarts a worker, even one that has failed, and resets its restart budget. Resolves when the worker is ready.
   *
   * @throws UsageError for a consumer that has no worker; VigiaError `worker_failed` with the reason when it did not
   *   become ready, `no_answer` when its camera has no process at the moment or sends nothing about it.
   */
  async restartWorker(camera: string, consumer: string): Promise<void> {
    const handle = this.#children.cameras.get(camera);
    const setup = handle?.setup.consumers.find((c) => c.id === consumer);
    if (!handle || setup?.kind !== 'worker') throw new UsageError(`${camera}/${consumer} has no worker`);
    const { workers } = this.#watches;
    const ready = workers.ready(camera, consumer, setup.worker.startTimeoutMs + RESTART_SLACK_MS);
    handle.restartWorker(consumer).catch((error: unknown) => workers.giveUp(camera, consumer, messageOf(error)));
    await ready;
  }

  /** Whether events are stored. */
  get resumable(): boolean {
    return this.#o.store !== undefined;
  }

  /** Stored events, oldest first. @throws VigiaError `no_store` without a store. */
  events(query: EventQuery): Promise<NodeEvent[]> {
    return this.#store.read(query);
  }

  /** How many stored events match, `limit` at most. @throws VigiaError `no_store` without a store. */
  countEvents(query: EventQuery): Promise<number> {
    return this.#store.count(query);
  }

  get #store(): NodeStore {
    const { store } = this.#o;
    if (!store) throw new VigiaError('no_store', 'this node keeps its events in memory only: it has no store');
    return store;
  }

  /** See `ControlledNode`. */
  acknowledge(...[alarm, by, found]: Parameters<ControlledNode['acknowledge']>): void {
    const { subject, id, camera, at } = alarm;
    if (subject === null) return;
    this.#watches.alarms.acknowledge(subject, by, { id, found });
    if (found.outcome === 'not_a_fall' && camera !== null)
      this.recordings.unmark(camera, subject, at === undefined ? undefined : Date.parse(at));
  }

  camera(id: string): CameraHandle | undefined {
    return this.#children.cameras.get(id);
  }

  /** Where the node keeps its sockets. */
  get runDir(): string {
    return this.#o.runDir;
  }

  /** Tries a camera that the node does not have. @throws VigiaError `busy`, `stopping` */
  tryCamera(setup: CameraSetup): Promise<Tried> {
    return this.#children.tryCamera(setup);
  }

  /** Breaks a part of a demo on purpose. @throws VigiaError as {@link breakDemo} does. */
  breakDemo(wish: DemoBreak): void {
    breakDemo(wish, { cameras: this.#o.demo, children: this.#children, recordings: this.recordings });
    this.#o.log.info(`broke the ${wish.what} of camera ${wish.camera}: somebody wanted to see what follows`);
  }

  /** Problems that need attention. */
  health(): readonly HealthProblem[] {
    return [
      ...this.#watches.health(),
      ...this.#outlets.problems,
      ...this.#events.problems,
      ...this.recordings.problems,
      ...this.desired.problems,
      ...this.#doors.problems,
    ];
  }

  /** What is wrong, since when, and what to do about it. */
  problems(): readonly NodeProblem[] {
    const { cameras, models } = this.#children;
    return this.#problems.look({
      health: this.health(),
      cameras: [...cameras.values()].map((c) => ({ id: c.id, report: c.recentReport(), message: c.state.message })),
      models: [...models.values()].map((m) => ({ id: m.id, report: m.recentReport() })),
    });
  }

  /** What the plan in force may use at most, and what the machine has. */
  budget(): NodeBudget {
    const more = [...this.recordings.processes, ...this.#doors.processes];
    return nodeBudgetOf(this.#plan, this.#children, more);
  }

  /** Cameras that have never delivered a picture, each with the reason as far as it is known. */
  neverLive(): string[] {
    const silent = [...this.#children.cameras.values()].filter((c) => !c.everLive);
    return silent.map((c) => `camera ${c.id}: no picture came (${c.lastProblem ?? c.state.state})`);
  }

  /** Records of the log that are still kept. */
  logs(query: LogQuery): LogAnswer {
    return this.#o.logs.read(query);
  }

  /** Records who changed what, or was refused. */
  audit(entry: NodeEventOf<'audit'>['data'], camera: string | null): void {
    this.#announcer.audit(entry, camera);
  }

  /** Reads users and certificates again. */
  refreshDoors(): Promise<void> {
    return this.#doors.refresh();
  }

  /** Asks the caller to stop the node. @param by Who wants it, for the log. */
  requestStop(by: string): void {
    this.#o.log.info(`stop requested by ${by}`);
    this.#o.onStopRequest();
  }

  /** A report of the whole node. For cameras and models that do not answer it contains the latest known values. */
  report(): Promise<Report> {
    return reportOf(this.#parts());
  }

  /** OpenMetrics text, from a report and the histograms of the stream. */
  async metrics(): Promise<string> {
    const [report, subscribers, { consumers }] = [await this.report(), this.#hub.report(), this.#metrics];
    const [{ version }, { traces }, nodejs] = [this.#o, this.#outlets, process.versions.node];
    const recorded = this.recordings.sources;
    return metricsText({ report, consumers, subscribers, traces: traces.counts, version, nodejs, ...recorded });
  }

  /** The latest known values, for a view. Asks no process. */
  status(): NodeStatus {
    return statusOf(this.#parts());
  }

  #newChildren(boot: string): Children {
    const { plan, runDir, clock, log, onLog } = this.#o;
    return new Children({
      plan,
      boot,
      runDir,
      clock,
      log,
      onLog,
      agesOf: (camera, consumer) => this.#ages.of(camera, consumer),
      forgetAges: (camera, consumer) => {
        this.#ages.forget(camera, consumer);
        this.#metrics.forget(camera, consumer);
      },
      onState: (state) => this.#announcer.cameraState(state),
      onResult: (result) => this.#announcer.result(result),
      onWorkerState: (state) => this.#announcer.workerState(state),
      onEvent: (event) => this.#watches.consumerEvent(event),
      onRule: (camera, notice) => this.#watches.alarms.told(camera, notice),
      onModelState: (model, state, reason) => this.#announcer.modelState(model, state, reason),
      onCameraProcessGone: (camera) => {
        this.#announcer.forgetAlarms(camera);
        this.#watches.cameraGone(camera);
      },
    });
  }

  #parts(): NodeParts {
    return {
      plan: () => this.#plan,
      version: this.#o.version,
      isDemo: this.#o.demo !== undefined,
      upMs: () => this.#o.clock.nowMs() - this.#startedMs,
      wallMs: () => this.#o.clock.wallMs(),
      health: () => this.health(),
      alarms: () => this.#watches.alarms.open,
      ages: this.#ages,
      children: this.#children,
      recordings: this.recordings,
      api: () => this.#doors.processes,
      broker: this.#outlets.broker,
    };
  }

  async #stop(): Promise<void> {
    const { clock, log, version } = this.#o;
    this.#announcer.node('stopping', version);
    const limitMs = workersOf(this.#plan).length > 0 ? STOP_WITH_WORKERS_MS : STOP_MS;
    await new Promise<void>((resolve, reject) => {
      const timer = clock.after(limitMs, () => {
        const still = [...this.#children.processes, ...this.#doors.processes].map(
          ([name, pid]) => `${name} (process ${pid})`,
        );
        log.error(`not everything stopped within ${limitMs / 1000} s: ${still.join(', ') || 'a connection is left'}`);
        resolve();
      });
      this.#scope
        .close()
        .finally(() => timer.cancel())
        .then(resolve, reject);
    });
  }

  /**
   * Changes the running node to match a document. Parts that are equal in both keep running. Throws before the first
   * change.
   */
  async #apply(document: Config): Promise<PlanChangeSummary> {
    this.#refuseWhileStopping();
    const own = new Set(this.#plan.models.filter((model) => model.container).map((model) => model.id));
    const wanted = await this.#o.planFor(document, own);
    this.#refuseWhileStopping();
    const change = diffPlans(this.#plan, wanted);
    const more = [...this.recordings.processes, ...this.#doors.processes];
    admitChange({ change, running: this.#plan, wanted, children: this.#children, more });
    if (change.http) await this.#doors.usePort(wanted.http);
    // The change starts here. It is not rolled back.
    this.#plan = wanted;
    this.#metrics.follow(wanted.cameras);
    this.#watches.forgetWorkers();
    const outletsLeft = this.#outlets.use(wanted, change);
    await this.recordings.prepare(wanted.recording);
    await this.#children.apply(change, wanted);
    await this.recordings.complete(wanted.recording);
    for (const id of change.cameras.removed) {
      this.#ages.forgetCamera(id);
      this.#announcer.cameraGone(id);
    }
    for (const id of change.models.removed) this.#announcer.modelGone(id);
    // Ended processes may have reported once more.
    this.#watches.forgetWorkers();
    this.#doors.showLive(wanted);
    this.#doors.tell();
    await outletsLeft;
    return summaryOf(change, wanted);
  }

  #refuseWhileStopping(): void {
    if (this.#stopping) throw new VigiaError('stopping', `node ${this.#plan.node} is stopping`);
  }

  async #prune(): Promise<void> {
    try {
      await this.#events.prune();
    } catch (error) {
      if (!this.#stopping) this.#o.log.error(`the store cannot remove old events: ${messageOf(error)}`);
    }
  }

  #watch(): void {
    if (this.#stopping) return;
    this.#watches.look();
    this.problems();
  }

  #announceStats(): void {
    for (const stats of consumersOf(this.#children)) this.#announcer.stats(stats);
  }
}
