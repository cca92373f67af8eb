export { FALL_LEAST_SCORE, FallRule, type FallRuleOptions, LOOK_LEAST_SCORE } from './fall/fall-rule.ts';
export type { FallChange, FallReason, FallState } from './fall/alarm.ts';
export { FALL_DEFAULTS, type FallLimits } from './fall/limits.ts';
export type { Look } from './fall/look.ts';
export type { FallEvidence } from './fall/person.ts';
export type { PersonView, Posture } from './fall/view.ts';
export { BedAlarm, type BedAlarmFrom, type BedNews, type BedView } from './bed/bed-alarm.ts';
export {
  type BedChange,
  type BedPhase,
  BedRule,
  type BedRuleOptions,
  type BesideView,
} from './bed/bed-rule.ts';
export { BED_LEAST_SCORE } from './bed/company.ts';
export type { Place } from './bed/place.ts';
export { BLIND_MS } from './blind.ts';
export { type Hours, lastedMs } from './hours.ts';
export {
  VisitAlarm,
  type VisitAlarmOptions,
  type VisitAlarmWhen,
  type VisitMoment,
  type VisitPhase,
} from './visits/visit-alarm.ts';
export { VISIT_LEAST_SCORE, VisitRule, type VisitRuleOptions } from './visits/visit-rule.ts';
export type { Visit, VisitState, VisitView } from './visits/zone-visit.ts';
