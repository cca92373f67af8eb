import { decodeTime, monotonicFactory } from 'ulid';
import type { Clock } from '@vigia/base';

/**
 * Generates event ids: ULIDs. They sort by time. Within a millisecond, and when the wall clock steps back, each id is
 * the previous one plus one, so the ids of one node sort in the order of its events. 80 random bits keep the ids of
 * different nodes and runs apart.
 *
 * @param after The last id of an earlier run: the clock may have stepped back since.
 */
export function eventIds(clock: Pick<Clock, 'wallMs'>, after?: string): () => string {
  const next = monotonicFactory();
  const firstMs = after === undefined ? 0 : decodeTime(after) + 1;
  return () => next(Math.max(clock.wallMs(), firstMs));
}
