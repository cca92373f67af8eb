import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@vigia/base';
import { WorkerThread } from '@vigia/runtime/dist/services/workers/worker-thread.js';
import { afterAll, expect, test } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'vigia-worker-thread-'));
const threads: WorkerThread[] = [];
afterAll(async () => {
  for (const thread of threads) await thread.stop();
  rmSync(dir, { recursive: true });
});

/** Everything that is reported of a thread that runs this: its lines, and at the end the reason. */
function told(script: string): Promise<string[]> {
  const file = join(dir, 'worker.mjs');
  writeFileSync(file, script);
  const setup = {
    id: 'c',
    worker: {
      id: 'w',
      program: { module: file },
      transport: 'thread',
      withheld: [],
      env: {},
      options: {},
      jpeg: false,
    },
    input: { format: 'GRAY8', width: 4, height: 2 },
  } as unknown as ConstructorParameters<typeof WorkerThread>[0];
  const heard: string[] = [];
  return new Promise((resolve) => {
    const events = {
      onMessage: ({ type }: { readonly type: string }) => void heard.push(type),
      onProtocolError: () => undefined,
      onInputClosed: () => undefined,
      onLine: (line: string) => void heard.push(line),
      onExit: ({ message }: { readonly message: string }) => resolve([...heard, message]),
    };
    const thread = new WorkerThread(
      setup,
      { node: 'n', boot: 'b', camera: 'hall', runDir: dir },
      systemClock,
      events,
      () => undefined,
    );
    threads.push(thread);
  });
}

test('last words without an end of line are told before the exit, each stream’s for themselves', async () => {
  const script = `
process.stdout.write('out');
process.stderr.write('er');
await new Promise((resolve) => setImmediate(resolve));
process.stdout.write('put');
process.stderr.write('ror');
process.exit(3);`;
  expect(await told(script)).toEqual(['output', 'error', 'its thread ended with code 3']);
});

test('last words come before the error that a thread ends with', async () => {
  const [words, error, reason] = await told("process.stdout.write('last words'); throw new Error('boom');");
  expect([words, error?.split('\n')[0], reason]).toEqual(['last words', 'Error: boom', 'ended with an error: boom']);
});

test('messages that were posted right before the end are received', async () => {
  const script = `
import { workerData } from 'node:worker_threads';
for (let i = 0; i < 50; i += 1) workerData.vigiaWorker.port.postMessage({ type: 'heartbeat' });
process.exit(0);`;
  const heartbeats = Array.from({ length: 50 }, () => 'heartbeat');
  for (let i = 0; i < 10; i += 1) {
    const all = told(script);
    // The thread comes to its end while its host is busy: messages and end are there at once.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    expect(await all).toEqual([...heartbeats, 'its thread ended with code 0']);
  }
});
