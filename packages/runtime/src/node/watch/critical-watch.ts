import type { Clock } from '@vigia/base';
import type { CameraReport, HealthProblem, ResultMessage } from '@vigia/contracts';
import type { Plan } from '#node/plan';

/** A critical consumer whose SLA is breached is blind when it saw nothing for so long, or for so many of its turns. */
const BLIND = { ms: 10_000, turns: 3 } as const;

/** A critical consumer that sees nothing. */
export interface Blind extends HealthProblem {
  readonly camera: string;
  readonly consumer: string;
}

/** Knows when critical consumers last saw anything, and so which of them see nothing though their cameras do. */
export class CriticalWatch {
  readonly #clock: Clock;
  readonly #okMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A result of any consumer. */
  record({ camera, consumer, status }: Pick<ResultMessage, 'camera' | 'consumer' | 'status'>): void {
    if (status === 'ok') this.#okMs.set(`${camera}/${consumer}`, this.#clock.nowMs());
  }

  /**
   * Critical consumers in breach of their SLA that have seen nothing for 10 s, or for 3 turns of slow ones. Not those whose
   * worker has failed: they are told as such.
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
