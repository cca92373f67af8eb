import type { CameraStatus } from '@vigia/contracts';

/** The most urgent class of a camera's consumers decides whether the camera is watched. */
const SLA_ORDER = ['critical', 'high', 'normal', 'best-effort'];

/** One consumer of a camera, for technicians. `ageMs`: of its newest answer; null without one. */
export interface ConsumerView {
  readonly name: string;
  readonly sla: string;
  readonly state: string;
  readonly ageMs: number | null;
  /** False: `ageMs` is the least that the age can be. */
  readonly certain: boolean;
}

/** Consumers of a camera's most urgent class; empty: nothing watches it. */
export function essentialConsumers({ report }: CameraStatus): readonly string[] {
  const entries = Object.entries(report.consumers);
  const rank = (sla: string): number => SLA_ORDER.indexOf(sla);
  const best = Math.min(...entries.map(([, { sla }]) => rank(sla)));
  return entries.filter(([, { sla }]) => rank(sla) === best).map(([name]) => name);
}

/** A consumer in this state may answer. */
export function isRunning(state: string): boolean {
  return state === 'running' || state === 'breaching' || state === 'ready';
}

/** Codes and numbers as the node has them: `live · people running · 5.0/s · p99 118 ms`. */
export function technicalOf({ report, answers }: CameraStatus, essential: readonly string[]): string {
  const camera = report.reason === null ? report.state : `${report.state}, ${report.reason}`;
  const consumers = essential.flatMap((name) => {
    const { state } = report.consumers[name] ?? {};
    const recent = answers[name];
    const p99 = recent?.age_p99_ms ?? null;
    return [
      `${name} ${state}`,
      ...(recent === undefined ? [] : [`${recent.per_s.toFixed(1)}/s`]),
      ...(p99 === null ? [] : [`p99 ${recent?.age_certain === false ? '≥ ' : ''}${Math.round(p99)} ms`]),
    ];
  });
  return [camera, ...consumers].join(' · ');
}

/** All consumers of a camera, the most urgent first. */
export function consumersOf(
  { report }: CameraStatus,
  answer: (name: string) => { readonly ageMs: number | null; readonly certain: boolean },
): readonly ConsumerView[] {
  return Object.entries(report.consumers)
    .map(([name, { sla, state }]) => {
      const { ageMs, certain } = answer(name);
      return { name, sla, state, ageMs, certain };
    })
    .sort((a, b) => SLA_ORDER.indexOf(a.sla) - SLA_ORDER.indexOf(b.sla));
}
