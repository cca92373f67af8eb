import { fileURLToPath } from 'node:url';
import { runProgram, stdoutOf } from './program.ts';
import { type Turn, WARM_UP_SECONDS } from './publishing.ts';
import { sampleOf } from './sample-line.ts';
import type { Row, Variant } from './variant.ts';

const PROGRAM = fileURLToPath(new URL('./loop-program.js', import.meta.url));
/** In addition to the measured window: start of Node, and the warm-up. */
const RUN_LIMIT_MS = 30_000;

/** How a consumer in the publisher's event loop takes frames: `onOffer` and `take()`, or `await next()`. */
export type LoopMode = 'callback' | 'promise';

/** Parameters of a measurement. */
export interface LoopOptions {
  readonly name: string;
  readonly mode: LoopMode;
  readonly consumers: number;
  readonly fps: number;
  /** Default `async`. */
  readonly turn?: Turn;
  readonly rows: readonly Row[];
}

/** Our supplier and its consumers in one event loop. */
export function loopVariant({ name, mode, consumers, fps, turn = 'async', rows }: LoopOptions): Variant {
  const from = turn === 'callback' ? ', published in a timer’s callback' : '';
  const title = `loop ${mode}${from}, ${consumers} consumer${consumers === 1 ? '' : 's'}, ${fps} Hz`;
  return {
    name,
    title,
    rows,
    run: async ({ run }) => {
      const args = [PROGRAM, mode, ...[consumers, fps, run.seconds].map(String), turn];
      const limitMs = (run.seconds + WARM_UP_SECONDS) * 1000 + RUN_LIMIT_MS;
      return sampleOf(
        title,
        stdoutOf(title, await runProgram(process.execPath, args, { signal: run.signal, limitMs })),
      );
    },
  };
}
