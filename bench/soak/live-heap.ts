import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What is alive, in bytes. */
export type LiveHeap = Readonly<Record<'heapUsed' | 'external' | 'arrayBuffers', number>>;

/** Collections until finalizers of native memory, and what they let go of, are through. */
const ROUNDS = 3;

let collect: (() => void) | undefined;

/**
 * What this process keeps alive: sizes right after full collections, so that they do not depend on when V8 last collected
 * by itself. Blocks for 10–30 ms each time.
 */
export async function liveHeap(): Promise<LiveHeap> {
  collect ??= exposeCollector();
  for (let round = 0; round < ROUNDS; round += 1) {
    collect();
    await setImmediate();
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { heapUsed, external, arrayBuffers };
}

function exposeCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
