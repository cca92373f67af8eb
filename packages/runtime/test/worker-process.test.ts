import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, createLog } from '@vigia/base';
import { WorkerProcess } from '@vigia/runtime/dist/services/workers/worker-process.js';
import { afterAll, expect, test, vi } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'vigia-worker-process-'));
const workers: WorkerProcess[] = [];
afterAll(() => {
  for (const worker of workers) worker.kill();
  rmSync(dir, { recursive: true });
});

/** A clock by which everything takes 100 ms, and whose timers run when the test says so. */
class SlowClock implements Clock {
  readonly timers: { readonly ms: number; readonly fn: () => void }[] = [];
  #nowMs = 0;

  nowMs(): number {
    this.#nowMs += 100;
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  after(ms: number, fn: () => void): { cancel: () => void } {
    this.timers.push({ ms, fn });
    return { cancel: () => undefined };
  }
}

/** Heartbeats, one after the other: a map of one entry, `type`. Each is written to standard error too. */
const BEATS = `$| = 1; while (1) { print "\\0\\0\\0\\x10\\x81\\xa4type\\xa9heartbeat"; print STDERR "beat\\n"; select undef, undef, undef, 0.02 }`;

test('who is much work to listen to is listened to for a part of each second', async () => {
  const clock = new SlowClock();
  let heard = 0;
  let said = 0;
  const setup = {
    id: 'c',
    sla: 'normal',
    worker: {
      id: 'w',
      program: { command: ['perl', '-e', BEATS], dir: undefined },
      transport: 'stdin',
      withheld: [],
      env: {},
      options: {},
      jpeg: false,
      cpu: { nice: 0, cpus: undefined },
    },
    input: { format: 'GRAY8', width: 4, height: 2 },
  } as unknown as ConstructorParameters<typeof WorkerProcess>[0];
  const events = {
    onMessage: () => void (heard += 1),
    onProtocolError: (message: string) => expect.fail(message),
    onInputClosed: () => undefined,
    onLine: () => void (said += 1),
    onExit: () => undefined,
  };
  const place = { node: 'n', boot: 'b', camera: 'hall', runDir: dir };
  workers.push(
    new WorkerProcess(
      setup,
      place,
      clock,
      createLog('w', () => undefined),
      events,
    ),
  );
  const timersBefore = clock.timers.length;
  await vi.waitFor(() => expect(clock.timers.length).toBeGreaterThan(timersBefore), { timeout: 20_000 });
  const first = heard;
  expect(first).toBeGreaterThan(0);
  // It goes on, and is not heard.
  const lines = said;
  await vi.waitFor(() => expect(said).toBeGreaterThan(lines + 10), { timeout: 20_000 });
  expect(heard).toBe(first);
  // The second is over.
  clock.timers.at(-1)?.fn();
  await vi.waitFor(() => expect(heard).toBeGreaterThan(first), { timeout: 20_000 });
});
