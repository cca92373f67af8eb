import type { NodeEvent } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { type Episode, episodesOf } from './episodes.ts';

let count = 0;

/** One event after the other; `severity` of an alarm unless it ends. */
function event(kind: string, phase: NodeEvent['phase'], subject = 'hall/person-1', severity = 'alarm'): NodeEvent {
  count += 1;
  const id = `01J${String(count).padStart(23, '0')}`;
  return { id, kind, phase, subject, severity: phase === 'end' ? 'notice' : severity } as unknown as NodeEvent;
}

/** As the node lists them. */
const list = (...events: readonly NodeEvent[]): readonly Episode[] => episodesOf([...events].reverse());
const shown = (episodes: readonly Episode[]): string[] =>
  episodes.map(({ oldest, newest, hasStart }) => `${oldest.kind} ${oldest.phase}..${newest.phase} ${hasStart}`);

test('what began, went on and ended is one episode, named by its beginning', () => {
  const [start, update, end] = [event('fall', 'start'), event('fall', 'update'), event('fall', 'end')];
  const [episode] = list(start, update, end);
  expect(episode).toEqual({ id: start.id, oldest: start, newest: end, hasStart: true, isAlarm: true });
});

test('the next one of the same subject is another one, and so is what has no end', () => {
  const before = event('fall', 'start');
  const after = [event('fall', 'start'), event('fall', 'end')];
  expect(shown(list(before, ...after))).toEqual(['fall start..end true', 'fall start..start true']);
});

test('of another subject or kind, or without a phase, is not the same', () => {
  const episodes = list(
    event('fall', 'start'),
    event('fall', 'start', 'hall/person-2'),
    event('bed', null, 'hall/bed', 'notice'),
    event('bed', 'start', 'hall/bed'),
    event('bed', null, 'hall/bed', 'notice'),
    event('fall', 'end', 'hall/person-2'),
  );
  expect(shown(episodes)).toEqual([
    'bed null..null true',
    'bed start..start true',
    'bed null..null true',
    'fall start..end true',
    'fall start..start true',
  ]);
});

test('whose beginning is not listed is no shorter for it: nobody knows when it began', () => {
  expect(shown(list(event('fall', 'update'), event('fall', 'end')))).toEqual(['fall update..end false']);
});

test('two ends that follow one another are two episodes', () => {
  expect(shown(list(event('fall', 'end'), event('fall', 'start'), event('fall', 'end')))).toEqual([
    'fall start..end true',
    'fall end..end false',
  ]);
  expect(list(event('sla', 'start', 'hall/people', 'warning'))[0]?.isAlarm).toBe(false);
});
