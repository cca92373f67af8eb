import { type CameraConfig, durationMs, hoursOf } from '@vigia/contracts';
import type { BedRuleSetup, FallRuleSetup, RuleSetup } from '#core/camera-link';

type Ruled = Pick<CameraConfig, 'rules' | 'zones'>;

/** The rules of a camera, with what they need to know of its zones. */
export function plannedRules(camera: Ruled): RuleSetup {
  return { fall: plannedFall(camera), bed: plannedBed(camera) };
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
  const watched = hours === undefined ? undefined : hoursOf(hours);
  return { from, zone, bed, zones: judged(zones), alarm, awayMs: durationMs(away), hours: watched ?? null };
}

/** What rules know of: what is black nobody sees. */
function judged(zones: Ruled['zones']): FallRuleSetup['zones'] {
  return Object.values(zones).filter(({ kind }) => kind !== 'privacy');
}
