import { createLog, systemClock } from '@vigia/base';
import { DECODE_ALL, StreamCapture } from '../../support/runtime-internals.ts';
import type { CaseJudge } from './part.ts';

/** Nothing is waited for longer. Milliseconds. */
const TIMEOUTS = { connectMs: 1_000, responseMs: 400, firstUnitMs: 400, silenceMs: 400 } as const;
/** One connection is a case: the next would come after this. Milliseconds. */
const NEVER = { firstMs: 600_000, maxMs: 600_000 } as const;
const LONGEST_MS = 2_500;
const MAX_PICTURE = { width: 1280, height: 720 } as const;

/** Lets a capture, as a camera process has it, use one connection. Returns how that ended. */
export async function filmed(url: string, judge: CaseJudge, units: boolean): Promise<string> {
  let pictures = 0;
  let end: (how: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (end = resolve));
  const timer = systemClock.after(LONGEST_MS, () => end('open'));
  const capture = new StreamCapture({
    url,
    clock: systemClock,
    log: createLog('hostile', ({ message }) => judge.output(message)),
    sink: {
      publish: (picture) => {
        pictures += 1;
        picture.release();
      },
      hasDemand: () => units,
    },
    decode: { ...DECODE_ALL, onLoss: 'conceal', maxPicture: MAX_PICTURE },
    timeouts: TIMEOUTS,
    backoff: NEVER,
    onState: (state) => {
      if ('message' in state && state.message !== undefined) judge.output(state.message);
      if (state.state === 'waiting') end(state.reason);
    },
  });
  capture.start();
  const how = await ended;
  timer.cancel();
  await capture.close();
  return pictures > 0 ? `${how} after pictures` : how;
}
