import { FakeClock } from '@vigia/base';
import type { SlaClass } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import type { RestartPolicy } from '#core/camera-link';
import { type EndReason, Lifecycle, type LifecycleState } from './lifecycle.ts';

/** The policies of WL4, as the plan fills them in. */
const POLICIES: Readonly<Record<SlaClass, RestartPolicy>> = {
  critical: { delaysMs: [1_000, 2_000, 4_000], unlimited: false, probeMs: 60_000 },
  high: { delaysMs: [1_000, 2_000], unlimited: false, probeMs: undefined },
  normal: { delaysMs: [1_000], unlimited: false, probeMs: undefined },
  'best-effort': { delaysMs: [], unlimited: false, probeMs: undefined },
};
const CRASH: EndReason = { code: 'exited', message: 'exited with code 1' };

/** A lifecycle and a worker that does what the test says. */
class Stage {
  readonly clock = new FakeClock();
  readonly states: LifecycleState[] = [];
  readonly startsMs: number[] = [];
  readonly kills: string[] = [];
  readonly gentle: string[] = [];
  readonly lifecycle: Lifecycle;
  readonly #beganMs = this.clock.nowMs();

  constructor(sla: SlaClass, policy: RestartPolicy = POLICIES[sla]) {
    this.lifecycle = new Lifecycle({
      clock: this.clock,
      sla,
      policy,
      startTimeoutMs: 30_000,
      start: () => this.startsMs.push(this.clock.nowMs() - this.#beganMs),
      kill: (reason, gently) => (gently ? this.gentle : this.kills).push(reason.code),
      onState: (state) => this.states.push(state),
    });
    this.lifecycle.start();
  }

  get names(): string[] {
    return this.states.map((s) => s.state);
  }

  /** Ready, then gone at once. */
  crash(): void {
    this.lifecycle.ready();
    this.lifecycle.exited(CRASH);
  }
}

describe('policies of WL4', () => {
  test.each([
    ['critical', [0, 1_000, 3_000, 7_000]],
    ['high', [0, 1_000, 3_000]],
    ['normal', [0, 1_000]],
    ['best-effort', [0]],
  ] as const)('%s: starts at %j ms, then failed', (sla, startsMs) => {
    const stage = new Stage(sla);
    for (let death = 0; death < startsMs.length; death += 1) {
      stage.crash();
      if (death === startsMs.length - 1) break;
      expect(stage.lifecycle.current.state).toBe('restarting');
      const waitMs = (startsMs[death + 1] ?? 0) - (startsMs[death] ?? 0);
      stage.clock.advance(waitMs - 1);
      expect(stage.startsMs).toHaveLength(death + 1);
      stage.clock.advance(1);
      expect(stage.startsMs).toHaveLength(death + 2);
    }
    expect(stage.startsMs).toEqual(startsMs);
    expect(stage.lifecycle.current).toEqual({ state: 'failed', reason: CRASH, alarm: sla === 'critical' });
    expect(stage.lifecycle.restarts).toBe(startsMs.length - 1);
    // Only a critical worker is tried again.
    stage.clock.advance(3_600_000);
    expect(stage.startsMs.length > startsMs.length).toBe(sla === 'critical');
  });

  test('a failed critical worker is tried every 60 s; it stays failed, and its alarm on, until it is ready', () => {
    const stage = new Stage('critical');
    for (const waitMs of [1_000, 2_000, 4_000, 0]) {
      stage.crash();
      stage.clock.advance(waitMs);
    }
    expect(stage.startsMs).toEqual([0, 1_000, 3_000, 7_000]);
    const told = stage.states.length;
    stage.clock.advance(59_999);
    expect(stage.startsMs).toHaveLength(4);
    stage.clock.advance(1);
    expect(stage.startsMs.at(-1)).toBe(67_000);
    expect(stage.lifecycle.current).toMatchObject({ state: 'failed', alarm: true });
    // The probe dies: still failed, reported once, and tried again after another 60 s.
    stage.lifecycle.exited(CRASH);
    stage.clock.advance(60_000);
    expect(stage.startsMs.at(-1)).toBe(127_000);
    expect(stage.states).toHaveLength(told);
    stage.lifecycle.ready();
    expect(stage.lifecycle.current).toEqual({ state: 'ready', reason: null, alarm: false });
    // It has no budget: the next death is a failure again.
    stage.lifecycle.exited(CRASH);
    expect(stage.lifecycle.current).toMatchObject({ state: 'failed', alarm: true });
  });

  test('60 healthy seconds refill the budget, 59.999 do not', () => {
    const stage = new Stage('normal');
    stage.crash();
    stage.clock.advance(1_000);
    stage.lifecycle.ready();
    expect(stage.lifecycle.budget).toMatchObject({ used: 1, allowed: 1 });
    stage.clock.advance(60_000);
    expect(stage.lifecycle.budget.used).toBe(0);
    stage.lifecycle.exited(CRASH);
    expect(stage.lifecycle.current.state).toBe('restarting');
    stage.clock.advance(1_000);
    stage.lifecycle.ready();
    stage.clock.advance(59_999);
    stage.lifecycle.exited(CRASH);
    expect(stage.lifecycle.current.state).toBe('failed');
  });

  test('a refilled budget begins with the first wait: critical waits 1 s again', () => {
    const stage = new Stage('critical');
    stage.crash();
    stage.clock.advance(1_000);
    stage.crash();
    stage.clock.advance(2_000);
    stage.lifecycle.ready();
    stage.clock.advance(60_000);
    stage.lifecycle.exited(CRASH);
    const before = stage.startsMs.length;
    stage.clock.advance(1_000);
    expect(stage.startsMs).toHaveLength(before + 1);
  });

  test('unlimited: the last wait is repeated for ever', () => {
    const stage = new Stage('high', { delaysMs: [100, 200], unlimited: true, probeMs: undefined });
    for (let death = 0; death < 50; death += 1) {
      stage.crash();
      stage.clock.advance(death === 0 ? 100 : 200);
    }
    expect(stage.startsMs).toHaveLength(51);
    expect(stage.lifecycle.budget.allowed).toBeNull();
  });

  test.each([
    [[], 1_000],
    [[0], 100],
  ])('unlimited with the waits %j is no busy loop', (delaysMs, waitMs) => {
    const stage = new Stage('best-effort', { delaysMs, unlimited: true, probeMs: undefined });
    for (let death = 1; death < 5; death += 1) {
      stage.crash();
      stage.clock.advance(waitMs - 1);
      expect(stage.startsMs).toHaveLength(death);
      stage.clock.advance(1);
    }
  });
});

describe('lifecycle', () => {
  test('starting, ready, running, breaching, idle, running', () => {
    const stage = new Stage('high');
    const { lifecycle } = stage;
    expect(lifecycle.up).toBe(false);
    lifecycle.health('running', null);
    lifecycle.ready();
    lifecycle.health('running', null);
    lifecycle.health('breaching', { code: 'sla', message: 'm' });
    lifecycle.health('breaching', { code: 'sla', message: 'm' });
    lifecycle.health('idle', { code: 'no_frames', message: 'm' });
    lifecycle.health('running', null);
    expect(lifecycle.up).toBe(true);
    // Where it begins, then only changes, each once.
    expect(stage.names).toEqual(['starting', 'ready', 'running', 'breaching', 'idle', 'running']);
  });

  test('not ready in time: killed, restarted for that reason; a heartbeat restarts the timeout', () => {
    const stage = new Stage('normal');
    stage.clock.advance(29_000);
    stage.lifecycle.heartbeat();
    stage.clock.advance(29_999);
    expect(stage.kills).toEqual([]);
    stage.clock.advance(1);
    expect(stage.kills).toEqual(['not_ready']);
    stage.lifecycle.exited({ code: 'signalled', message: 'was ended by SIGKILL' });
    expect(stage.lifecycle.current).toMatchObject({ state: 'restarting', reason: { code: 'not_ready' } });
  });

  test('a worker that is being killed is not up, is killed once, and ends with the reason for the kill', () => {
    const stage = new Stage('normal');
    stage.lifecycle.ready();
    stage.lifecycle.fail({ code: 'hung', message: 'h' });
    stage.lifecycle.fail({ code: 'protocol_error', message: 'p' });
    stage.lifecycle.health('running', null);
    expect(stage.lifecycle.up).toBe(false);
    expect(stage.kills).toEqual(['hung']);
    stage.lifecycle.exited({ code: 'signalled', message: 'was ended by SIGKILL' });
    expect(stage.lifecycle.current.reason?.code).toBe('hung');
    // The next one is judged for itself.
    stage.clock.advance(1_000);
    stage.crash();
    expect(stage.lifecycle.current.reason).toEqual(CRASH);
  });

  test('stop ends every wait; nothing is started afterwards, and no timer is left', () => {
    for (const bring of [
      () => undefined,
      (s: Stage) => s.lifecycle.ready(),
      (s: Stage) => s.crash(),
      (s: Stage) => [1, 2, 3, 4].forEach(() => (s.crash(), s.clock.advance(4_000))),
    ]) {
      const stage = new Stage('critical');
      bring(stage);
      const starts = stage.startsMs.length;
      stage.lifecycle.stop();
      stage.lifecycle.stop();
      stage.lifecycle.exited(CRASH);
      stage.clock.advance(1_000_000);
      expect(stage.startsMs).toHaveLength(starts);
      expect(stage.lifecycle.current.state).toBe('stopped');
      expect(stage.clock.pendingTimers).toBe(0);
    }
  });
});

describe('a requested restart', () => {
  const ASKED: EndReason = { code: 'asked', message: 'was asked to start again' };

  test('of a worker that is up: asked to end, then started at once with its whole budget', () => {
    const stage = new Stage('normal');
    stage.crash();
    stage.clock.advance(1_000);
    stage.lifecycle.ready();
    expect(stage.lifecycle.budget.used).toBe(1);
    stage.lifecycle.restart(ASKED);
    expect([stage.gentle, stage.kills]).toEqual([['asked'], []]);
    expect(stage.lifecycle.up).toBe(false);
    stage.lifecycle.exited({ code: 'exited', message: 'exited with code 0' });
    expect(stage.states.slice(-2)).toEqual([
      { state: 'restarting', reason: ASKED, alarm: false },
      { state: 'starting', reason: ASKED, alarm: false },
    ]);
    expect(stage.startsMs).toEqual([0, 1_000, 1_000]);
    stage.lifecycle.ready();
    expect(stage.lifecycle.budget).toMatchObject({ used: 0, allowed: 1 });
    expect(stage.lifecycle.restarts).toBe(1);
    expect(stage.lifecycle.current).toEqual({ state: 'ready', reason: null, alarm: false });
  });

  test('of a worker that waits or has failed: started at once, without a further probe or wait', () => {
    const waiting = new Stage('critical');
    waiting.crash();
    waiting.clock.advance(400);
    waiting.lifecycle.restart(ASKED);
    expect(waiting.startsMs).toEqual([0, 400]);
    const failed = new Stage('critical', { delaysMs: [], unlimited: false, probeMs: 60_000 });
    failed.crash();
    expect(failed.lifecycle.current.alarm).toBe(true);
    failed.clock.advance(500);
    failed.lifecycle.restart(ASKED);
    expect(failed.lifecycle.current).toEqual({ state: 'starting', reason: ASKED, alarm: false });
    for (const stage of [waiting, failed]) {
      stage.lifecycle.ready();
      stage.clock.advance(200_000);
      expect(stage.startsMs).toHaveLength(2);
      expect(stage.clock.pendingTimers).toBe(0);
    }
    // It fails as loudly as before.
    failed.lifecycle.exited(CRASH);
    expect(failed.lifecycle.current).toEqual({ state: 'failed', reason: CRASH, alarm: true });
  });

  test('of a worker that is being killed or probed: started when it is gone', () => {
    const killed = new Stage('best-effort');
    killed.lifecycle.ready();
    killed.lifecycle.fail({ code: 'hung', message: 'gave no sign' });
    killed.lifecycle.restart(ASKED);
    expect([killed.kills, killed.gentle]).toEqual([['hung'], []]);
    killed.lifecycle.exited(CRASH);
    expect(killed.lifecycle.current.state).toBe('starting');
    const probed = new Stage('critical', { delaysMs: [], unlimited: false, probeMs: 60_000 });
    probed.crash();
    probed.clock.advance(60_000);
    probed.lifecycle.restart(ASKED);
    expect(probed.gentle).toEqual(['asked']);
    probed.lifecycle.exited(CRASH);
    expect(probed.lifecycle.current).toMatchObject({ state: 'starting', alarm: false });
  });

  test('after stop: no effect', () => {
    const stage = new Stage('high');
    stage.lifecycle.stop();
    stage.lifecycle.restart(ASKED);
    stage.clock.advance(10_000);
    expect([stage.startsMs, stage.gentle, stage.kills]).toEqual([[0], [], []]);
  });
});
