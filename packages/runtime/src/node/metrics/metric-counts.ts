import { type Hops, hopsSchema, type NodeItem, type ResultMessage } from '@vigia/contracts';
import type { CameraSetup } from '#core/camera-link';
import { Histogram } from './histogram.ts';

/** A camera of the plan, and the ids of its consumers. */
export interface CountedCamera extends Pick<CameraSetup, 'camera'> {
  readonly consumers: readonly { readonly id: string }[];
}

/** The hops that have a histogram: those of vigia's own work. */
type CountedHop = Exclude<keyof Hops, 'arrived'>;

const HOPS = Object.keys(hopsSchema.shape).filter((hop) => hop !== 'arrived') as CountedHop[];

/** Ages of the ok results of one consumer. */
export class ConsumerCounts {
  readonly camera: string;
  readonly consumer: string;
  readonly age: Histogram = new Histogram();
  /** The time from capture to each hop. Hops that a result did not reach are not in it. */
  readonly hops: readonly { readonly hop: CountedHop; readonly times: Histogram }[] = HOPS.map((hop) => ({
    hop,
    times: new Histogram(),
  }));
  #agesUnknown = 0;
  #agesUncertain = 0;

  constructor(camera: string, consumer: string) {
    this.camera = camera;
    this.consumer = consumer;
  }

  /** Ok results that are in no histogram, because their age or a hop is not a time since capture. */
  get agesUnknown(): number {
    return this.#agesUnknown;
  }

  /** Ok results in the histograms whose age is only the least possible one. */
  get agesUncertain(): number {
    return this.#agesUncertain;
  }

  /** Counts a result if it is ok. Runs for every result of the node, so it allocates nothing. */
  record({ status, age_ms: ageMs, age_certain: certain, hops_ms: hops }: ResultMessage): void {
    if (status !== 'ok') return;
    if (!isTime(ageMs) || !areTimes(hops)) {
      this.#agesUnknown += 1;
      return;
    }
    this.age.record(ageMs / 1000);
    if (!certain) this.#agesUncertain += 1;
    for (const { hop, times } of this.hops) {
      const ms = hops[hop];
      if (ms !== null) times.record(ms / 1000);
    }
  }

  clear(): void {
    this.age.clear();
    for (const { times } of this.hops) times.clear();
    this.#agesUnknown = 0;
    this.#agesUncertain = 0;
  }
}

/**
 * Histograms of the ages of results, for `/metrics`. Subscribes to the node's stream. Counts only what the plan names: a
 * result of any other camera or consumer is ignored, so no message can add a series.
 */
export class MetricCounts {
  #cameras: ReadonlyMap<string, ReadonlyMap<string, ConsumerCounts>> = new Map();

  /** Handles an item of the stream. */
  readonly handle = (item: NodeItem): void => {
    if (item.type !== 'result') return;
    // Two look-ups: a joined key would allocate a string for each result.
    this.#cameras.get(item.result.camera)?.get(item.result.consumer)?.record(item.result);
  };

  /** Counts the consumers of another plan. Those that both plans have go on, others are forgotten. */
  follow(cameras: readonly CountedCamera[]): void {
    const before = this.#cameras;
    const kept = (camera: string, id: string): ConsumerCounts =>
      before.get(camera)?.get(id) ?? new ConsumerCounts(camera, id);
    this.#cameras = new Map(
      cameras.map(({ camera, consumers }) => [camera, new Map(consumers.map(({ id }) => [id, kept(camera, id)]))]),
    );
  }

  /** The consumer was replaced: its counts start from zero, as those of the report do. */
  forget(camera: string, consumer: string): void {
    this.#cameras.get(camera)?.get(consumer)?.clear();
  }

  /** Every consumer of the plan, in its order. */
  get consumers(): ConsumerCounts[] {
    return [...this.#cameras.values()].flatMap((consumers) => Array.from(consumers.values()));
  }
}

/** Hops that were not reached are null, and in order. */
function areTimes(hops: Hops): boolean {
  for (const hop of HOPS) if (!isTime(hops[hop] ?? 0)) return false;
  return true;
}

/** Whether a value is a time since capture. What is missing is none: compared with 0, null would count as 0. */
function isTime(ms: number): boolean {
  return Number.isFinite(ms) && ms >= 0;
}
