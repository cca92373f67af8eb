import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Live memory, in bytes. */
export type LiveHeap = Readonly<Record<'heapUsed' | 'external' | 'arrayBuffers', number>>;

/** Collections until finalizers of native memory, and the memory they release, are done. */
const ROUNDS = 3;

let collect: (() => void) | undefined;

/**
 * Live memory of this process: sizes right after full collections, independent of V8's own collections. Blocks for
 * 10–30 ms each time.
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
