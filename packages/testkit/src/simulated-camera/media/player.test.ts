import { FakeClock } from '@vigia/base';
import { describe, expect, it } from 'vitest';
import { fakeClip } from '../../../test/clips.ts';
import { type Pacing, type PlayedUnit, Player } from './player.ts';
import { LoopTimeline } from './timeline.ts';

interface Rig {
  readonly clock: FakeClock;
  readonly player: Player;
  /** [ms since the start, RTP ticks] of each unit. */
  readonly sent: [number, number][];
}

function rig(pacing: Pacing, fps = 10, onUnit: (player: Player, unit: PlayedUnit) => void = () => {}): Rig {
  const clock = new FakeClock();
  const epochMs = clock.nowMs();
  const sent: [number, number][] = [];
  const timeline = new LoopTimeline(fakeClip(), fps);
  const player: Player = new Player({
    clock,
    timeline,
    pacing,
    epochMs,
    firstCounter: 0,
    onUnit: (unit) => {
      sent.push([clock.nowMs() - epochMs, unit.rtpTicks]);
      onUnit(player, unit);
    },
  });
  return { clock, player, sent };
}

describe('Player in real time', () => {
  it('sends the first unit at once and each further one when it is due', () => {
    const { clock, player, sent } = rig('real-time');
    player.start();
    clock.advance(250);
    expect(sent).toEqual([
      [0, 0],
      [100, 9000],
      [200, 18_000],
    ]);
  });

  it('is less than a millisecond late after an hour, and never early', () => {
    const { clock, player, sent } = rig('real-time', 29.97);
    player.start();
    clock.advance(3_600_000);
    const late = sent.map(([ms, ticks]) => ms - ticks / 90);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(-0.01);
    expect(Math.max(...late)).toBeLessThanOrEqual(1.01);
    expect(sent.length).toBe(Math.floor(29.97 * 3600) + 1);
  });

  it('goes on after a freeze with the next unit, later by the freeze', () => {
    const { clock, player, sent } = rig('real-time');
    player.start();
    clock.advance(150);
    player.freeze();
    player.freeze();
    clock.advance(1000);
    player.resume();
    player.resume();
    clock.advance(100);
    expect(sent).toEqual([
      [0, 0],
      [100, 9000],
      [1200, 108_000],
    ]);
    expect(player.nowRtpTicks).toBe(1250 * 90);
  });

  it('can be stopped from within its callback, and leaves no timer', () => {
    const { clock, player, sent } = rig('real-time', 10, (self, unit) => unit.counter === 2 && self.stop());
    player.start();
    clock.advance(1000);
    expect([sent.length, clock.pendingTimers]).toEqual([3, 0]);
    player.start();
    player.resume();
    player.stop();
    expect([sent.length, clock.pendingTimers]).toEqual([3, 0]);
  });
});

describe('Player in lock-step', () => {
  it('sends one unit per step with the time that has passed, always later', () => {
    const { clock, player, sent } = rig('lock-step-elapsed');
    player.start();
    player.step();
    player.step();
    clock.advance(5000);
    player.step();
    expect(sent).toEqual([
      [0, 0],
      [0, 1],
      [5000, 450_000],
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes the times of the clip when configured, and has no present time then', () => {
    const { clock, player, sent } = rig('lock-step-clip');
    player.start();
    player.step();
    clock.advance(5000);
    player.step();
    expect(sent.map(([, ticks]) => ticks)).toEqual([0, 9000]);
    expect(player.nowRtpTicks).toBeUndefined();
  });

  it('does not step when frozen, stopped or not started', () => {
    const { player, sent } = rig('lock-step-clip');
    player.step();
    player.start();
    player.freeze();
    player.step();
    player.resume();
    player.step();
    player.stop();
    player.step();
    expect(sent.length).toBe(1);
  });
});
