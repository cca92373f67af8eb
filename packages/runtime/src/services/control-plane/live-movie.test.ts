import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { FakeClock } from '@vigia/base';
import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { Pace, serveMovie } from './live-movie.ts';

test.each(['before the upgrade', 'after it'])('a movie that ends %s ends its viewer', async (when) => {
  const response = new PassThrough();
  const codes: number[] = [];
  const socket = Object.assign(new EventEmitter(), { close: (code: number) => codes.push(code) });
  const end = async (): Promise<void> => {
    response.destroy();
    await once(response, 'close');
  };
  if (when === 'before the upgrade') await end();
  serveMovie(socket as unknown as WebSocket, response as unknown as IncomingMessage, new FakeClock());
  if (when === 'after it') await end();
  expect(codes).toEqual([1001]);
});

test('while a viewer confirms in time, every picture is sent', () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  for (let n = 1; n <= 100; n += 1) {
    expect(pace.admits(n % 50 === 1)).toBe(true);
    pace.sent();
    clock.advance(40);
    // It confirms what it had a second ago.
    if (n > 25) expect(pace.confirm(n - 25)).toBe(true);
  }
  expect([pace.takeLost(), pace.isStuck]).toEqual([0, false]);
});

test('a viewer who is late gets no picture before the next keyframe after it caught up, and hears how many', () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  const picture = (isKeyframe = false): boolean => {
    const admitted = pace.admits(isKeyframe);
    if (admitted) pace.sent();
    clock.advance(100);
    return admitted;
  };
  const admitted = [true, ...Array.from({ length: 19 }, () => false)].map((isKeyframe) => picture(isKeyframe));
  // The first one was sent 1.5 s before the seventeenth: that one is still in time.
  expect(admitted.indexOf(false)).toBe(16);
  // A keyframe does not help while it is late.
  expect(picture(true)).toBe(false);
  expect(pace.confirm(16)).toBe(true);
  expect(picture()).toBe(false);
  expect(picture(true)).toBe(true);
  expect([pace.takeLost(), pace.takeLost()]).toEqual([6, 0]);
  expect(picture()).toBe(true);
});

test('a viewer for whom megabytes wait gets no more before a keyframe', () => {
  const pace = new Pace(new FakeClock());
  expect([pace.admits(true, 6 * 1024 * 1024), pace.admits(false, 6 * 1024 * 1024 + 1)]).toEqual([true, false]);
  expect([pace.admits(false, 0), pace.admits(true, 0), pace.takeLost()]).toEqual([false, true, 2]);
});

test('what cannot be is not believed: fewer than before, or more than were sent', () => {
  const pace = new Pace(new FakeClock());
  for (let n = 0; n < 3; n += 1) pace.sent();
  expect([pace.confirm(4), pace.confirm(2), pace.confirm(1), pace.confirm(2), pace.confirm(3)]).toEqual([
    false,
    true,
    false,
    true,
    true,
  ]);
});

test('a viewer who confirms nothing for 30 s is stuck; one to whom nothing is sent is not', () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  clock.advance(60_000);
  expect(pace.isStuck).toBe(false);
  pace.sent();
  clock.advance(30_000);
  expect(pace.isStuck).toBe(false);
  clock.advance(1);
  expect(pace.isStuck).toBe(true);
});
