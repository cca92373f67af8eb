import { type CameraConfig, durationMs, hoursOf } from '@vigia/contracts';
import type { BedRuleSetup, FallRuleSetup, RuleSetup, VisitRuleSetup, VisitZoneSetup } from '#core/camera-link';

/** How long an alarm about visits waits when `after` is not given. Milliseconds. */
const USUAL_AFTER_MS = { occupied: 0, crowded: 3_000, empty: 0 } as const;

type Ruled = Pick<CameraConfig, 'rules' | 'zones'>;

/** The rules of a camera, with what they need to know of its zones. */
export function plannedRules(camera: Ruled): RuleSetup {
  return { fall: plannedFall(camera), bed: plannedBed(camera), visits: plannedVisits(camera) };
}

function plannedFall({ rules, zones }: Ruled): FallRuleSetup | null {
  if (!rules?.fall) return null;
  const { from, long_lie: longLie } = rules.fall;
  return { from, zones: judged(zones), longLieMs: longLie === 'off' ? null : durationMs(longLie) };
}

function plannedBed({ rules, zones }: Ruled): BedRuleSetup | null {
  if (!rules?.bed) return null;
  const { from, zone, alarm, away, hours } = rules.bed;
  const bed = zones[zone]?.points;
  if (!bed) return null;
  return { from, zone, bed, zones: judged(zones), alarm, awayMs: durationMs(away), hours: plannedHours(hours) };
}

function plannedVisits({ rules, zones }: Ruled): VisitRuleSetup | null {
  if (!rules?.visits) return null;
  const watched = Object.entries(rules.visits.zones).flatMap(([id, { alarm, after, people = 1, hours }]) => {
    const points = zones[id]?.points;
    if (!points) return [];
    const afterMs = after === undefined ? USUAL_AFTER_MS[alarm ?? 'occupied'] : durationMs(after);
    const planned = alarm === undefined ? null : { when: alarm, afterMs, people, hours: plannedHours(hours) };
    return [[id, { points, alarm: planned } satisfies VisitZoneSetup] as const];
  });
  return { from: rules.visits.from, watched: Object.fromEntries(watched), zones: judged(zones) };
}

function plannedHours(hours: string | undefined): BedRuleSetup['hours'] {
  return (hours === undefined ? undefined : hoursOf(hours)) ?? null;
}

/** What rules know of: what is black nobody sees. */
function judged(zones: Ruled['zones']): FallRuleSetup['zones'] {
  return Object.values(zones).filter(({ kind }) => kind !== 'privacy');
}
