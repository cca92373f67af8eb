import type { Clock } from '@vigia/base';
import type { CameraReport, HealthProblem, ResultMessage } from '@vigia/contracts';
import type { Plan } from '#node/plan';

/** A critical consumer in breach of its SLA is blind after this time, or this many intervals, without an ok result. */
const BLIND = { ms: 10_000, turns: 3 } as const;

/** A critical consumer without results although its camera is live. */
export interface Blind extends HealthProblem {
  readonly camera: string;
  readonly consumer: string;
}

/** Remembers each consumer's last ok result, and derives which critical consumers are blind. */
export class CriticalWatch {
  readonly #clock: Clock;
  readonly #okMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a result of any consumer. */
  record({ camera, consumer, status }: Pick<ResultMessage, 'camera' | 'consumer' | 'status'>): void {
    if (status === 'ok') this.#okMs.set(`${camera}/${consumer}`, this.#clock.nowMs());
  }

  /**
   * Critical consumers in breach of their SLA without an ok result for 10 s, or for 3 intervals of a slow gate. A
   * consumer whose worker has failed is not blind: it has an alarm of its own.
   */
  blind(plan: Plan, reportOf: (camera: string) => CameraReport | undefined): Blind[] {
    this.#forget(plan);
    const now = this.#clock.nowMs();
    return plan.cameras.flatMap(({ camera, consumers }) => {
      const report = reportOf(camera);
      if (report?.state !== 'live') return [];
      return consumers.flatMap(({ id, sla, fps }) => {
        const counts = report.consumers[id];
        if (sla !== 'critical' || !counts?.sla_window.breaching || counts.state === 'failed') return [];
        const okMs = this.#okMs.get(`${camera}/${id}`);
        const limitMs = Math.max(BLIND.ms, fps === undefined ? 0 : (BLIND.turns * 1000) / fps);
        if (okMs !== undefined && now - okMs < limitMs) return [];
        const since =
          okMs === undefined ? 'has never seen anything' : `has seen nothing for ${Math.round((now - okMs) / 1000)} s`;
        const why = counts.reason === null ? '' : `; it ${counts.reason}`;
        const message = `${camera}/${id}: critical, and ${since} though its camera is live${why}`;
        return { camera, consumer: id, code: 'blind', message };
      });
    });
  }

  #forget(plan: Plan): void {
    const there = new Set(plan.cameras.flatMap((c) => c.consumers.map(({ id }) => `${c.camera}/${id}`)));
    for (const key of this.#okMs.keys()) if (!there.has(key)) this.#okMs.delete(key);
  }
}
