import { type Clock, type Log, messageOf } from '@vigia/base';
import {
  type EventMessage,
  type HealthProblem,
  KIND_OF_EVENT_TYPE,
  type NodeItem,
  type ResultMessage,
  workerStateMessageOf,
} from '@vigia/contracts';
import type { CameraHandle } from '#node/children';
import type { Announcer } from '#node/events';
import { type Plan, type RunningWorker, workerLimits } from '#node/plan';
import type { NodeStore } from '#services/store';
import { Alarms } from './alarms.ts';
import { CpuWatch } from './cpu-watch.ts';
import { type Blind, CriticalWatch } from './critical-watch.ts';
import { leftAlarms } from './left-alarms.ts';
import { MemoryWatch } from './memory-watch.ts';
import { OwnMemory } from './own-memory.ts';
import type { ShedChange } from './shedding.ts';
import { SlaEpisodes } from './sla-episodes.ts';
import { WorkerStates } from './worker-states.ts';

/** Options of {@link Watches}. */
export interface WatchesOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly announcer: Pick<Announcer, 'consumerEvent' | 'blind' | 'rule' | 'workerGone' | 'workerState'>;
  readonly plan: () => Plan;
  readonly cameras: () => ReadonlyMap<string, CameraHandle>;
  /** Workers that have a process, according to the latest counters. */
  readonly runningWorkers: () => readonly RunningWorker[];
}

/**
 * The supervisor's checks: states of workers, blind critical consumers, CPU shedding, memory of workers and its own. Reads the
 * node's stream, acts on cameras, and announces its findings.
 */
export class Watches {
  /** The latest state of each worker. */
  readonly workers: WorkerStates;
  readonly alarms: Alarms;
  readonly #o: WatchesOptions;
  readonly #cpu: CpuWatch;
  readonly #memory = new MemoryWatch();
  readonly #own = new OwnMemory();
  readonly #critical: CriticalWatch;
  readonly #episodes: SlaEpisodes;
  /** Blind consumers, as announced. */
  #blind = new Map<string, Blind>();
  /** Critical consumers of the plan, cached. */
  #criticalOf: { readonly plan: Plan; readonly keys: ReadonlySet<string> } | undefined;

  constructor(options: WatchesOptions) {
    this.#o = options;
    this.workers = new WorkerStates(options.clock);
    this.alarms = new Alarms({
      clock: options.clock,
      announce: (camera, notice) => options.announcer.rule(camera, notice),
    });
    this.#cpu = new CpuWatch(options.clock);
    this.#critical = new CriticalWatch(options.clock);
    this.#episodes = new SlaEpisodes({
      clock: options.clock,
      announce: (event) => options.announcer.consumerEvent(event),
      runs: (camera, consumer) => this.#consumer(camera, consumer) !== undefined,
    });
  }

  /** Handles an item of the stream. */
  readonly handle = (item: NodeItem): void => {
    if (item.type === 'result') this.#onResult(item.result);
    else if (item.type === 'event' && item.event.kind === 'worker_state' && item.event.phase !== 'end')
      this.workers.told(workerStateMessageOf(item.event));
  };

  /** What a camera's process reports about a consumer. */
  consumerEvent(event: EventMessage): void {
    if (KIND_OF_EVENT_TYPE[event.type] === 'sla') this.#episodes.crossed(event);
    else this.#o.announcer.consumerEvent(event);
  }

  /** A camera's process ended, and with it what it knew of its alarms, its SLAs and its workers. */
  cameraGone(camera: string): void {
    this.alarms.cameraGone(camera);
    this.#episodes.cameraGone(camera);
    for (const state of this.workers.cameraGone(camera)) this.#o.announcer.workerState(state);
  }

  /** Alarms that an earlier run of the node left open are open again. A store that cannot be read is reported as such. */
  async findLeft(store: Pick<NodeStore, 'read'> | undefined): Promise<void> {
    if (!store) return;
    const { clock, log } = this.#o;
    try {
      const onTooMany = (): void =>
        log.error('too many events: of the alarms of the run before, some may be over, or missing');
      for (const left of await leftAlarms((query) => store.read(query), clock.wallMs(), onTooMany))
        this.alarms.left(left);
    } catch (error) {
      log.error(`the alarms of the run before are not known: ${messageOf(error)}`);
    }
  }

  /** Problems that need attention, as of now. */
  health(): readonly HealthProblem[] {
    const failed = new Set(this.workers.alarms.map(({ camera, consumer }) => `${camera}/${consumer}`));
    const blind = this.#blindNow().filter(({ camera, consumer }) => !failed.has(`${camera}/${consumer}`));
    return [...this.workers.alarms, ...blind, ...(this.#own.problem ? [this.#own.problem] : [])];
  }

  /** Runs all checks. Call it about once a second. */
  look(): void {
    this.#lookAtCpu();
    this.#lookAtMemory();
    this.#announceBlind();
    this.#episodes.look();
    this.alarms.look();
  }

  /** Ends the states of workers that left the configuration. */
  forgetWorkers(): void {
    const kept = this.#o
      .plan()
      .cameras.flatMap(({ camera, consumers }) =>
        consumers.filter((c) => c.kind === 'worker').map(({ id }) => [camera, id] as const),
      );
    for (const state of this.workers.keepOnly(kept)) this.#o.announcer.workerGone(state);
  }

  #onResult(result: ResultMessage): void {
    this.#critical.record(result);
    if (this.#isCritical(`${result.camera}/${result.consumer}`)) this.#cpu.record(result);
  }

  #isCritical(key: string): boolean {
    const plan = this.#o.plan();
    if (this.#criticalOf?.plan !== plan) {
      const keys = plan.cameras.flatMap(({ camera, consumers }) =>
        consumers.filter(({ sla }) => sla === 'critical').map(({ id }) => `${camera}/${id}`),
      );
      this.#criticalOf = { plan, keys: new Set(keys) };
    }
    return this.#criticalOf.keys.has(key);
  }

  #lookAtCpu(): void {
    const cameras = this.#o.cameras();
    const changes = this.#cpu.look(this.#o.plan(), cameras);
    for (const [id, camera] of cameras) camera.pace(this.#cpu.slowedOf(id));
    for (const change of changes) this.#announceShed(change);
  }

  #announceShed({ camera, consumer, sla, slowed }: ShedChange): void {
    this.#o.announcer.consumerEvent({
      type: slowed ? 'slowed' : 'restored',
      camera,
      consumer,
      sla,
      alarm: false,
      reason: slowed ? 'cpu' : null,
      message: slowed ? `slowed to ${slowed.fps} pictures per second: ${slowed.reason}` : 'as configured again',
      at: new Date(this.#o.clock.wallMs()).toISOString(),
    });
  }

  #lookAtMemory(): void {
    this.#own.look(this.#o.plan());
    const limits = workerLimits(this.#o.plan());
    const running = limits.size > 0 ? this.#o.runningWorkers() : [];
    for (const { camera, consumer, pid, message } of this.#memory.look(limits, running))
      this.#o.cameras().get(camera)?.endWorker({ consumer, pid, code: 'memory', message });
  }

  #blindNow(): Blind[] {
    const cameras = this.#o.cameras();
    return this.#critical.blind(this.#o.plan(), (id) => {
      const camera = cameras.get(id);
      return camera && { report: camera.recentReport(), message: camera.state.message };
    });
  }

  /** Why a consumer is no longer reported as blind: not every reason is a good one. */
  #whySeeing(camera: string, consumer: string): string {
    if (!this.#o.plan().cameras.some((one) => one.camera === camera)) return 'its camera left the configuration';
    const found = this.#consumer(camera, consumer);
    if (!found) return 'was switched off, or left the configuration';
    return found.sla === 'critical' ? 'sees again' : 'is not critical any more';
  }

  /** A consumer of the plan: one that is configured, and switched on. */
  #consumer(camera: string, consumer: string): Plan['cameras'][number]['consumers'][number] | undefined {
    return this.#o
      .plan()
      .cameras.find((one) => one.camera === camera)
      ?.consumers.find(({ id }) => id === consumer);
  }

  #announceBlind(): void {
    const before = this.#blind;
    this.#blind = new Map(this.#blindNow().map((blind) => [`${blind.camera}/${blind.consumer}`, blind]));
    for (const [key, { camera, consumer, message }] of this.#blind)
      if (!before.has(key)) this.#o.announcer.blind(camera, consumer, 'start', { sla: 'critical', message });
    for (const [key, { camera, consumer }] of before)
      if (!this.#blind.has(key))
        this.#o.announcer.blind(camera, consumer, 'end', {
          sla: 'critical',
          message: `${key}: ${this.#whySeeing(camera, consumer)}`,
        });
  }
}
