// What other zones would have changed, as lanes of time: pure.
import type { PlayedRules, RulesPreview } from '@vigia/contracts/api';

/** A time in which somebody is where the lane is about. `half`: sits up in the bed, or on its edge. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly tone: 'full' | 'half';
}

/** What a rule makes of one zone. */
export interface Side {
  readonly spans: readonly Span[];
  readonly alarms: readonly { readonly fromMs: number; readonly reason: string }[];
  /** Sum of the spans. */
  readonly spentMs: number;
}

/** One zone of a rule, with the zones in use, and with those of the draft. */
export interface Lane {
  readonly rule: RulesPreview['rule'];
  readonly zone: string;
  readonly now: Side;
  readonly would: Side;
}

const FULL = new Set(['in', 'occupied']);
const HALF = new Set(['sitting', 'edge']);

/** A lane per zone. @param zones Of the rule, in the draft. @param renamed Their names there, by those in use. */
export function lanesOf(preview: RulesPreview, zones: readonly string[], renamed: ReadonlyMap<string, string>): Lane[] {
  const { rule, to_ms: endMs, now, would } = preview;
  const oldName = new Map([...renamed].map(([before, after]) => [after, before]));
  return zones.map((zone) => {
    const before = sideOf(now, oldName.get(zone) ?? zone, endMs);
    return { rule, zone, now: before, would: would === null ? before : sideOf(would, zone, endMs) };
  });
}

/** Time without results: nobody can say what would have been. */
export function gapsOf({ now, would }: RulesPreview): readonly { readonly fromMs: number; readonly toMs: number }[] {
  return ((would ?? now)?.gaps ?? []).map(({ from_ms: fromMs, to_ms: toMs }) => ({ fromMs, toMs }));
}

/** Whether more happened than the answer lists. */
export function isCutOff({ now, would }: RulesPreview): boolean {
  return [now, would].some((played) => played !== null && Object.values(played.left_out).some((count) => count > 0));
}

function sideOf(played: PlayedRules | null, zone: string, endMs: number): Side {
  const own = (played?.changes ?? []).filter((change) => change.zone === zone);
  const spans = own.flatMap(({ at_ms: fromMs, state }, i): Span[] => {
    const toMs = own[i + 1]?.at_ms ?? endMs;
    if (FULL.has(state)) return [{ fromMs, toMs, tone: 'full' }];
    return HALF.has(state) ? [{ fromMs, toMs, tone: 'half' }] : [];
  });
  return {
    spans,
    alarms: (played?.alarms ?? []).flatMap(({ zone: other, from_ms: fromMs, reason }) =>
      other === zone ? [{ fromMs, reason }] : [],
    ),
    spentMs: spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0),
  };
}

/** The last hour, or the last night: from 22:00 to 07:00 by the clock of this screen, as far as it is over. */
export function rangeOf(which: 'hour' | 'night', nowMs: number): { readonly from: string; readonly to: string } {
  const iso = (ms: number): string => new Date(ms).toISOString();
  if (which === 'hour') return { from: iso(nowMs - 3_600_000), to: iso(nowMs) };
  const evening = new Date(nowMs);
  evening.setHours(22, 0, 0, 0);
  if (evening.getTime() > nowMs) evening.setDate(evening.getDate() - 1);
  const morning = new Date(evening);
  morning.setDate(morning.getDate() + 1);
  morning.setHours(7, 0, 0, 0);
  return { from: iso(evening.getTime()), to: iso(Math.min(nowMs, morning.getTime())) };
}
