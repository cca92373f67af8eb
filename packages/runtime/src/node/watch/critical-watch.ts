import type { Clock } from '@vigia/base';
import type { CameraReport, HealthProblem, ResultMessage } from '@vigia/contracts';
import type { Plan } from '#node/plan';

/** A critical consumer is blind after this time, or this many intervals, without an ok result. */
const BLIND = { ms: 10_000, turns: 3 } as const;

/** A critical consumer that sees nothing: its camera gives nothing, or it breaks its SLA although its camera is live. */
export interface Blind extends HealthProblem {
  readonly camera: string;
  readonly consumer: string;
}

/** Remembers each consumer's last ok result, and derives which critical consumers are blind. */
export class CriticalWatch {
  readonly #clock: Clock;
  readonly #okMs = new Map<string, number>();
  /** When a consumer was first looked at. */
  readonly #sinceMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a result of any consumer. */
  record({ camera, consumer, status }: Pick<ResultMessage, 'camera' | 'consumer' | 'status'>): void {
    if (status === 'ok') this.#okMs.set(`${camera}/${consumer}`, this.#clock.nowMs());
  }

  /**
   * Critical consumers without an ok result for 10 s, or for 3 intervals of a slow gate, whose camera is not live or that
   * are in breach of their SLA. One whose worker has failed is not blind: it has an alarm of its own.
   */
  blind(plan: Plan, reportOf: (camera: string) => CameraReport | undefined): Blind[] {
    this.#forget(plan);
    return plan.cameras.flatMap(({ camera, consumers }) => {
      const report = reportOf(camera);
      return consumers.flatMap(({ id, sla, fps }) => {
        if (sla !== 'critical' || report?.consumers[id]?.state === 'failed') return [];
        const limitMs = Math.max(BLIND.ms, fps === undefined ? 0 : (BLIND.turns * 1000) / fps);
        const why =
          report?.state === 'live'
            ? this.#whyLive(camera, id, report, limitMs)
            : this.#whyAway(camera, id, report, limitMs);
        return why === undefined
          ? []
          : [{ camera, consumer: id, code: 'blind', message: `${camera}/${id}: critical, and ${why}` }];
      });
    });
  }

  #whyLive(camera: string, id: string, report: CameraReport, limitMs: number): string | undefined {
    const counts = report.consumers[id];
    const okMs = this.#okMs.get(`${camera}/${id}`);
    const silentMs = this.#clock.nowMs() - (okMs ?? Number.NEGATIVE_INFINITY);
    if (!counts?.sla_window.breaching || silentMs < limitMs) return undefined;
    const since = okMs === undefined ? 'has never seen anything' : `has seen nothing for ${seconds(silentMs)}`;
    return `${since} though its camera is live${counts.reason === null ? '' : `; it ${counts.reason}`}`;
  }

  #whyAway(camera: string, id: string, report: CameraReport | undefined, limitMs: number): string | undefined {
    const key = `${camera}/${id}`;
    const now = this.#clock.nowMs();
    const sinceMs = this.#okMs.get(key) ?? this.#sinceMs.get(key) ?? now;
    this.#sinceMs.set(key, this.#sinceMs.get(key) ?? now);
    if (now - sinceMs < limitMs) return undefined;
    const seen = this.#okMs.has(key) ? `has seen nothing for ${seconds(now - sinceMs)}` : 'has never seen anything';
    const state = report ? `is ${report.state}${report.reason === null ? '' : ` (${report.reason})`}` : 'says nothing';
    return `${seen}: its camera ${state}`;
  }

  #forget(plan: Plan): void {
    const there = new Set(plan.cameras.flatMap((c) => c.consumers.map(({ id }) => `${c.camera}/${id}`)));
    for (const times of [this.#okMs, this.#sinceMs])
      for (const key of times.keys()) if (!there.has(key)) times.delete(key);
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
