import { quoted, UsageError } from '@vigia/base';
import { durationMs, type ZoneConfig } from '@vigia/contracts';
import type { BedRuleSetup, VisitRuleSetup } from '#core/camera-link';
import { loadConfig } from '#node/config';
import { plannedRules } from '#node/plan';

/** Results a second, where a camera does not say otherwise. */
export const USUAL_FPS = 5;

/** What can be rehearsed. */
export const RULES = ['fall', 'bed', 'visits'] as const;
/** See {@link RULES}. */
export type Rule = (typeof RULES)[number];

/** What a clip, or results, are judged with. */
export interface Settings {
  readonly model: string;
  readonly fps: number;
  readonly zones: readonly ZoneConfig[];
  readonly longLieMs: number | undefined;
  /** Undefined: another rule is rehearsed. */
  readonly bed: BedRuleSetup | undefined;
  readonly visits: VisitRuleSetup | undefined;
}

/** The same, of a camera of a configuration. */
export interface CameraSettings extends Settings {
  readonly camera: string;
  /** The consumer that its rule follows. */
  readonly from: string;
}

/** @param command The word of the command, for errors. @throws UsageError, and as `loadConfig`. */
export function settingsOfCamera(
  file: string,
  camera: string | undefined,
  kind: Rule,
  command: 'test' | 'replay',
): CameraSettings {
  const { cameras, models } = loadConfig(file);
  const watched = Object.keys(cameras).filter((id) => cameras[id]?.rules?.[kind]);
  const id = camera ?? (watched.length === 1 ? watched[0] : undefined);
  const of = id === undefined || !Object.hasOwn(cameras, id) ? undefined : cameras[id];
  const rule = of?.rules?.[kind];
  if (!of || !rule) {
    const allowed = watched.length > 0 ? `allowed are ${watched.join(', ')}` : `no camera of it has \`rules.${kind}\``;
    const found = camera === undefined ? '--camera is missing' : `--camera ${quoted(camera, 63)} has no ${kind} rule`;
    throw new UsageError(`vigia rules ${command}: ${found}; ${allowed}`);
  }
  const consumer = of.consumers[rule.from];
  const use = models[consumer?.model ?? '']?.use;
  if (use === undefined && command === 'test')
    throw new UsageError(
      `vigia rules test: camera ${id} follows a model that somebody else starts: choose one with --model`,
    );
  const lie = of.rules?.fall?.long_lie ?? 'off';
  const { bed, visits } = plannedRules(of);
  return {
    camera: id as string,
    from: rule.from,
    model: use ?? '',
    fps: consumer?.fps ?? USUAL_FPS,
    zones: Object.values(of.zones),
    longLieMs: lie === 'off' ? undefined : durationMs(lie),
    bed: kind === 'bed' && bed ? { ...bed, hours: null } : undefined,
    visits: kind === 'visits' && visits ? atAnyHour(visits) : undefined,
  };
}

/** With alarms of any hour: a clip was not made when alarms are wanted. */
function atAnyHour({ watched, ...visits }: VisitRuleSetup): VisitRuleSetup {
  const zones = Object.entries(watched).map(([id, { points, alarm }]) => {
    return [id, { points, alarm: alarm && { ...alarm, hours: null } }] as const;
  });
  return { ...visits, watched: Object.fromEntries(zones) };
}
