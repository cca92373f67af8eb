import { quantile } from '../support/numbers.ts';
import type { LabelledClip } from './labels.ts';

/** What a node said of a clip. */
export interface Heard {
  readonly clip: LabelledClip;
  /** When alarms were raised, seconds of the clip. */
  readonly alarmsS: readonly number[];
  /** Results that were ok. */
  readonly results: number;
}

/** What is wrong with a clip. */
export interface CareError {
  readonly file: string;
  readonly kind: 'missed' | 'late' | 'false_alarm' | 'no_results';
  readonly reason: string;
}

/** How many were right, of how many. */
interface Share {
  readonly falls: number;
  readonly detected: number;
  readonly negatives: number;
  readonly false_alarms: number;
}

/** As `--json` prints it. */
export interface CareScore extends Share {
  readonly clips: number;
  readonly late: number;
  readonly missed: number;
  /** Null without clips to judge by. */
  readonly sensitivity: number | null;
  readonly specificity: number | null;
  readonly f1: number | null;
  readonly false_alarms_per_camera_day: number | null;
  /** From the body being down to the alarm, of falls that had one. */
  readonly delay_s: { readonly p50: number | null; readonly p95: number | null };
  readonly by_source: Readonly<Record<string, Share>>;
  readonly errors: readonly CareError[];
  /** Clips that do not count, and when they had alarms. Seconds. */
  readonly not_judged: readonly { readonly file: string; readonly alarms_s: readonly number[] }[];
}

/** An alarm is in time up to so long after the body is down. Seconds. */
const IN_TIME_S = 2;
/** Labels are exact to about a tenth of a second. */
const EARLY_S = 0.2;

/** What is right and wrong about a clip. The first alarm since a fall began is that of the fall; all others are false. */
function judge(
  { clip, alarmsS, results }: Heard,
  inTimeS: number,
): {
  readonly detected: boolean;
  readonly delayS: number | undefined;
  readonly errors: CareError[];
} {
  const [fall] = clip.falls;
  if (results === 0) {
    const reason = 'the node gave no result: nothing is known';
    return { detected: false, delayS: undefined, errors: [{ file: clip.file, kind: 'no_results', reason }] };
  }
  const own = fall && alarmsS.find((alarmS) => alarmS >= fall.startS - EARLY_S);
  const errors: CareError[] = alarmsS
    .filter((alarmS) => alarmS !== own)
    .map((alarmS) => ({
      file: clip.file,
      kind: 'false_alarm',
      reason: `${clip.activity}: alarm at ${alarmS.toFixed(1)} s`,
    }));
  if (!fall) return { detected: false, delayS: undefined, errors };
  const delayS = own === undefined ? undefined : own - fall.downS;
  const detected = delayS !== undefined && delayS <= inTimeS;
  if (delayS === undefined)
    errors.push({ file: clip.file, kind: 'missed', reason: `${clip.activity}: no alarm, ${results} results` });
  else if (!detected)
    errors.push({ file: clip.file, kind: 'late', reason: `${clip.activity}: ${delayS.toFixed(1)} s after down` });
  return { detected, delayS, errors };
}

/** Counts every clip that is to be judged. One without a fall is a negative; an alarm in it makes it false. */
export function scoreOf(all: readonly Heard[], inTimeS: number = IN_TIME_S): CareScore {
  const heard = all.filter(({ clip }) => clip.judged);
  const judged = heard.map((one) => ({ ...one, ...judge(one, inTimeS) }));
  const errors = judged.flatMap((one) => one.errors);
  const late = errors.filter(({ kind }) => kind === 'late').length;
  const missed = errors.filter(({ kind }) => kind === 'missed').length;
  const total = shareOf(judged);
  const { falls, detected, negatives, false_alarms } = total;
  const days = heard.reduce((sum, { clip }) => sum + clip.seconds, 0) / 86_400;
  const delays = judged.flatMap(({ delayS }) => (delayS === undefined ? [] : [delayS]));
  const of = (q: number): number | null => (delays.length === 0 ? null : rounded(quantile(delays, q)));
  const sources = [...new Set(heard.map(({ clip }) => clip.source))];
  return {
    clips: heard.length,
    ...total,
    late,
    missed,
    sensitivity: ratio(detected, falls),
    specificity: ratio(negatives - judged.filter((one) => isFalse(one)).length, negatives),
    f1: ratio(2 * detected, falls + detected + false_alarms),
    false_alarms_per_camera_day: days > 0 ? Math.round(false_alarms / days) : null,
    delay_s: { p50: of(0.5), p95: of(0.95) },
    by_source: Object.fromEntries(
      sources.map((source) => [source, shareOf(judged.filter(({ clip }) => clip.source === source))]),
    ),
    errors,
    not_judged: all
      .filter(({ clip }) => !clip.judged)
      .map(({ clip, alarmsS }) => ({ file: clip.file, alarms_s: alarmsS.map(rounded) })),
  };
}

type Judged = Heard & ReturnType<typeof judge>;

function shareOf(judged: readonly Judged[]): Share {
  return {
    falls: judged.filter(({ clip }) => clip.falls.length > 0).length,
    detected: judged.filter((one) => one.detected).length,
    negatives: judged.filter(({ clip }) => clip.falls.length === 0).length,
    false_alarms: judged.flatMap(({ errors }) => errors.filter(({ kind }) => kind === 'false_alarm')).length,
  };
}

function isFalse({ clip, errors }: Judged): boolean {
  return clip.falls.length === 0 && errors.length > 0;
}

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? rounded(part / whole) : null;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
