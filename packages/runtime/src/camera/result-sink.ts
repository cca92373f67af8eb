import type { ResultMessage } from '@vigia/contracts';
import type { Picture } from '#core/media/libav';

/**
 * Consumes results: each one exactly once, in the order of its consumer. Runs on the camera process's loop and must return
 * at once. `picture` is set only for a result that keeps it, and borrowed until the call returns.
 */
export type ResultSink = (result: ResultMessage, picture: Picture | undefined) => void;

/**
 * Passes every result to all sinks, in their order. Rules are no sinks: they watch their consumer, because they also need
 * its faint detections.
 */
export function fanOut(sinks: readonly ResultSink[]): ResultSink {
  return (result, picture) => {
    for (const sink of sinks) sink(result, picture);
  };
}
