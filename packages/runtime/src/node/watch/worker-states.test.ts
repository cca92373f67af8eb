import { FakeClock } from '@vigia/base';
import type { WorkerState, WorkerStateMessage } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { WorkerStates } from './worker-states.ts';

const WITHIN_MS = 30_000;

function message(state: WorkerState, more: Partial<WorkerStateMessage> = {}): WorkerStateMessage {
  const subject = { camera: 'hall', consumer: 'flow', worker: 'flow', sla: 'critical' } as const;
  return { ...subject, state, reason: null, message: null, alarm: false, at: '2026-11-22T00:00:00.000Z', ...more };
}

class Stage {
  readonly clock = new FakeClock();
  readonly states = new WorkerStates(this.clock);
  /** The outcome for the caller that waits for hall/flow. */
  outcome = 'waits';

  wait(): this {
    this.outcome = 'waits';
    this.states.ready('hall', 'flow', WITHIN_MS).then(
      () => {
        this.outcome = 'ready';
      },
      (error: Error) => {
        this.outcome = error.message;
      },
    );
    return this;
  }

  async tell(...states: WorkerStateMessage[]): Promise<string> {
    for (const state of states) this.states.told(state);
    await Promise.resolve();
    await Promise.resolve();
    return this.outcome;
  }
}

describe('waiting for a restarted worker', () => {
  test('resolves when it is ready, regardless of states of its predecessor', async () => {
    const stage = new Stage().wait();
    expect(await stage.tell(message('running'), message('restarting'))).toBe('waits');
    expect(await stage.tell(message('starting'))).toBe('waits');
    expect(await stage.tell(message('ready'))).toBe('ready');
    expect(stage.clock.pendingTimers).toBe(0);
  });

  test.each(['restarting', 'failed'] as const)('hears why it is not (%s)', async (state) => {
    const stage = new Stage().wait();
    const told = await stage.tell(message('starting'), message(state, { message: 'exited with code 3' }));
    expect(told).toBe('hall/flow: worker flow did not become ready: it exited with code 3');
  });

  test('goes on when somebody else asks for a restart too', async () => {
    const stage = new Stage().wait();
    const asked = message('restarting', { reason: 'asked', message: 'was asked to start again' });
    expect(await stage.tell(asked, message('starting'), asked, message('starting'))).toBe('waits');
    expect(await stage.tell(message('ready'))).toBe('ready');
  });

  test('rejects when its camera’s process died, it was removed, or it takes too long', async () => {
    const stage = new Stage().wait();
    await stage.tell(message('starting'));
    expect(await stage.tell(...stage.states.cameraGone('hall'))).toBe('hall/flow: ended with its camera’s process');
    stage.wait();
    stage.states.keepOnly([]);
    expect(await stage.tell()).toBe('hall/flow: it was taken out of the configuration');
    stage.wait();
    stage.clock.advance(WITHIN_MS);
    expect(await stage.tell()).toBe('hall/flow: is not ready after 30 s, and goes on trying');
    // No caller waits any more.
    expect(await stage.tell(message('starting'), message('ready'))).toContain('is not ready');
  });

  test('ignores other workers', async () => {
    const stage = new Stage().wait();
    const other = { consumer: 'other' };
    expect(await stage.tell(message('starting', other), message('ready', other))).toBe('waits');
  });
});

test('alarms are those of failed critical workers, until a new state arrives or they are forgotten', () => {
  const { states } = new Stage();
  states.told(message('failed', { alarm: true, message: 'exited with code 1' }));
  states.told(message('failed', { consumer: 'other' }));
  expect(states.alarms).toEqual([
    {
      code: 'worker_failed',
      camera: 'hall',
      consumer: 'flow',
      message: 'hall/flow: critical worker flow has failed: it exited with code 1',
    },
  ]);
  expect(states.keepOnly([['hall', 'flow']]).map(({ consumer }) => consumer)).toEqual(['other']);
  expect(states.alarms).toHaveLength(1);
  const gone = states.cameraGone('hall');
  expect(gone).toMatchObject([{ state: 'stopped', reason: 'camera_gone', consumer: 'flow' }]);
  for (const state of gone) states.told(state);
  expect(states.alarms).toEqual([]);
  // Reported once.
  expect(states.cameraGone('hall')).toEqual([]);
});
