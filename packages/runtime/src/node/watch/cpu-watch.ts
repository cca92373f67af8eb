import type { Clock } from '@vigia/base';
import type { ConsumerReport, ResultMessage, Slowed } from '@vigia/contracts';
import { CpuPressure } from '#core/cpu';
import type { CameraSetup } from '#core/camera-link';
import type { CameraHandle } from '#node/children';
import { type SheddableConsumer, type ShedChange, Shedding } from './shedding.ts';
import type { Plan } from '#node/plan';

/** States in which a lack of CPU may be the cause of a breach. A crashed or loading consumer has other problems. */
const THERE = new Set<ConsumerReport['state']>(['ready', 'running', 'idle', 'breaching']);

/** Gives {@link Shedding} its input: the machine's CPU pressure, and the counters of all consumers. */
export class CpuWatch {
  readonly #pressure: CpuPressure;
  readonly #shedding: Shedding;

  constructor(clock: Clock) {
    this.#pressure = new CpuPressure(clock);
    this.#shedding = new Shedding(clock);
  }

  /** Takes a result of a critical consumer. */
  record(result: ResultMessage): void {
    this.#shedding.record(result);
  }

  /** The slowed consumers of a camera. */
  slowedOf(camera: string): ReadonlyMap<string, Slowed> {
    return this.#shedding.slowedOf(camera);
  }

  /** Decides which rates to change. Call it about once a second. */
  look(plan: Plan, cameras: ReadonlyMap<string, CameraHandle>): ShedChange[] {
    const pressure = this.#pressure.read();
    const wanted = plan.shed && isWorthLooking(plan);
    if (!wanted && !this.#shedding.active) return [];
    return this.#shedding.look(
      plan.cameras.flatMap((c) => sheddable(c, cameras)),
      pressure,
      wanted,
    );
  }
}

/** Shedding needs a critical consumer and one that may be slowed. */
function isWorthLooking(plan: Plan): boolean {
  const classes = new Set(plan.cameras.flatMap((c) => c.consumers.map((consumer) => consumer.sla)));
  return classes.has('critical') && (classes.has('best-effort') || classes.has('normal'));
}

function sheddable(setup: CameraSetup, cameras: ReadonlyMap<string, CameraHandle>): SheddableConsumer[] {
  const report = cameras.get(setup.camera)?.recentReport();
  if (!report) return [];
  return setup.consumers.map(({ id: consumer, sla, fps, maxAgeMs }) => {
    // None yet right after it was added or changed. It keeps its rate meanwhile.
    const counts = report.consumers[consumer];
    return {
      camera: setup.camera,
      consumer,
      sla,
      fps,
      maxAgeMs,
      sourceIntervalMs: report.stream?.interval_ms ?? 0,
      ok: counts?.results.ok ?? 0,
      breaching:
        counts !== undefined && report.state === 'live' && THERE.has(counts.state) && counts.sla_window.breaching,
    };
  });
}
