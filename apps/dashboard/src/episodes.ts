import type { NodeEvent } from '@vigia/contracts';

/** What began, went on and ended, as one: events of one subject from a start to its end. Others stand alone. */
export interface Episode {
  /** Id of its oldest event that is known: a link to the episode keeps it while newer events come. */
  readonly id: string;
  readonly oldest: NodeEvent;
  readonly newest: NodeEvent;
  /** Its beginning is among the events that are known. */
  readonly hasStart: boolean;
  /** The most urgent one. */
  readonly isAlarm: boolean;
}

/**
 * Events as episodes, the newest beginning first.
 *
 * @param events The newest first, as the node lists them.
 */
export function episodesOf(events: readonly NodeEvent[]): readonly Episode[] {
  const episodes: Episode[] = [];
  /** Of which only later events were seen yet, by kind and subject: where it is in the list. */
  const going = new Map<string, number>();
  for (const event of events) {
    const { phase, kind, subject } = event;
    const key = `${kind} ${subject}`;
    const at = phase === null || phase === 'end' ? undefined : going.get(key);
    const later = at === undefined ? undefined : episodes[at];
    const episode: Episode = {
      id: event.id,
      oldest: event,
      newest: later?.newest ?? event,
      hasStart: phase === null || phase === 'start',
      isAlarm: event.severity === 'alarm' || later?.isAlarm === true,
    };
    if (at === undefined) episodes.push(episode);
    else episodes[at] = episode;
    if (phase === null) continue;
    if (phase === 'start') going.delete(key);
    else going.set(key, at ?? episodes.length - 1);
  }
  return episodes.sort((a, b) => (a.id < b.id ? 1 : -1));
}
