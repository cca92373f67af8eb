import { setImmediate } from 'node:timers/promises';
import { sleep, systemClock } from '@vigia/base';
import { nowNs } from './clock.ts';

/** Frames published as fast as consumers follow, to warm up the compiler. */
export const WARM_UP_FRAMES = 10_000;
/** After those, at the rate of the measurement. */
export const WARM_UP_SECONDS = 1;
/** Turns of the event loop between two of the first frames: enough for the batches of 64 consumers. */
const WARM_UP_TURNS = 12;

/**
 * The publisher's position in the event loop. `async`: in a loop that awaits its sleep, like the peers' publishers;
 * queued work follows at once. `callback`: in the callback of a timer; Node runs work of its own before queued work.
 */
export type Turn = 'async' | 'callback';

/** How a window is filled with frames. */
export interface Pace {
  readonly fps: number;
  readonly seconds: number;
  readonly turn: Turn;
}

/** Upper bound of all published frames. */
export function mostFrames({ fps, seconds }: Pick<Pace, 'fps' | 'seconds'>): number {
  return WARM_UP_FRAMES + Math.ceil(fps * (seconds + WARM_UP_SECONDS) * 1.2) + 100;
}

/**
 * Publishes: first the warm-up, then the measurement, in the same way, so that V8's compiled code stays valid.
 *
 * @param publish Publishes one frame, and does nothing afterwards, which would delay consumers in this loop.
 * @param begin Called at the start of the measured window; no frame is in transit then.
 * @returns frames per second in the measured window.
 */
export async function publishWindow(pace: Pace, publish: () => void, begin: () => void): Promise<number> {
  for (let i = 0; i < WARM_UP_FRAMES; i += 1) {
    publish();
    for (let turn = 0; turn < WARM_UP_TURNS; turn += 1) await setImmediate();
  }
  const atRate = pace.turn === 'async' ? publishAwaiting : publishCalledBack;
  await atRate({ ...pace, seconds: WARM_UP_SECONDS }, publish);
  begin();
  const beginNs = nowNs();
  const frames = await atRate(pace, publish);
  return (frames * 1e9) / (nowNs() - beginNs);
}

/** Sleeps between two frames, like the peers, so that the machine is idle when one is published. */
async function publishAwaiting({ fps, seconds }: Pace, publish: () => void): Promise<number> {
  const endNs = nowNs() + seconds * 1e9;
  let frames = 0;
  for (; nowNs() < endNs; frames += 1) {
    // Started before publishing: afterwards it would count as latency.
    const pause = sleep(systemClock, 1000 / fps);
    publish();
    await pause;
  }
  return frames;
}

function publishCalledBack({ fps, seconds }: Pace, publish: () => void): Promise<number> {
  const endNs = nowNs() + seconds * 1e9;
  let frames = 0;
  return new Promise((resolve) => {
    const tick = (): void => {
      if (nowNs() >= endNs) {
        resolve(frames);
        return;
      }
      frames += 1;
      systemClock.after(1000 / fps, tick);
      publish();
    };
    systemClock.after(1000 / fps, tick);
  });
}
