import type { Clock } from '@vigia/base';
import { type Detection, resultMessageSchema } from '@vigia/contracts';
import type { PlayedRules, RulesPreview } from '@vigia/contracts/api';
import { BLIND_MS } from '@vigia/rules';
import type { ResultLine } from '#core/footage';
import type { PreviewRule, PreviewTask } from '#core/footage-link';
import { BedJudge, type BedPictureNews, VisitJudge, type VisitNews } from './judges.ts';
import { Listing } from './listing.ts';
import { Pace } from './pace.ts';
import { Replay, type Step } from './replay.ts';

/** Options of {@link previewRules}. */
export interface PreviewOptions {
  readonly task: PreviewTask;
  /** Of the camera in the range of the task, in order of their time, some at a time. */
  readonly results: AsyncIterable<readonly ResultLine[]>;
  /** Ends it early. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** A rule, and what it has reported so far. The generators play it, step by step. */
interface Play {
  readonly consumer: string;
  see(atMs: number, detections: readonly Detection[]): Iterable<unknown>;
  end(toMs: number): Iterable<unknown>;
  played(): PlayedRules;
}

/**
 * What the rules in use, and those that somebody tries, would have reported over stored results. Works in slices, so that
 * the process does its other work meanwhile.
 *
 * @throws what `results` throws; the signal's reason.
 */
export async function previewRules({ task, results, signal, clock }: PreviewOptions): Promise<RulesPreview> {
  const { camera, rule, fromMs, toMs } = task;
  const [now, would] = [task.now && playOf(task.now, task), task.would && playOf(task.would, task)];
  const plays = [now, would].flatMap((play) => play ?? []);
  const pace = new Pace(clock, signal);
  const go = async (steps: Iterable<unknown>): Promise<void> => {
    for (const _ of steps) if (pace.isOver) await pace.pause();
  };
  for await (const some of results)
    for (const { atMs, result } of some) {
      const followers = plays.filter(({ consumer }) => consumer === result['consumer']);
      const detections = followers.length === 0 ? null : resultMessageSchema.safeParse(result).data?.detections;
      if (!detections) continue;
      for (const play of followers) await go(play.see(atMs, detections));
    }
  for (const play of plays) await go(play.end(toMs));
  return {
    camera,
    rule,
    from_ms: Math.round(fromMs),
    to_ms: Math.round(toMs),
    now: now?.played() ?? null,
    would: would?.played() ?? null,
  };
}

function playOf(rule: PreviewRule, { aspect, fromMs }: PreviewTask): Play {
  const listing = new Listing();
  if ('bed' in rule) {
    const { from, zone } = rule.bed;
    return newPlay(from, new Replay(new BedJudge(aspect, rule.bed), fromMs), listing, bedLister(zone, listing));
  }
  const { from, watched } = rule.visits;
  const judge = new VisitJudge(aspect, rule.visits, fromMs);
  return newPlay(from, new Replay(judge, fromMs), listing, visitLister(Object.keys(watched), listing));
}

type Lister<News> = (step: Step<News>, hasSeen: boolean) => void;

function newPlay<News>(consumer: string, replay: Replay<News>, listing: Listing, list: Lister<News>): Play {
  function* listed(steps: Iterable<Step<News>>): Generator<void> {
    for (const step of steps) {
      if (step.kind === 'gap') listing.gap(step.fromMs, step.toMs);
      list(step, replay.results > 0);
      yield;
    }
  }
  return {
    consumer,
    see: (atMs, detections) => listed(replay.see(atMs, detections)),
    end: (toMs) => listed(replay.end(toMs)),
    played: () => ({ consumer, results: replay.results, ...listing.lists }),
  };
}

/** Nobody knows any more. Before the first result that is nothing new. */
function listBlind(zone: string, { fromMs }: { readonly fromMs: number }, listing: Listing): void {
  listing.state({ at_ms: Math.round(fromMs + BLIND_MS), zone, state: 'blind', since_ms: null, visit: null });
}

function bedLister(zone: string, listing: Listing): Lister<BedPictureNews> {
  return (step, hasSeen) => {
    if (step.kind === 'gap') {
      if (hasSeen) listBlind(zone, step, listing);
      return;
    }
    const { atMs, hasResult, judged } = step;
    for (const { phase: state, change, alarm } of judged.news) {
      const sinceMs = change ? Math.round(change.sinceMs) : null;
      if (hasResult) listing.state({ at_ms: Math.round(atMs), zone, state, since_ms: sinceMs, visit: null });
      if (alarm) listing.alarm(atMs, zone, alarm.phase, alarm.reason);
    }
  };
}

function visitLister(zones: readonly string[], listing: Listing): Lister<VisitNews> {
  return (step, hasSeen) => {
    if (step.kind === 'gap') {
      if (hasSeen) for (const zone of zones) listBlind(zone, step, listing);
      return;
    }
    const { atMs, judged } = step;
    for (const { zone, view, alarm } of judged.news) {
      // Nobody has looked for long enough to say that nobody is there.
      if (view.state !== 'unknown') listState(atMs, zone, view, listing);
      if (alarm) listing.alarm(atMs, zone, alarm.phase, alarm.reason);
    }
  };
}

function listState(atMs: number, zone: string, { state, sinceMs, visit }: VisitNews['view'], listing: Listing): void {
  listing.state({
    at_ms: Math.round(atMs),
    zone,
    state,
    since_ms: Math.round(sinceMs),
    visit: visit
      ? {
          entered_ms: Math.round(visit.enteredMs),
          last_seen_ms: Math.round(visit.lastSeenMs),
          most_people: visit.most,
        }
      : null,
  });
}
