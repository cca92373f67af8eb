import type { Clock } from '@vigia/base';
import type { CameraReport, ConsumerReport, HealthProblem, ResultMessage } from '@vigia/contracts';
import type { Plan } from '#node/plan';

/** A critical consumer is blind after this time, or this many intervals, without an ok result. */
const BLIND = { ms: 10_000, turns: 3 } as const;

/** A critical consumer that sees nothing: its camera gives nothing, or it breaks its SLA although its camera is live. */
export interface Blind extends HealthProblem {
  readonly camera: string;
  readonly consumer: string;
}

/** Whether a camera can be relied on. One that is live for a moment after each new connection cannot. */
class CameraSight {
  /** Since when it has not been live, or, lost more than once, not live for {@link BLIND}.ms without a break. */
  unsteadySinceMs: number;
  #liveSinceMs: number | undefined;
  /** How often it was lost since then. */
  #losses = 0;

  constructor(nowMs: number) {
    this.unsteadySinceMs = nowMs;
  }

  look(nowMs: number, live: boolean): void {
    if (live) this.#liveSinceMs ??= nowMs;
    else if (this.#liveSinceMs !== undefined) this.#lose(nowMs, nowMs - this.#liveSinceMs);
  }

  isLost(nowMs: number, afterMs: number): boolean {
    const liveMs = nowMs - (this.#liveSinceMs ?? nowMs);
    const broken = this.#liveSinceMs === undefined || (this.#losses > 1 && liveMs < BLIND.ms);
    return broken && nowMs - this.unsteadySinceMs >= afterMs;
  }

  #lose(nowMs: number, liveMs: number): void {
    this.#liveSinceMs = undefined;
    const again = this.#losses > 0 && liveMs < BLIND.ms;
    if (!again) this.unsteadySinceMs = nowMs;
    this.#losses = again ? this.#losses + 1 : 1;
  }
}

/** Remembers each consumer's last ok result, and derives which critical consumers are blind. */
export class CriticalWatch {
  readonly #clock: Clock;
  readonly #okMs = new Map<string, number>();
  readonly #sights = new Map<string, CameraSight>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a result of any consumer. */
  record({ camera, consumer, status }: Pick<ResultMessage, 'camera' | 'consumer' | 'status'>): void {
    if (status === 'ok') this.#okMs.set(`${camera}/${consumer}`, this.#clock.nowMs());
  }

  /**
   * Critical consumers whose camera has not been steady for 10 s, or for 3 intervals of a slow gate, and those that are in
   * breach of their SLA and had no ok result for as long. One whose worker has failed is not blind: it has an alarm of its
   * own. Call it about once a second.
   */
  blind(plan: Plan, reportOf: (camera: string) => CameraReport | undefined): Blind[] {
    this.#forget(plan);
    return plan.cameras.flatMap(({ camera, consumers }) => {
      const report = reportOf(camera);
      const sight = this.#sightOf(camera, report?.state === 'live');
      return consumers.flatMap(({ id, sla, fps }) => {
        if (sla !== 'critical' || report?.consumers[id]?.state === 'failed') return [];
        const limitMs = Math.max(BLIND.ms, fps === undefined ? 0 : (BLIND.turns * 1000) / fps);
        const key = `${camera}/${id}`;
        const why = sight.isLost(this.#clock.nowMs(), limitMs)
          ? this.#whyLost(key, sight, report)
          : this.#whyUseless(key, report?.state === 'live' ? report.consumers[id] : undefined, limitMs);
        return why === undefined
          ? []
          : [{ camera, consumer: id, code: 'blind', message: `${key}: critical, and ${why}` }];
      });
    });
  }

  #whyLost(key: string, { unsteadySinceMs }: CameraSight, report: CameraReport | undefined): string {
    const now = this.#clock.nowMs();
    const okMs = this.#okMs.get(key);
    const seen = okMs === undefined ? 'has never seen anything' : `has last seen something ${seconds(now - okMs)} ago`;
    const state = report ? `is ${report.state}${report.reason === null ? '' : ` (${report.reason})`}` : 'is silent';
    return `${seen}: its camera ${state}, and was not steady for ${seconds(now - unsteadySinceMs)}`;
  }

  /** @param counts Of a consumer whose camera is live. */
  #whyUseless(key: string, counts: ConsumerReport | undefined, limitMs: number): string | undefined {
    const okMs = this.#okMs.get(key);
    const silentMs = this.#clock.nowMs() - (okMs ?? Number.NEGATIVE_INFINITY);
    if (!counts?.sla_window.breaching || silentMs < limitMs) return undefined;
    const since = okMs === undefined ? 'has never seen anything' : `has seen nothing for ${seconds(silentMs)}`;
    return `${since} though its camera is live${counts.reason === null ? '' : `; it ${counts.reason}`}`;
  }

  #sightOf(camera: string, live: boolean): CameraSight {
    const now = this.#clock.nowMs();
    const sight = this.#sights.get(camera) ?? new CameraSight(now);
    this.#sights.set(camera, sight);
    sight.look(now, live);
    return sight;
  }

  #forget({ cameras }: Plan): void {
    const there = new Set(cameras.flatMap((c) => [c.camera, ...c.consumers.map(({ id }) => `${c.camera}/${id}`)]));
    for (const known of [this.#okMs, this.#sights])
      for (const key of known.keys()) if (!there.has(key)) known.delete(key);
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
