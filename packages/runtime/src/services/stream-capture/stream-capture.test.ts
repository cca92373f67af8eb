import { describe, expect, test } from 'vitest';
import { type Source, SourceError, type SourceOptions, type SourceReason } from '#core/media';
import type { CaptureState } from './capture-options.ts';
import { capture, FORMAT, JPEG, play } from '../../../test/support/capture-world.ts';

const settings = {
  onLoss: 'wait',
  threads: 1,
  skipLoopFilter: false,
  hardware: 'none',
  maxPicture: { width: 100, height: 100 },
} as const;

const names = (states: readonly CaptureState[]): string[] => states.map((s) => s.state);
const conserved = ({ subject }: ReturnType<typeof capture>): void => {
  const c = subject.counters();
  expect(c.captured).toBe(c.published + c.noDemand + c.undecodable + c.late + c.inDecoder);
};

describe('the states of a capture', () => {
  test('connecting, live with the first picture, and the reason and the wait when it ends', async () => {
    const world = capture();
    await world.settle();
    play(world, 500);
    expect(world.pictures).toHaveLength(5);
    world.connections[0]?.onEnd(new SourceError('ended', 'rtsp://camera/stream: the camera said goodbye'));
    await world.settle();
    expect(world.states).toMatchObject([
      { state: 'connecting' },
      { state: 'live' },
      { state: 'waiting', reason: 'ended', retryInMs: 1000 },
    ]);
    world.clock.advance(1000);
    await world.settle();
    expect([names(world.states).at(-1), world.connections.length, world.closed]).toEqual(['connecting', 2, [0]]);
    expect(world.subject.counters()).toMatchObject({ reconnects: 1, lostPackets: 1 + 2 });
    await world.subject.close();
    expect(names(world.states).at(-1)).toBe('stopped');
    expect(world.clock.pendingTimers).toBe(0);
    conserved(world);
  });

  test('a frozen stream is stalled after 2 s, and live again with the next picture', async () => {
    const world = capture();
    await world.settle();
    play(world, 1000);
    world.clock.advance(3500);
    expect(world.states.at(-1)).toMatchObject({ state: 'stalled', reason: 'stalled' });
    expect(world.states.at(-1)).toHaveProperty('message', expect.stringMatching(/^no video for \d\.\d s$/));
    play(world, 100);
    expect(names(world.states)).toEqual(['connecting', 'live', 'stalled', 'live']);
    await world.subject.close();
  });

  test('units without a keyframe: stalled, and after 20 s another connection', async () => {
    const world = capture();
    await world.settle();
    play(world, 1000);
    play(world, 1000, { damaged: true });
    play(world, 2000, { keyframe: false });
    expect(world.states.at(-1)).toMatchObject({ state: 'stalled' });
    play(world, 19_000, { keyframe: false });
    await world.settle();
    expect(world.states.at(-1)).toMatchObject({ state: 'waiting', reason: 'stalled' });
    conserved(world);
    expect(world.subject.counters().undecodable).toBe(world.subject.counters().captured - 10);
    await world.subject.close();
  });

  test('keyframes that cannot be decoded, from the beginning: corrupt', async () => {
    const world = capture();
    await world.settle();
    play(world, 22_000, { data: Buffer.alloc(200, 7) });
    await world.settle();
    expect(world.states.at(-1)).toMatchObject({ state: 'waiting', reason: 'corrupt' });
    conserved(world);
    await world.subject.close();
  });

  test('without demand nothing is decoded; it is live with the first unit and does not stall', async () => {
    const world = capture();
    world.demand = false;
    await world.settle();
    play(world, 30_000, { data: Buffer.alloc(200, 7) });
    expect(names(world.states)).toEqual(['connecting', 'live']);
    expect(world.subject.counters()).toMatchObject({ captured: 300, noDemand: 300, published: 0 });
    world.demand = true;
    play(world, 300);
    expect(world.pictures).toHaveLength(3);
    await world.subject.close();
  });

  test('a source hears when demand ends and begins: with the next unit, or when asked at once; each connection anew', async () => {
    const world = capture();
    await world.settle();
    play(world, 300);
    expect(world.heard).toEqual([]);
    world.demand = false;
    play(world, 300);
    expect(world.heard).toEqual([false]);
    world.demand = true;
    world.subject.askDemand();
    world.subject.askDemand();
    expect(world.heard).toEqual([false, true]);
    world.demand = false;
    play(world, 100);
    world.connections[0]?.onEnd(new SourceError('ended', 'the camera said goodbye'));
    await world.settle();
    world.clock.advance(1000);
    await world.settle();
    expect(world.heard).toEqual([false, true, false]);
    play(world, 100);
    expect(world.heard).toEqual([false, true, false, false]);
    await world.subject.close();
    world.subject.askDemand();
  });

  test('a process that was itself suspended does not report a stall: one check is not enough', async () => {
    const world = capture();
    await world.settle();
    play(world, 1000);
    // The next check finds 2.4 s of silence, but what came meanwhile is read before the one after it.
    world.clock.advance(2400);
    play(world, 600);
    expect(names(world.states)).toEqual(['connecting', 'live']);
    await world.subject.close();
  });

  test('an abandoned attempt is closed when it opens, and ignored', async () => {
    const opening: ((source: Source) => void)[] = [];
    let closed = 0;
    const told: SourceOptions[] = [];
    const world = capture({
      decode: { ...settings, mode: 'full', maxPicture: { width: 4, height: 4 } },
      open: (options) => {
        told.push(options);
        options.onFormat(FORMAT);
        return new Promise((resolve) => opening.push(resolve));
      },
    });
    const send = (options: SourceOptions | undefined): void => {
      options?.onUnit({ data: JPEG, ptsMs: 0, arrivedMs: world.clock.nowMs(), keyframe: true, damaged: false });
      options?.onReadEnd?.();
    };
    await world.settle();
    // A camera that sends before it answers PLAY: its picture is too large.
    send(told[0]);
    await world.settle();
    expect(world.states.at(-1)).toMatchObject({ state: 'waiting', reason: 'unsupported_codec' });
    opening[0]?.({ lostPackets: 0, close: () => void (closed += 1) });
    await world.settle();
    expect(closed).toBe(1);
    const { captured } = world.subject.counters();
    send(told[0]);
    expect(world.subject.counters().captured).toBe(captured);
    const closing = world.subject.close();
    await closing;
  });

  test('connections without a picture do not reset the back-off, regardless of their duration', async () => {
    const world = capture();
    const waits: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      await world.settle();
      world.clock.advance(12_000);
      world.connections.at(-1)?.onEnd(new SourceError('timeout', 'no picture'));
      await world.settle();
      const state = world.states.at(-1);
      if (state?.state === 'waiting') waits.push(state.retryInMs);
      world.clock.advance(8000);
    }
    expect(waits).toEqual([1000, 2000, 4000]);
    await world.subject.close();
  });

  test.each([1_100, 1_900, 3_000])(
    'pictures that come %d ms late: stalled with the reason, then another connection',
    async (delayMs) => {
      const world = capture();
      await world.settle();
      world.unit();
      const report = (): void => {
        const now = world.clock.nowMs();
        world.connections.at(-1)?.onReport?.({ ptsMs: now + 1, wallMs: 1e9 + now, arrivedMs: now + 1, roundTripMs: 2 });
      };
      report();
      play(world, 1_000);
      expect(names(world.states)).toEqual(['connecting', 'live']);
      world.clock.advance(delayMs);
      // The silence before the first late picture counts.
      play(world, 1_500, { delayMs });
      const old = new RegExp(`^its pictures are ${(delayMs / 1000).toFixed(1)} s old when they come`);
      expect(world.states.at(-1)).toMatchObject({ state: 'stalled', message: expect.stringMatching(old) });
      play(world, 10_000, { delayMs });
      await world.settle();
      expect(world.states.at(-1)).toMatchObject({ state: 'waiting', reason: 'stalled' });
      // The next connection is no fresher, and its first report says so.
      world.clock.advance(1_000);
      await world.settle();
      world.unit({ delayMs });
      report();
      play(world, 4_000, { delayMs });
      await world.settle();
      expect(names(world.states).slice(-4)).toEqual(['waiting', 'connecting', 'live', 'stalled']);
      // One that keeps up ends it.
      world.unit();
      expect(world.states.at(-1)).toEqual({ state: 'live' });
    },
  );

  test('pictures that come late and wait for the decoder too: stalled when both together make them useless', async () => {
    const world = capture();
    await world.settle();
    const playHeld = async (ms: number, delayMs: number): Promise<void> => {
      for (let at = 0; at < ms; at += 100) {
        world.unit({ heldMs: 300, delayMs });
        // Of late pictures the newest is published when the loop turns.
        await world.settle();
        world.clock.advance(100);
      }
    };
    await playHeld(1_000, 0);
    world.clock.advance(650);
    await playHeld(3_000, 650);
    expect(names(world.states)).toEqual(['connecting', 'live']);
    world.clock.advance(100);
    await playHeld(4_000, 750);
    expect(world.states.at(-1)).toMatchObject({ message: expect.stringMatching(/^its pictures are 1\.\d s old/) });
    world.demand = false;
    await playHeld(500, 750);
    expect(world.states.at(-1)).toEqual({ state: 'live' });
    await world.subject.close();
  });

  test('silence that the source does not detect ends the connection too, with or without demand', async () => {
    const world = capture();
    world.demand = false;
    await world.settle();
    play(world, 1000);
    world.clock.advance(25_000);
    await world.settle();
    expect(world.states.at(-1)).toMatchObject({ state: 'waiting', reason: 'stalled' });
    await world.subject.close();
  });

  test('back-off doubles up to its cap; a long connection resets it', async () => {
    const world = capture();
    const waits: number[] = [];
    for (let n = 0; n < 6; n += 1) {
      await world.settle();
      if (n === 5) play(world, 11_000);
      world.connections.at(-1)?.onEnd(new SourceError('refused', 'no'));
      await world.settle();
      const state = world.states.at(-1);
      if (state?.state === 'waiting') waits.push(state.retryInMs);
      world.clock.advance(8000);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 8000, 1000]);
    await world.subject.close();
  });

  test('a wrong password causes long waits, because cameras lock out frequent attempts', async () => {
    const world = capture({ open: () => Promise.reject(new SourceError('unauthorized', 'no')) });
    await world.settle();
    const state = world.states.at(-1);
    expect(state?.state === 'waiting' && state.retryInMs > 10_000).toBe(true);
    await world.subject.close();
  });

  test.each<[SourceReason, string]>([
    ['ended', 'stopped'],
    ['corrupt', 'waiting'],
  ])('a file that ends with %s is %s', async (reason, state) => {
    let ended: SourceOptions['onEnd'] = () => undefined;
    const world = capture({
      open: (options) => {
        ended = options.onEnd;
        options.onFormat({ ...FORMAT, kind: 'file' });
        return Promise.resolve({ lostPackets: 0, close: () => undefined });
      },
    });
    await world.settle();
    ended(new SourceError(reason, 'clip.mp4: is over'));
    await world.settle();
    expect(world.states.at(-1)).toMatchObject({ state, reason, message: 'clip.mp4: is over' });
    await world.subject.close();
  });

  test('a picture larger than allowed is refused with both sizes', async () => {
    const decode = {
      mode: 'full',
      onLoss: 'wait',
      threads: 1,
      skipLoopFilter: false,
      hardware: 'none',
      maxPicture: { width: 4, height: 16 },
    } as const;
    const world = capture({ decode });
    await world.settle();
    world.unit();
    await world.settle();
    expect(world.states.at(-1)).toMatchObject({
      state: 'waiting',
      reason: 'unsupported_codec',
      message: expect.stringMatching(/8×8.*4×16/),
    });
    expect(world.pictures).toHaveLength(0);
    conserved(world);
    await world.subject.close();
  });
});

describe('which units are decoded', () => {
  test('keyframes only: the others are not wanted, and the interval is that of keyframes', async () => {
    const world = capture({ decode: { ...settings, mode: 'keyframes' } });
    await world.settle();
    for (let n = 0; n < 60; n += 1) play(world, 100, { keyframe: n % 20 === 0 });
    expect(world.subject.counters()).toMatchObject({ captured: 60, published: 3, noDemand: 57 });
    expect(world.subject.sourceIntervalMs).toBeCloseTo(2000, 5);
    expect(names(world.states)).toEqual(['connecting', 'live']);
    await world.subject.close();
  });

  test('missing hardware: one message, and the CPU decodes', async () => {
    const world = capture({ decode: { ...settings, mode: 'full', hardware: 'vaapi' } });
    await world.settle();
    play(world, 300);
    expect(world.pictures).toHaveLength(3);
    expect(world.subject.describe()?.decoder).toBe('software');
    expect(world.logged.map((r) => r.message)).toEqual([expect.stringMatching(/^vaapi .*; the CPU decodes$/)]);
    await world.subject.close();
  });
});

describe('taps', () => {
  test('receive the format and then all units, independently of the decoder', async () => {
    const world = capture();
    world.demand = false;
    await world.settle();
    const tap = world.subject.openTap({ maxBytes: 100_000 });
    play(world, 300);
    expect([tap.take()?.kind, tap.take()?.kind, tap.statistics().waiting]).toEqual(['format', 'video', 2]);
    await world.subject.close();
    expect(await tap.next()).toMatchObject({ kind: 'video' });
  });
});
