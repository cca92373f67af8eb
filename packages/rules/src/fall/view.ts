import type { Bbox } from '@vigia/contracts';
import type { Alarm } from './alarm.ts';
import { bboxOfBody } from '../body.ts';
import type { Person } from './person.ts';

/**
 * What a rule thinks of somebody. `new`: never seen upright. `unclear`: neither upright nor down. `lying`: on a floor, and nobody
 * saw how they got there.
 */
export type Posture = 'new' | 'upright' | 'unclear' | 'down' | 'lying' | 'alarm';

/** Somebody of whom a rule knows. */
export interface PersonView {
  readonly person: number;
  readonly posture: Posture;
  readonly bbox: Bbox;
  /** Seen in the newest picture; by a second look. */
  readonly isSeen: boolean;
  readonly looked: boolean;
}

/** Nothing of somebody who was never seen. @param aspect Width of the picture by its height. */
export function viewOf(person: Person, alarm: Alarm | undefined, atMs: number, aspect: number): readonly PersonView[] {
  const { last, id } = person;
  if (!last) return [];
  const isSeen = last.atMs === atMs;
  const posture = alarm ? 'alarm' : postureOf(person, atMs);
  return [{ person: id, posture, bbox: bboxOfBody(last.body, aspect), isSeen, looked: isSeen && last.looked }];
}

function postureOf({ isDown, uprightMs }: Person, atMs: number): Posture {
  if (isDown) return 'down';
  if (uprightMs === undefined) return 'new';
  return uprightMs === atMs ? 'upright' : 'unclear';
}
