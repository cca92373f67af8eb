import type { Clock, Log, Scope } from '@vigia/base';
import { packedBytes } from '@vigia/contracts';
import { type FrameSupplier, packedShape } from '@vigia/frame-supplier';
import {
  type BedRuleSetup,
  type CameraSetup,
  type ConsumerSetup,
  type ModelConsumerSetup,
  usesThread,
  type WorkerConsumerSetup,
} from '#core/camera-link';
import type { Consumer } from '#core/consumer';
import { canBeTurned, geometryOf } from '#core/media';
import { FrameScaler, type Picture } from '#core/media/libav';
import { LOOK_LEAST_SCORE } from '@vigia/rules';
import { ContainerClient, ModelConsumer, type ResultWatcher, SecondLook } from '#services/inference';
import { type Renditions, SquareRendition } from '#services/stream-capture';
import { type LifecycleState, newProcessConsumer, newThreadConsumer, type ThreadRendering } from '#services/workers';
import {
  type BedReport,
  BedWatch,
  type FallNews,
  FallWatch,
  type VisitReport,
  VisitWatch,
  watchersOf,
} from '#services/rules';
import type { ResultSink } from './result-sink.ts';

/** Options of {@link ConsumerFactory}. */
export interface ConsumerFactoryOptions {
  readonly setup: CameraSetup;
  /** The run of the node. */
  readonly boot: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly supplier: FrameSupplier<Picture>;
  readonly renditions: Renditions;
  /** A thread of this process hangs where nothing can end it: the process must end. */
  readonly onUnending: (message: string) => void;
  /** Whether to keep the next taken picture until its result. */
  readonly keepPicture: () => boolean;
  readonly onFall: (consumer: string, news: FallNews) => void;
  readonly onBed: (rule: BedRuleSetup, report: BedReport) => void;
  readonly onVisit: (consumer: string, report: VisitReport) => void;
  /** Owns the memory of second looks. */
  readonly scope: Scope;
  /** @param lastLines The last lines of the worker's standard error. */
  readonly onWorkerState: (setup: WorkerConsumerSetup, state: LifecycleState, lastLines: readonly string[]) => void;
}

/** Limits of second looks, per camera. */
const LOOKS = { deadlineMs: 1_000, mostPerSecond: 12 };

/** A camera's connection to one model, and the consumers that share it. */
interface ModelLink {
  readonly client: ContainerClient;
  readonly consumers: ModelConsumer[];
}

/** Makes a camera's consumers, the only place that knows their kinds, and owns what several of them share. */
export class ConsumerFactory {
  readonly #o: ConsumerFactoryOptions;
  readonly #models = new Map<string, ModelLink>();
  /** How often each consumer of a model was made. */
  readonly #made = new Map<string, number>();
  readonly #scalers: FrameScaler[] = [];
  readonly #looks: SecondLook[] = [];
  readonly #rules: (FallWatch | BedWatch | VisitWatch)[] = [];

  constructor(options: ConsumerFactoryOptions) {
    this.#o = options;
  }

  /** The caller closes the consumer. */
  create(setup: ConsumerSetup, onResult: ResultSink): Consumer {
    return setup.kind === 'model' ? this.#model(setup, onResult) : this.#worker(setup, onResult);
  }

  /** A consumer that was closed while the others go on. */
  forget(consumer: Consumer): void {
    for (const { consumers } of this.#models.values()) {
      const at = consumers.findIndex((one) => one === consumer);
      if (at >= 0) consumers.splice(at, 1);
    }
  }

  /** Rules notice that results stopped. To be called about twice a second. */
  watch(): void {
    for (const rule of this.#rules) rule.watch();
  }

  /** Nobody watches from now on. Idempotent. */
  closeRules(): void {
    for (const rule of this.#rules) rule.close();
  }

  /** Closes what the consumers share; they must be closed before. Idempotent. */
  close(): void {
    this.closeRules();
    for (const look of this.#looks) look.close();
    for (const { client } of this.#models.values()) client.close();
    for (const scaler of this.#scalers) scaler.close();
  }

  #model(setup: ModelConsumerSetup, onResult: ResultSink): ModelConsumer {
    const { clock, supplier, renditions, keepPicture } = this.#o;
    const link = this.#models.get(setup.model) ?? this.#newModelLink(setup);
    this.#models.set(setup.model, link);
    const consumer = new ModelConsumer({
      node: this.#o.setup.node,
      boot: this.#o.boot,
      camera: this.#o.setup.camera,
      consumer: setup.id,
      inLine: this.#nameInLine(setup.id),
      model: setup.model,
      sla: setup.sla,
      fps: setup.fps,
      deadlineMs: setup.deadlineMs,
      clock,
      supplier,
      client: link.client,
      render: (picture) => renditions.render(picture, setup.input),
      onResult,
      keepPicture,
      watcher: this.#watcher(setup, link.client),
    });
    link.consumers.push(consumer);
    return consumer;
  }

  #nameInLine(id: string): string {
    const made = (this.#made.get(id) ?? 0) + 1;
    this.#made.set(id, made);
    return made === 1 ? id : `${id}:${made}`;
  }

  #watcher(setup: ModelConsumerSetup, client: ContainerClient): ResultWatcher | undefined {
    const all = [this.#fallWatch(setup, client), this.#bedWatch(setup), this.#visitWatch(setup)];
    const rules = all.filter((rule) => rule !== undefined);
    this.#rules.push(...rules);
    return watchersOf(rules);
  }

  #bedWatch(setup: ModelConsumerSetup): BedWatch | undefined {
    const { clock, log, onBed } = this.#o;
    const rule = this.#o.setup.rules.bed;
    if (rule?.from !== setup.id) return undefined;
    const { hours, ...more } = rule;
    return new BedWatch({
      clock,
      log: log.child('bed'),
      ...more,
      hours: hours ?? undefined,
      onReport: (report) => onBed(rule, report),
    });
  }

  #visitWatch(setup: ModelConsumerSetup): VisitWatch | undefined {
    const { clock, log, onVisit } = this.#o;
    const rule = this.#o.setup.rules.visits;
    if (rule?.from !== setup.id) return undefined;
    const watched = Object.entries(rule.watched).map(([id, { points, alarm }]) => {
      return [id, { points, alarm: alarm ? { ...alarm, hours: alarm.hours ?? undefined } : undefined }] as const;
    });
    return new VisitWatch({
      clock,
      log: log.child('visits'),
      watched: new Map(watched),
      zones: rule.zones,
      onReport: (report) => onVisit(setup.id, report),
    });
  }

  #fallWatch(setup: ModelConsumerSetup, client: ContainerClient): FallWatch | undefined {
    const { clock, log, onFall } = this.#o;
    const rule = this.#o.setup.rules.fall;
    if (rule?.from !== setup.id) return undefined;
    const looker = canBeTurned(setup.input) ? this.#secondLook(setup, client) : undefined;
    if (!looker)
      log.warn(
        `falls: model ${setup.model} wants ${setup.input.format}: no second looks, so most falls will be missed`,
      );
    return new FallWatch({
      clock,
      log: log.child('fall'),
      looker,
      zones: rule.zones,
      longLieMs: rule.longLieMs ?? undefined,
      onNews: (news) => onFall(setup.id, news),
    });
  }

  #secondLook({ id, model, input: spec }: ModelConsumerSetup, client: ContainerClient): SecondLook {
    const { clock, log, scope } = this.#o;
    const { node, camera, privacy } = this.#o.setup;
    const squares = new SquareRendition({ node, camera, name: id, spec, privacy, clock }, scope);
    const look = new SecondLook({
      camera,
      consumer: `${id}:look`,
      model,
      client,
      clock,
      ...LOOKS,
      leastScore: LOOK_LEAST_SCORE,
      onLost: (why) => log.warn(`falls: a second look had no answer: ${why}; further ones are not reported`),
      render: (picture, square, turn) => squares.render(picture, square, turn),
    });
    this.#looks.push(look);
    return look;
  }

  #newModelLink({ socketPath, model, input }: ModelConsumerSetup): ModelLink {
    const { clock, log, setup } = this.#o;
    const consumers: ModelConsumer[] = [];
    const onReady = (): void => {
      for (const consumer of consumers) consumer.containerReady();
    };
    return {
      client: new ContainerClient({ socketPath, model, camera: setup.camera, input, clock, log, onReady }),
      consumers,
    };
  }

  #worker(setup: WorkerConsumerSetup, onResult: ResultSink): Consumer {
    const { boot, clock, supplier, renditions, keepPicture, onWorkerState } = this.#o;
    const { node, runDir, camera } = this.#o.setup;
    const options = {
      setup,
      place: { node, boot, camera, runDir },
      clock,
      log: this.#o.log.child(setup.id),
      supplier,
      onState: (state: LifecycleState, lastLines: readonly string[]) => onWorkerState(setup, state, lastLines),
      onResult,
      keepPicture,
    };
    return usesThread(setup)
      ? newThreadConsumer(options, this.#threadRendering(setup))
      : newProcessConsumer(options, { renditions, encodeJpeg });
  }

  #threadRendering({ worker }: WorkerConsumerSetup): ThreadRendering {
    const { roi, privacy } = this.#o.setup;
    const scaler = new FrameScaler(privacy);
    this.#scalers.push(scaler);
    return {
      onUnending: () => this.#o.onUnending(`worker ${worker.id} hangs in native code, where no thread can be ended`),
      shapeOf: ({ format, width, height }) => packedShape(format, width, height),
      scale: (picture, spec, pixels) => {
        const geometry = geometryOf(picture.width, picture.height, roi, spec);
        scaler.scale(picture, geometry, pixels.subarray(0, packedBytes(spec.format, spec.width, spec.height)));
        return geometry;
      },
    };
  }
}

/** Loaded on demand: most camera processes never make a JPEG. */
async function encodeJpeg(pixels: Buffer, width: number, height: number): Promise<Buffer> {
  const { encodeSnapshot } = await import('#services/snapshot');
  return encodeSnapshot({ data: pixels, width, height }, undefined);
}
