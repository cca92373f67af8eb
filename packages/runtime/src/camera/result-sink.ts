import type { ResultMessage } from '@vigia/contracts';
import type { Picture } from '#core/media/libav';

/**
 * Consumes results: each one exactly once, in the order of its consumer. Runs on the camera process's loop and must return
 * at once. `picture` is set only for a result that keeps it, and borrowed until the call returns.
 */
export type ResultSink = (result: ResultMessage, picture: Picture | undefined) => void;

/**
 * Passes every result to all sinks, in their order. This is the one place in a camera process where results fan out: what
 * is computed from results, such as tracks and rules, becomes another sink.
 */
export function fanOut(sinks: readonly ResultSink[]): ResultSink {
  return (result, picture) => {
    for (const sink of sinks) sink(result, picture);
  };
}
