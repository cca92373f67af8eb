import type { SlaClass } from '@vigia/contracts';
import { expect, test } from 'vitest';
import type { WorkerConsumerSetup } from '#core/camera-link';
import { type WorkerLook, WorkerVitals } from './worker-vitals.ts';

const HANG_MS = 10_000;

/** Looks at a worker's vitals twice a second. */
class Stage {
  readonly vitals: WorkerVitals;
  nowMs = 1_000_000;

  constructor(sla: SlaClass = 'normal') {
    this.vitals = new WorkerVitals({ sla, worker: { hangTimeoutMs: HANG_MS } } as unknown as WorkerConsumerSetup);
    this.vitals.ready(this.nowMs);
  }

  /** @returns a word for what the look shows. */
  look(look: Partial<WorkerLook> = {}): string {
    const full = { frameOut: false, waitingMs: 0, intervalMs: 100, breach: null, ...look };
    this.vitals.observe(full, this.nowMs);
    const found = this.vitals.diagnose(full, this.nowMs);
    if (!found) return 'nothing';
    return found.kind === 'health' ? [found.state, found.reason?.code].join(' ').trim() : found.reason.code;
  }

  /** Time passes, with looks or without. @returns what the last look shows. */
  pass(ms: number, look: Partial<WorkerLook> = {}): string {
    for (let t = 0; t < ms; t += 500) {
      this.nowMs += 500;
      this.look(look);
    }
    return this.look(look);
  }

  standStill(ms: number): void {
    this.nowMs += ms;
  }
}

test('without frames a worker is idle after 10 s, counted from its start or its last answer', () => {
  const stage = new Stage();
  expect([stage.pass(9_500), stage.pass(500)]).toEqual(['nothing', 'idle no_frames']);
  stage.vitals.answered(stage.nowMs);
  expect([stage.pass(9_500), stage.pass(500)]).toEqual(['running', 'idle no_frames']);
});

test.each(['ready', 'answered'] as const)('a standstill does not count as time without frames (%s)', (sign) => {
  const stage = new Stage();
  stage.vitals[sign](stage.nowMs);
  stage.pass(5_000);
  stage.standStill(600_000);
  expect(stage.pass(5_000)).not.toBe('idle no_frames');
  expect(stage.pass(500)).toBe('idle no_frames');
});

test('suspended time is excused for the current frame only', () => {
  const stage = new Stage('critical');
  stage.pass(1_000, { waitingMs: 500 });
  stage.standStill(60_000);
  // 60 s of these are excused.
  expect(stage.look({ waitingMs: 61_000 })).toBe('nothing');
  stage.pass(500, { waitingMs: 100 });
  expect(stage.look({ waitingMs: 30_000 })).toBe('idle');
});

test('a new process is running after its first answer', () => {
  const stage = new Stage();
  stage.vitals.answered(stage.nowMs);
  expect(stage.pass(500)).toBe('running');
  stage.vitals.ready(stage.nowMs);
  expect(stage.pass(500)).toBe('nothing');
});

test('a worker hangs when it gives no sign of life with a frame in flight; without one it need not', () => {
  const stage = new Stage();
  const out = { frameOut: true, waitingMs: 500 };
  expect([stage.pass(HANG_MS - 500, out), stage.pass(500, { waitingMs: 500 })]).toEqual(['nothing', 'nothing']);
  expect(stage.look(out)).toBe('hung');
  stage.vitals.sign(stage.nowMs);
  expect(stage.look(out)).toBe('nothing');
});
