import type { Clock } from '@vigia/base';
import type { ConsumerReport, ResultMessage } from '@vigia/contracts';
import { CpuPressure } from '#core/cpu';
import type { CameraSetup } from '#core/camera-link';
import type { CameraHandle } from '#node/children';
import { type SheddableConsumer, type ShedChange, Shedding } from './shedding.ts';
import type { Plan } from '#node/plan';

/** States in which a consumer could answer: one that has crashed, or loads, suffers from something else than a lack of CPU. */
const THERE = new Set<ConsumerReport['state']>(['ready', 'running', 'idle', 'breaching']);

/** Brings together what shedding needs to know: the machine's pressure, and how the consumers of all cameras do. */
export class CpuWatch {
  readonly #pressure: CpuPressure;
  readonly #shedding: Shedding;

  constructor(clock: Clock) {
    this.#pressure = new CpuPressure(clock);
    this.#shedding = new Shedding(clock);
  }

  /** A result of a critical consumer. */
  record(result: ResultMessage): void {
    this.#shedding.record(result);
  }

  /** Looks at everybody; to be called about once a second. */
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

/** Without a critical consumer, or with nobody to slow, there is nothing to decide. */
function isWorthLooking(plan: Plan): boolean {
  const classes = new Set(plan.cameras.flatMap((c) => c.consumers.map((consumer) => consumer.sla)));
  return classes.has('critical') && (classes.has('best-effort') || classes.has('normal'));
}

function sheddable(setup: CameraSetup, cameras: ReadonlyMap<string, CameraHandle>): SheddableConsumer[] {
  const report = cameras.get(setup.camera)?.recentReport();
  if (!report) return [];
  return setup.consumers.flatMap(({ id: consumer, sla, fps, maxAgeMs }) => {
    const counts = report.consumers[consumer];
    if (!counts) return [];
    return {
      camera: setup.camera,
      consumer,
      sla,
      fps,
      maxAgeMs,
      sourceIntervalMs: report.stream?.interval_ms ?? 0,
      ok: counts.results.ok,
      breaching: report.state === 'live' && THERE.has(counts.state) && counts.sla_window.breaching,
    };
  });
}
