import { UsageError, VigiaError } from '@vigia/base';
import type { CameraConfig, StreamReport } from '@vigia/contracts';
import { PREVIEW_LIMITS, type PreviewedRule } from '@vigia/contracts/api';
import type { PreviewRule, PreviewTask } from '#core/footage-link';
import { checkRules } from '#node/config';
import { plannedRules } from '#node/plan';
import type { PreviewAsk } from '#services/control-plane';

const HOUR_MS = 3_600_000;

/** What the node knows of a camera. */
export interface PreviewedCamera {
  /** Undefined: there is no such camera. */
  readonly settings: Pick<CameraConfig, 'zones' | 'rules' | 'consumers'> | undefined;
  /** As last reported; undefined: it has not sent anything. */
  readonly stream: Pick<StreamReport, 'width' | 'height'> | null | undefined;
}

/**
 * What is to be played so that somebody sees what other zones and rules would have reported.
 *
 * @param nowMs Wall time, milliseconds since 1970.
 * @throws UsageError for zones, rules and times that cannot be; VigiaError `not_found`, `unknown_size`.
 */
export function previewTask(ask: PreviewAsk, { settings, stream }: PreviewedCamera, nowMs: number): PreviewTask {
  const { camera, rule, zones, rules } = ask;
  if (!settings) throw new VigiaError('not_found', `there is no camera "${camera}"`);
  const isTrial = zones !== undefined || rules !== undefined;
  if (!(rules ?? settings.rules)?.[rule]) throw noRule(ask);
  const tried = { ...settings, zones: zones ?? settings.zones, rules: only(rule, rules ?? settings.rules) };
  const where = rules ? 'body.rules' : `cameras.${camera}.rules`;
  const [problem] = isTrial ? checkRules(tried, (...keys) => [where, ...keys].join('.')) : [];
  if (problem !== undefined) throw new UsageError(problem);
  return {
    camera,
    rule,
    ...rangeOf(ask, nowMs),
    aspect: aspectOf(ask, stream),
    now: plannedRule(rule, settings),
    would: isTrial ? plannedRule(rule, tried) : null,
  };
}

function noRule({ camera, rule, rules }: PreviewAsk): UsageError {
  if (rules) return new UsageError(`body.rules.${rule}: nothing was found, the rule that is to be played is expected`);
  return new UsageError(`body.rules: camera ${camera} has no \`rules.${rule}\` in use, so one to try is expected here`);
}

function only(rule: PreviewedRule, rules: CameraConfig['rules']): NonNullable<CameraConfig['rules']> {
  return { [rule]: rules?.[rule] };
}

function plannedRule(rule: PreviewedRule, settings: Pick<CameraConfig, 'zones' | 'rules'>): PreviewRule | null {
  const { bed, visits } = plannedRules(settings);
  if (rule === 'bed') return bed && { bed };
  return visits && { visits };
}

function rangeOf({ fromMs, toMs }: PreviewAsk, nowMs: number): Pick<PreviewTask, 'fromMs' | 'toMs'> {
  const to = Math.min(toMs ?? nowMs, nowMs);
  const from = fromMs ?? Math.max(0, to - HOUR_MS);
  if (from >= to) throw new UsageError('body.from: must be earlier than `to`, and than now');
  if (to - from > PREVIEW_LIMITS.rangeMs)
    throw new UsageError(
      `body.from: at most ${PREVIEW_LIMITS.rangeMs / HOUR_MS} hours before \`to\` are played at once; ask in parts`,
    );
  return { fromMs: from, toMs: to };
}

/** Results do not have it. */
function aspectOf({ camera, size }: PreviewAsk, stream: PreviewedCamera['stream']): number {
  const { width, height } = size ?? stream ?? { width: 0, height: 0 };
  if (width > 0 && height > 0) return width / height;
  throw new VigiaError(
    'unknown_size',
    `nobody knows the size of the pictures of camera ${camera} now: say it with \`size\`, such as {"width":1920,"height":1080}`,
  );
}
