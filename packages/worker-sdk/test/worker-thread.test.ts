import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { ThreadHost } from './support/thread-host.ts';

const agent = fileURLToPath(new URL('agents/worker.mjs', import.meta.url));
/** A module in a temporary folder does not find it by name. */
const SDK = new URL('../dist/index.js', import.meta.url).href;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A worker that is ready and has its seat. */
async function start(task: string, options: object = {}): Promise<ThreadHost> {
  const host = new ThreadHost(agent, { options: { task, ...options } });
  closers.push(() => host.close());
  await host.until(1);
  host.seat();
  return host;
}

const theEnd = { type: 'log', level: 'info', message: 'the end' };

describe('a worker in a thread', () => {
  test('says what it wants, gets frames with all that is known of them, and ends at stop', async () => {
    const host = await start('sum', { frames: { format: 'GRAY8' } });
    expect(host.heard[0]).toEqual({ type: 'ready', protocol: 1, name: 'its-id', wants: { format: 'GRAY8' } });
    host.publish(7);
    await host.until(2);
    const about = {
      sum: 56,
      camera: 'hall',
      at: '1970-01-01T00:00:00.000Z',
      pts_us: 0,
      size: [4, 2, 'GRAY8', [{ offset: 0, stride: 4 }]],
      aged: true,
      whole: true,
      input: { format: 'GRAY8', width: 4, height: 2 },
    };
    expect(host.heard[1]).toMatchObject({ type: 'result', seq: 1, data: about });
    host.post({ type: 'stop' });
    expect(await host.exited).toBe(0);
    expect(host.heard.slice(2)).toEqual([theEnd]);
  });

  test('has answered whenever it is given another frame', async () => {
    const host = await start('sum');
    for (let i = 0; i < 200; i += 1) {
      host.publish(i % 256);
      await host.until(2 + i);
    }
    expect(host.resultsAtRender).toEqual(Array.from({ length: 200 }, (_, i) => i));
    const results = host.heard.slice(1);
    expect(results).toMatchObject(
      Array.from({ length: 200 }, (_, i) => ({ seq: i + 1, data: { sum: (i % 256) * 8, whole: true } })),
    );
  });

  test('answers for what it forgot, refuses a second answer, and what the host would refuse', async () => {
    const expected = {
      forget: [{ seq: 1, error: { code: 'no_result' } }],
      twice: [
        { type: 'result', seq: 1 },
        { type: 'log', message: 'frame_answered' },
      ],
      outside: [{ seq: 1, error: { code: 'bad_result' } }],
      again: [{ seq: 1, error: { code: 'frames_taken' } }],
    };
    for (const [task, said] of Object.entries(expected)) {
      const host = await start(task);
      host.publish(7);
      await host.until(1 + said.length);
      expect(host.heard.slice(1)).toMatchObject(said);
    }
  });

  test('may print: its host sees to where that goes', async () => {
    const host = await start('print');
    host.publish(7);
    await host.until(4);
    expect(host.heard.slice(1).map(({ type }) => type)).toEqual(['log', 'heartbeat', 'result']);
  });
});

describe('the end of a worker in a thread', () => {
  test('at stop comes after the answer to the frame that it holds, which stays whole', async () => {
    const host = await start('hold');
    host.publish(7);
    await host.until(2);
    host.post({ type: 'stop' });
    expect(await host.exited).toBe(0);
    expect(host.heard.slice(2)).toMatchObject([{ type: 'result', seq: 1, data: { sum: 56, whole: true } }, theEnd]);
    // The supplier notices that the seat is free a moment after the thread has ended.
    await expect.poll(() => host.report(), { timeout: 20_000 }).toBeUndefined();
  });

  test('comes when there is no seat yet, too', async () => {
    const host = new ThreadHost(agent, { options: { task: 'sum' } });
    closers.push(() => host.close());
    host.post({ type: 'stop' });
    expect(await host.exited).toBe(0);
    expect(host.heard.slice(1)).toEqual([theEnd]);
  });

  test('comes after its last words, though no line ends there', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'vigia-last-words-'));
    closers.push(() => Promise.resolve(rmSync(dir, { recursive: true })));
    const file = join(dir, 'worker.mjs');
    const words = "process.stdout.write('out'); process.stderr.write('last words'); process.exit(3);";
    writeFileSync(file, `import { frames } from '${SDK}';\nfor await (const _ of frames()) break;\n${words}\n`);
    const host = new ThreadHost(file);
    closers.push(() => host.close());
    const printed = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      host.worker[name].on('data', (chunk: Buffer) => (printed[name] += chunk.toString()));
    await host.until(1);
    host.seat();
    host.publish(7);
    expect([await host.exited, printed]).toEqual([3, { stdout: 'out', stderr: 'last words' }]);
  });

  test('comes with the end of its supplier', async () => {
    const host = await start('sum');
    host.publish(7);
    await host.until(2);
    host.supplier.stop();
    expect(await host.exited).toBe(0);
    expect(host.heard.at(-1)).toEqual(theEnd);
  });
});
