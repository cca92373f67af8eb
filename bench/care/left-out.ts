import { type CareScore, type Heard, scoreOf } from './score.ts';

/** Whose footage it is: files of one source share rooms, people and cameras. */
export function siteOf(source: string): string {
  // Two collections show the same room.
  if (/coffee[ _]room/i.test(source)) return 'Le2i, coffee room';
  return source.split(' ')[0] ?? source;
}

/** What a setting made of every clip. */
export interface Tried<S> {
  readonly setting: S;
  readonly heard: readonly Heard[];
}

/** A source, and what the setting that was chosen without it makes of it. */
export interface LeftOut<S> {
  readonly site: string;
  readonly setting: S;
  readonly heard: readonly Heard[];
  readonly score: CareScore;
}

/**
 * Leaves out each source in turn: the setting that is best on all others judges it. Of equally good ones the first counts.
 *
 * @param tried From the one that is preferred on.
 */
export function leaveOut<S>(tried: readonly Tried<S>[]): readonly LeftOut<S>[] {
  const sites = [...new Set((tried[0]?.heard ?? []).map(({ clip }) => siteOf(clip.source)))].sort();
  return sites.map((site) => {
    const isOf = ({ clip }: Heard): boolean => siteOf(clip.source) === site;
    const best = bestOf(tried.map(({ setting, heard }) => ({ setting, heard: heard.filter((one) => !isOf(one)) })));
    const heard = (tried.find(({ setting }) => setting === best) as Tried<S>).heard.filter(isOf);
    return { site, setting: best, heard, score: scoreOf(heard) };
  });
}

/** The setting with the best mean of sensitivity and specificity. */
export function bestOf<S>(tried: readonly Tried<S>[]): S {
  const goodness = tried.map(({ heard }) => {
    const { sensitivity, specificity } = scoreOf(heard);
    return (sensitivity ?? 0) + (specificity ?? 0);
  });
  const at = goodness.indexOf(Math.max(...goodness));
  return (tried[at] as Tried<S>).setting;
}
