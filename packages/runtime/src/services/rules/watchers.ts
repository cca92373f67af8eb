import type { Clock } from '@vigia/base';
import type { Detection, ResultMessage } from '@vigia/contracts';
import { type Hours, lastedMs } from '@vigia/rules';
import type { Picture } from '#core/media/libav';

/** Watches the results of a consumer. */
interface Watcher {
  readonly faintFrom: number;
  seen(result: ResultMessage, faint: readonly Detection[], picture: Picture): void;
}

/** Several watchers as one; undefined without any. Each gets detections as unsure as the most curious one wants. */
export function watchersOf(watchers: readonly Watcher[]): Watcher | undefined {
  const [first, ...others] = watchers;
  if (!first || others.length === 0) return first;
  return {
    faintFrom: Math.min(...watchers.map(({ faintFrom }) => faintFrom)),
    seen: (result, faint, picture) => {
      for (const watcher of watchers) watcher.seen(result, faint, picture);
    },
  };
}

/** When the hours began in which alarms are wanted, in local time; undefined: they are not wanted now. Monotonic milliseconds. */
export function watchedSince(hours: Hours | undefined, clock: Clock): number | undefined {
  if (!hours) return Number.NEGATIVE_INFINITY;
  const lasted = lastedMs(hours, clock.wallMs());
  return lasted === undefined ? undefined : clock.nowMs() - lasted;
}
