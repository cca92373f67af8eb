import type { NodeEventOf } from '@vigia/contracts';
import type { Label, LabelledPhase, Night } from './nights.ts';

/** A shorter phase need not be reported. Seconds. */
const LEAST_S = 1;
/** A phase may be reported so much earlier than it is labelled: labels are of people, to the quarter of a second. Seconds. */
const EARLY_S = 0.6;
/** And so much later it is not missed, but late. Seconds. */
const LATE_S = 1;

/** A phase as reported. */
export interface Reported {
  readonly what: Label | 'unknown' | 'blind';
  /** When it was reported. Seconds of the night. */
  readonly atS: number;
}

/** How a phase was seen. */
export interface Judged {
  readonly night: string;
  readonly what: Label;
  readonly fromS: number;
  /** Until it was reported; undefined: it was not, before it was over. Seconds. */
  readonly delayS: number | undefined;
}

/** How a night was seen. */
export interface NightScore {
  readonly phases: readonly Judged[];
  /** Reported where the label says something else. */
  readonly wrong: readonly Reported[];
}

/** Events of a bed, as phases: who sits up in bed is in it. @param zeroMs Wall time of the night's first picture. */
export function reportedOf(events: readonly NodeEventOf<'bed'>[], zeroMs: number): Reported[] {
  const all = events
    .map(
      ({ at, data }) =>
        ({ what: data.state === 'sitting' ? 'in' : data.state, atS: (Date.parse(at) - zeroMs) / 1000 }) as const,
    )
    .sort((a, b) => a.atS - b.atS);
  return all.filter(({ what }, i) => what !== all[i - 1]?.what);
}

/** Compares what was reported with the labels. */
export function scoreOf({ name, truth, seconds }: Night, reported: readonly Reported[]): NightScore {
  const judged = truth.flatMap(({ what, fromS }, i): Judged[] => {
    const endS = truth[i + 1]?.fromS ?? seconds;
    // Nobody can know at the beginning that somebody is not in the bed; nor is what was known before news.
    if (endS - fromS < LEAST_S || (i === 0 && what === 'out')) return [];
    const before = reported.findLast(({ atS }) => atS < fromS - EARLY_S);
    const first = reported.find(
      ({ atS, ...one }) => one.what === what && atS >= fromS - EARLY_S && atS <= endS + LATE_S,
    );
    const isKnown = before?.what === what && !reported.some(({ atS }) => atS >= fromS - EARLY_S && atS <= endS);
    const delayS = isKnown ? 0 : first && Math.max(0, first.atS - fromS);
    return [{ night: name, what, fromS, delayS }];
  });
  const wrong = reported.filter(
    ({ what, atS }) => !allowedAt(truth, atS).has(what) && !(what === 'unknown' && atS < EARLY_S),
  );
  return { phases: judged, wrong };
}

/** What may be reported now: the labels of the second before, and of what comes at once. */
function allowedAt(truth: readonly LabelledPhase[], atS: number): ReadonlySet<string> {
  const now = truth.filter(({ fromS }, i) => {
    const endS = truth[i + 1]?.fromS ?? Number.POSITIVE_INFINITY;
    return fromS <= atS + EARLY_S && endS > atS - LATE_S - EARLY_S;
  });
  return new Set(now.map(({ what }) => what));
}
