import type { Clock, Log, Scope } from '@vigia/base';
import type { Slowed } from '@vigia/contracts';
import type { FrameSupplier } from '@vigia/frame-supplier';
import {
  allConsumers,
  type CameraSetup,
  type ConsumerCounts,
  type ConsumerSetup,
  type ConsumerSnapshot,
  type ConsumerTerms,
  type EndWorker,
  type Tune,
  usesThread,
} from '#core/camera-link';
import type { Consumer, WorkerControl } from '#core/consumer';
import { renditionKey } from '#core/media';
import type { Picture } from '#core/media/libav';
import { SlaMeter } from '#services/sla';
import { Renditions } from '#services/stream-capture';
import { ConsumerEvents } from './consumer-events.ts';
import { ConsumerFactory } from './consumer-factory.ts';
import { bedNotice, fallNotice, visitNotice } from './rule-notices.ts';
import { fanOut, type ResultSink } from './result-sink.ts';
import { type ConsumerNews, NodeOutbox } from './node-outbox.ts';

/** Options of {@link CameraConsumers}. */
export interface CameraConsumersOptions {
  readonly setup: CameraSetup;
  readonly clock: Clock;
  readonly log: Log;
  readonly supplier: FrameSupplier<Picture>;
  /** The run of the node: stands in every result. */
  readonly boot: string;
  /** Whether the camera delivers pictures now. */
  readonly isLive: () => boolean;
  /** Returns false when the supervisor did not take the message. */
  readonly send: (message: ConsumerNews) => boolean;
  readonly onResult: ResultSink;
  /** A thread of this process hangs where nothing can end it: the process must end. */
  readonly onUnending: (message: string) => void;
  /** Whether to keep the next taken picture until its result. */
  readonly keepPicture: () => boolean;
}

/** A consumer of any kind, with its SLA. */
interface Member {
  setup: ConsumerSetup;
  readonly meter: SlaMeter;
  readonly consumer: Consumer;
  readonly createdMs: number;
  slowed: Slowed | null;
}

/** From this age on, a consumer that is not ready owes results too: a failure to load breaches its SLA. Milliseconds. */
const BEGIN_AFTER_MS = 60_000;
/** States of a worker that has been ready, or has failed for good: from here on its turns count. */
const BEGUN = new Set<ConsumerCounts['state']>(['ready', 'running', 'idle', 'breaching', 'restarting', 'failed']);

/** All consumers of one camera, models and workers, each with its SLA. The scope that it is given closes them. */
export class CameraConsumers {
  readonly #o: CameraConsumersOptions;
  /** Those that are switched on. */
  #members: Member[] = [];
  /** Those that were switched off and still end. */
  readonly #leaving = new Set<Consumer>();
  readonly #factory: ConsumerFactory;
  readonly #outbox: NodeOutbox;
  readonly #events: ConsumerEvents;
  #closing: Promise<void> | undefined;

  /** @throws VigiaError `shm_full` and others of Renditions.admit; what exists by then belongs to the scope. */
  constructor(options: CameraConsumersOptions, scope: Scope) {
    this.#o = options;
    const { setup, clock, send } = options;
    this.#outbox = new NodeOutbox(send, ({ messages, alarms }) =>
      options.log.error(
        `the node did not read: ${messages} states and events were discarded, ${alarms} of them alarms`,
      ),
    );
    this.#events = new ConsumerEvents({ camera: setup.camera, clock, post: (message) => this.#outbox.post(message) });
    this.#factory = new ConsumerFactory({
      ...options,
      scope,
      renditions: admittedRenditions(options, scope),
      onFall: (consumer, news) => this.#outbox.post({ type: 'rule', notice: fallNotice(setup.camera, consumer, news) }),
      onBed: ({ from, zone }, report) =>
        this.#outbox.post({ type: 'rule', notice: bedNotice(setup.camera, zone, from, report) }),
      onVisit: (consumer, report) =>
        this.#outbox.post({ type: 'rule', notice: visitNotice(setup.camera, consumer, report) }),
      onWorkerState: (worker, state, lastLines) => this.#events.workerState(worker, state, lastLines),
    });
    scope.defer(() => this.close());
    for (const consumer of setup.consumers) this.#members.push(this.#newMember(consumer));
  }

  get count(): number {
    return this.#members.length;
  }

  /** Starts clients and workers. */
  start(): void {
    for (const { consumer } of this.#members) consumer.start();
  }

  /** A picture was published. Called once per frame. @param nowMs Monotonic. */
  offered(nowMs: number): void {
    for (const { meter } of this.#members) meter.offered(nowMs);
  }

  /** Checks SLAs and workers. The camera process calls it about twice a second. */
  watch(): void {
    this.#outbox.flush();
    this.#factory.watch();
    for (const member of this.#members) this.#watchMember(member);
  }

  /** Nobody watches from now on: rules report what they know. Idempotent. */
  closeRules(): void {
    this.#factory.closeRules();
    this.#outbox.flush();
  }

  /** Another rate for a consumer; null restores the configured one. */
  pace(id: string, slowed: Slowed | null): void {
    const member = this.#find(id);
    if (!member) return;
    member.slowed = slowed;
    member.consumer.pace(slowed?.fps);
  }

  /**
   * Exactly these consumers are switched on from now on, with these terms. Resolves when the others have ended: their counters
   * are gone then, and begin from zero when they are switched on again. The next call waits for this one.
   */
  async tune(tunes: readonly Tune[]): Promise<void> {
    const wanted = new Map(tunes.map(({ consumer, terms }) => [consumer, terms]));
    const off = this.#members.filter(({ setup }) => !wanted.has(setup.id));
    this.#members = this.#members.filter((member) => !off.includes(member));
    await Promise.all(off.map((member) => this.#switchOff(member)));
    if (this.#closing) return;
    for (const setup of allConsumers(this.#o.setup)) {
      const terms = wanted.get(setup.id);
      if (!terms) continue;
      const member = this.#find(setup.id);
      if (member) tuneMember(member, terms);
      else this.#switchOn({ ...setup, ...terms });
    }
  }

  /** Ends a worker: see `EndWorker`. */
  endWorker({ consumer, pid, code, message }: EndWorker): void {
    this.#worker(consumer)?.end({ code, message }, pid);
  }

  /** Restarts a worker on request. */
  restartWorker(consumer: string): void {
    this.#worker(consumer)?.restart();
  }

  /** @param lastWords Whether to include the last lines of workers that ended: much text, so only on request. */
  report(lastWords: boolean): Record<string, ConsumerSnapshot> {
    return Object.fromEntries(this.#members.map((member) => [member.setup.id, snapshotOf(member, lastWords)]));
  }

  /** Ends workers and leaves models; segments stay until the scope is closed. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#members.map(({ consumer }) => consumer), ...this.#leaving].map((one) => one.close()));
    this.#factory.close();
  }

  #switchOn(setup: ConsumerSetup): void {
    const member = this.#newMember(setup);
    this.#members.push(member);
    member.consumer.start();
  }

  async #switchOff({ setup, consumer }: Member): Promise<void> {
    this.#events.switchedOff(setup);
    this.#leaving.add(consumer);
    await consumer.close();
    this.#leaving.delete(consumer);
    this.#factory.forget(consumer);
  }

  #find(id: string): Member | undefined {
    return this.#members.find(({ setup }) => setup.id === id);
  }

  #worker(id: string): WorkerControl | undefined {
    return this.#find(id)?.consumer.worker;
  }

  #watchMember({ setup, consumer, meter, createdMs }: Member): void {
    const counts = consumer.report();
    const live = this.#o.isLive();
    const crossing = meter.look({
      live,
      begun: BEGUN.has(counts.state) || this.#o.clock.nowMs() - createdMs >= BEGIN_AFTER_MS,
      inFlight: counts.in_flight,
    });
    if (crossing) this.#events.slaCrossed(setup, meter, crossing);
    consumer.watch({ breach: meter.breach?.message ?? null, live });
  }

  #newMember(setup: ConsumerSetup): Member {
    const { sla, fps, maxAgeMs } = setup;
    const { clock, supplier, onResult } = this.#o;
    const meter = new SlaMeter({ sla, fps, maxAgeMs, sourceIntervalMs: () => supplier.sourceIntervalMs, clock });
    const sink = fanOut([(result) => meter.record(result), onResult]);
    const consumer = this.#factory.create(setup, sink);
    return { setup, meter, consumer, createdMs: clock.nowMs(), slowed: null };
  }
}

function tuneMember(member: Member, terms: ConsumerTerms): void {
  member.setup = { ...member.setup, ...terms };
  member.meter.tune(terms);
  member.consumer.tune(terms);
  member.consumer.pace(member.slowed?.fps);
}

/** The renditions of all consumers that read from segments, switched on or off, with their memory allocated. */
function admittedRenditions({ setup, clock }: CameraConsumersOptions, scope: Scope): Renditions {
  const { node, camera, roi, privacy } = setup;
  const renditions = new Renditions({ node, camera, roi, privacy, clock }, scope);
  const inSegments = allConsumers(setup).filter((consumer) => !usesThread(consumer));
  for (const { input } of inSegments) {
    const sharing = inSegments.filter((other) => renditionKey(other.input) === renditionKey(input)).length;
    renditions.admit(input, sharing);
  }
  return renditions;
}

/** A consumer's counters, with what its SLA says. */
function snapshotOf({ consumer, meter, slowed }: Member, lastWords: boolean): ConsumerSnapshot {
  const counts = consumer.report();
  const breaching = counts.state === 'running' && meter.breach !== null;
  return {
    ...counts,
    process: lastWords ? counts.process : withoutLines(counts.process),
    state: breaching ? 'breaching' : counts.state,
    reason: breaching ? (meter.breach?.message ?? null) : counts.reason,
    sla_window: meter.window(),
    slowed,
  };
}

/** A worker's report without the lines that it wrote before its last end. */
function withoutLines(process: ConsumerCounts['process']): ConsumerCounts['process'] {
  return process?.last_exit ? { ...process, last_exit: { ...process.last_exit, stderr: [] } } : process;
}
