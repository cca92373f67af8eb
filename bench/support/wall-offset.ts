import { systemClock } from '@vigia/base';

/**
 * Wall time minus monotonic time, exact to some microseconds: `Date.now()` has a resolution of milliseconds, so this
 * waits for its step.
 */
export function wallOffsetMs(): number {
  const start = Date.now();
  while (Date.now() === start);
  const wallMs = Date.now();
  return wallMs - systemClock.nowMs();
}
