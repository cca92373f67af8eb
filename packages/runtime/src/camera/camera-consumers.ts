import type { Clock, Log, Scope } from '@vigia/base';
import {
  type EventMessage,
  packedBytes,
  type ResultMessage,
  type Slowed,
  type WorkerStateMessage,
} from '@vigia/contracts';
import { type FrameSupplier, packedShape } from '@vigia/frame-supplier';
import {
  type CameraSetup,
  type ConsumerCounts,
  type ConsumerSetup,
  type ConsumerSnapshot,
  type ModelConsumerSetup,
  type EndWorker,
  type WorkerConsumerSetup,
  usesThread,
} from '#core/camera-link';
import { geometryOf, renditionKey } from '#core/media';
import { FrameScaler, type Picture } from '#core/media/libav';
import { ContainerClient, ModelConsumer } from '#services/inference';
import { SlaMeter } from '#services/sla';
import { Renditions } from '#services/stream-capture';
import { type LifecycleState, ThreadConsumer, WorkerConsumer } from '#services/workers';

/** What the consumers of a camera have to say besides results. */
export type ConsumerNews =
  | { readonly type: 'worker_state'; readonly state: WorkerStateMessage }
  | { readonly type: 'event'; readonly event: EventMessage };

/** Options of {@link CameraConsumers}. */
export interface CameraConsumersOptions {
  readonly setup: CameraSetup;
  readonly clock: Clock;
  readonly log: Log;
  readonly supplier: FrameSupplier<Picture>;
  /** Whether the camera gives pictures now. */
  readonly isLive: () => boolean;
  /** False when the message was not taken: the parent does not read. */
  readonly send: (message: ConsumerNews) => boolean;
  readonly onResult: (result: ResultMessage, picture: Picture | undefined) => void;
  /** Something in this process hangs that cannot be ended: the process must be. */
  readonly onUnending: (message: string) => void;
  /** Whether the next taken picture is to be kept until its result. */
  readonly keepPicture: () => boolean;
}

/** A consumer of any kind, and what it was promised. */
interface Member {
  readonly setup: ConsumerSetup;
  readonly meter: SlaMeter;
  readonly consumer: ModelConsumer | WorkerConsumer | ThreadConsumer;
  slowed: Slowed | null;
}

/** Whoever is not ready so long after the beginning owes results all the same: a failure to load is one. Milliseconds. */
const BEGIN_AFTER_MS = 60_000;
/** States and events that wait for a supervisor that does not read. */
const UNTOLD_LIMIT = 256;
/** States of a worker that was ready once, or whose failure is a fact: from here on its turns count. */
const BEGUN = new Set<ConsumerCounts['state']>(['ready', 'running', 'idle', 'breaching', 'restarting', 'failed']);

/** Everybody who looks at one camera: models and workers, each with its SLA. Closed by the scope it is given. */
export class CameraConsumers {
  readonly #o: CameraConsumersOptions;
  readonly #members: Member[] = [];
  readonly #renditions: Renditions;
  readonly #createdMs: number;
  #closing: Promise<void> | undefined;
  readonly #scalers: FrameScaler[] = [];
  readonly #clients = new Map<string, ContainerClient>();
  /** Workers that ended by themselves and have not been ready since. */
  readonly #down = new Set<string>();
  /** States and events that the supervisor did not take yet: an alarm must not get lost. */
  readonly #untold: ConsumerNews[] = [];

  /** @throws VigiaError `shm_full` and others of Renditions.admit; what exists by then belongs to the scope. */
  constructor(options: CameraConsumersOptions, scope: Scope) {
    this.#o = options;
    this.#createdMs = options.clock.nowMs();
    const { setup, clock } = options;
    const { node, camera, roi, consumers } = setup;
    this.#renditions = new Renditions({ node, camera, roi, clock }, scope);
    const inSegments = consumers.filter((c) => !usesThread(c));
    for (const { input } of inSegments) {
      const sharing = inSegments.filter((c) => renditionKey(c.input) === renditionKey(input)).length;
      this.#renditions.admit(input, sharing);
    }
    scope.defer(() => this.close());
    for (const consumer of consumers) this.#members.push(this.#member(consumer));
  }

  get count(): number {
    return this.#members.length;
  }

  /** Starts clients and workers. */
  start(): void {
    for (const client of this.#clients.values()) client.start();
    for (const { consumer } of this.#members) if (!(consumer instanceof ModelConsumer)) consumer.start();
  }

  /** A picture was published. Once per frame. @param capturedMs Monotonic. */
  offered(capturedMs: number): void {
    for (const { meter } of this.#members) meter.offered(capturedMs);
  }

  /** Looks after SLAs and workers; to be called about twice a second. */
  watch(): void {
    this.#tellRest();
    for (const member of this.#members) {
      const { consumer, meter } = member;
      const counts = consumer.report();
      const crossing = meter.look({
        live: this.#o.isLive(),
        begun: BEGUN.has(counts.state) || this.#o.clock.nowMs() - this.#createdMs >= BEGIN_AFTER_MS,
        inFlight: counts.in_flight,
      });
      if (crossing) this.#tellCrossing(member, crossing);
      if (!(consumer instanceof ModelConsumer)) consumer.watch(meter.breach?.message ?? null, this.#o.isLive());
    }
  }

  /** Another rate for a consumer, or with null the configured one. */
  pace(id: string, slowed: Slowed | null): void {
    const member = this.#members.find(({ setup }) => setup.id === id);
    if (!member) return;
    member.slowed = slowed;
    const { consumer, setup } = member;
    if (consumer instanceof ModelConsumer) this.#o.supplier.pace(id, slowed?.fps ?? setup.fps);
    else consumer.pace(slowed?.fps);
  }

  /** A worker must go: see `EndWorker`. */
  endWorker({ consumer, pid, code, message }: EndWorker): void {
    this.#worker(consumer)?.end({ code, message }, pid);
  }

  /** Somebody wants a worker to be started again. */
  restartWorker(consumer: string): void {
    this.#worker(consumer)?.restart();
  }

  /** @param lastWords With the last lines of workers that ended: much text, for who asks. */
  report(lastWords: boolean): Record<string, ConsumerSnapshot> {
    return Object.fromEntries(this.#members.map((member) => [member.setup.id, snapshotOf(member, lastWords)]));
  }

  #worker(id: string): WorkerConsumer | ThreadConsumer | undefined {
    const consumer = this.#members.find(({ setup }) => setup.id === id)?.consumer;
    return consumer instanceof ModelConsumer ? undefined : consumer;
  }

  #member(setup: ConsumerSetup): Member {
    const { id, sla, fps, maxAgeMs } = setup;
    const { clock, supplier } = this.#o;
    const meter = new SlaMeter({ sla, fps, maxAgeMs, sourceIntervalMs: () => supplier.sourceIntervalMs, clock });
    const onResult = (result: ResultMessage, picture: Picture | undefined): void => {
      meter.record(result);
      this.#o.onResult(result, picture);
    };
    const consumer =
      setup.kind === 'model' ? this.#modelConsumer(setup, onResult) : this.#workerConsumer(setup, onResult, id);
    return { setup, meter, consumer, slowed: null };
  }

  #modelConsumer(setup: ModelConsumerSetup, onResult: CameraConsumersOptions['onResult']): ModelConsumer {
    const { clock, supplier, keepPicture } = this.#o;
    const client = this.#clients.get(setup.model) ?? this.#addClient(setup);
    this.#clients.set(setup.model, client);
    return new ModelConsumer({
      camera: this.#o.setup.camera,
      consumer: setup.id,
      model: setup.model,
      sla: setup.sla,
      fps: setup.fps,
      deadlineMs: setup.deadlineMs,
      clock,
      supplier,
      client,
      render: (picture) => this.#renditions.render(picture, setup.input),
      onResult,
      keepPicture,
    });
  }

  #addClient(setup: ModelConsumerSetup): ContainerClient {
    const { clock, log } = this.#o;
    return new ContainerClient({
      socketPath: setup.socketPath,
      model: setup.model,
      camera: this.#o.setup.camera,
      input: setup.input,
      clock,
      log,
      onReady: () => {
        for (const { consumer } of this.#members) if (consumer instanceof ModelConsumer) consumer.evaluate();
      },
    });
  }

  #workerConsumer(
    setup: WorkerConsumerSetup,
    onResult: CameraConsumersOptions['onResult'],
    id: string,
  ): WorkerConsumer | ThreadConsumer {
    const { clock, supplier, keepPicture } = this.#o;
    const { node, runDir, camera, roi } = this.#o.setup;
    const common = {
      setup,
      place: { node, camera, runDir },
      clock,
      log: this.#o.log.child(id),
      supplier,
      onState: (state: LifecycleState, lastLines: readonly string[]) => this.#tellState(setup, state, lastLines),
      onResult,
      keepPicture,
    };
    if (!usesThread(setup)) return new WorkerConsumer({ ...common, renditions: this.#renditions, encodeJpeg });
    const scaler = new FrameScaler();
    this.#scalers.push(scaler);
    return new ThreadConsumer({
      ...common,
      onUnending: () =>
        this.#o.onUnending(`worker ${setup.worker.id} hangs in native code, where no thread can be ended`),
      shapeOf: ({ format, width, height }) => packedShape(format, width, height),
      scale: (picture, spec, pixels) => {
        const geometry = geometryOf(picture.width, picture.height, roi, spec);
        scaler.scale(picture, geometry, pixels.subarray(0, packedBytes(spec.format, spec.width, spec.height)));
        return geometry;
      },
    });
  }

  #tellState(setup: WorkerConsumerSetup, { state, reason, alarm }: LifecycleState, lastLines: readonly string[]): void {
    const { camera } = this.#o.setup;
    const at = new Date(this.#o.clock.wallMs()).toISOString();
    this.#tell({
      type: 'worker_state',
      state: {
        camera,
        consumer: setup.id,
        worker: setup.worker.id,
        sla: setup.sla,
        state,
        reason: reason?.code ?? null,
        message: reason?.message ?? null,
        alarm,
        at,
      },
    });
    const message = `worker ${setup.worker.id} ${reason?.message ?? ''}`.trim();
    const stderr = lastLines.length > 0 ? { stderr: [...lastLines] } : {};
    if (state === 'restarting' || state === 'failed') this.#down.add(setup.id);
    if (state === 'restarting') this.#event(setup, 'worker_restarting', false, reason?.code, message, stderr);
    else if (state === 'failed') this.#event(setup, 'worker_failed', alarm, reason?.code, message, stderr);
    else if (state === 'ready' && this.#down.delete(setup.id))
      this.#event(setup, 'worker_recovered', false, null, `worker ${setup.worker.id} works again`);
  }

  #tellCrossing({ setup, meter }: Member, crossing: 'breached' | 'recovered'): void {
    const { breach } = meter;
    const alarm = breach !== null && setup.sla === 'critical';
    const message = breach?.message ?? 'the SLA is kept again';
    this.#event(setup, crossing === 'breached' ? 'sla_breached' : 'sla_recovered', alarm, breach?.cause, message);
  }

  #event(
    { id, sla }: ConsumerSetup,
    type: EventMessage['type'],
    alarm: boolean,
    reason: string | null | undefined,
    message: string,
    extra: Pick<EventMessage, 'stderr'> = {},
  ): void {
    const at = new Date(this.#o.clock.wallMs()).toISOString();
    const { camera } = this.#o.setup;
    const event = { type, camera, consumer: id, sla, alarm, reason: reason ?? null, message, ...extra, at };
    this.#tell({ type: 'event', event });
  }

  #tell(message: ConsumerNews): void {
    this.#untold.push(message);
    // Of a supervisor that does not read for so long the oldest are of no use any more.
    if (this.#untold.length > UNTOLD_LIMIT) this.#untold.shift();
    this.#tellRest();
  }

  #tellRest(): void {
    while (this.#untold[0] && this.#o.send(this.#untold[0])) this.#untold.shift();
  }

  /** Ends workers and leaves models; segments stay until the scope is closed. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closing = this.#members.map(async ({ consumer }) => {
      await consumer.close();
    });
    await Promise.all(closing);
    for (const client of this.#clients.values()) client.close();
    for (const scaler of this.#scalers) scaler.close();
  }
}

/** What a consumer counts, with what its SLA says. */
function snapshotOf({ consumer, meter, slowed }: Member, lastWords: boolean): ConsumerSnapshot {
  const counts = consumer.report();
  const exit = counts.process?.last_exit;
  const breaching = counts.state === 'running' && meter.breach !== null;
  return {
    ...counts,
    ...(counts.process && exit && !lastWords
      ? { process: { ...counts.process, last_exit: { ...exit, stderr: [] } } }
      : {}),
    state: breaching ? 'breaching' : counts.state,
    reason: breaching ? (meter.breach?.message ?? null) : counts.reason,
    sla_window: meter.window(),
    slowed,
    restarts: consumer instanceof ModelConsumer ? 0 : consumer.restarts,
  };
}

/** Loaded on demand: most camera processes never make a JPEG. */
async function encodeJpeg(pixels: Buffer, width: number, height: number): Promise<Buffer> {
  const { encodeSnapshot } = await import('#services/snapshot');
  return encodeSnapshot({ data: pixels, width, height }, undefined);
}
