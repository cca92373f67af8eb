import { monotonicFactory } from 'ulid';
import type { Clock } from '@vigia/base';

/**
 * Makes ids of events: ULIDs. They sort by time; within a millisecond, and when the wall clock steps back, each is the
 * one before plus one, so the order of one node's ids is the order of its events. 80 random bits keep the ids of
 * several nodes and runs apart.
 */
export function eventIds(clock: Pick<Clock, 'wallMs'>): () => string {
  const next = monotonicFactory();
  return () => next(clock.wallMs());
}
