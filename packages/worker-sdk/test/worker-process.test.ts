import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { dataFrame } from './support/frames.ts';
import { ProcessHost, type StartOptions } from './support/process-host.ts';

const agent = fileURLToPath(new URL('agents/worker.mjs', import.meta.url));
const grey = { format: 'GRAY8', width: 4, height: 2 } as const;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A worker that is ready. */
async function start(task: string, options: StartOptions = {}): Promise<ProcessHost> {
  const host = new ProcessHost(process.execPath, [agent], { ...options, options: { task, ...options.options } });
  closers.push(() => host.child.kill('SIGKILL'));
  expect(await host.next()).toMatchObject({ type: 'ready', protocol: 1 });
  return host;
}

async function stop(host: ProcessHost): Promise<void> {
  expect(await host.answer({ type: 'stop' })).toEqual({ type: 'log', level: 'info', message: 'the end' });
  expect(await host.next()).toBeUndefined();
  expect([await host.end(), host.stderr]).toEqual([0, '']);
}

describe('a frame', () => {
  test('arrives with all that is known of it', async () => {
    const host = await start('sum');
    const about = {
      sum: 56,
      camera: 'hall',
      at: '2026-01-01T00:00:00.123Z',
      pts_us: 40_000,
      size: [4, 2, 'GRAY8', [{ offset: 0, stride: 4 }]],
      aged: true,
      whole: true,
      input: { format: 'GRAY8', width: 4, height: 2 },
    };
    expect(await host.answer(dataFrame(1, grey, 7))).toEqual({ type: 'result', seq: 1, data: about });
    await stop(host);
  });
});

describe('answers', () => {
  test('what the worker wants is what it asked for', async () => {
    const frames = { name: 'a name', format: 'RGB24', width: 64 };
    const host = new ProcessHost(process.execPath, [agent], { options: { task: 'sum', frames } });
    closers.push(() => host.child.kill('SIGKILL'));
    const wants = { format: 'RGB24', width: 64 };
    expect(await host.next()).toEqual({ type: 'ready', protocol: 1, name: 'a name', wants });
  });

  test('what is printed goes to the log, and what is meant for the host to the host', async () => {
    const host = await start('print');
    expect(await host.answer(dataFrame(1, grey, 7))).toEqual({ type: 'log', level: 'warn', message: 'a line' });
    expect(await host.next()).toEqual({ type: 'heartbeat' });
    expect(await host.next()).toEqual({ type: 'result', seq: 1 });
    host.send({ type: 'stop' });
    expect(await host.end()).toBe(0);
    expect(host.stderr).toBe('console.log 1\nprocess.stdout\nconsole.error\n');
  });

  test('a loop of log lines and heartbeats is no flood', async () => {
    const host = await start('talk');
    const beganMs = performance.now();
    host.send(dataFrame(1, grey, 7));
    const lines: string[] = [];
    let heartbeats = 0;
    for (let said = await host.next(); said && said.type !== 'result'; said = await host.next()) {
      if (said.type === 'log') lines.push(said.message);
      if (said.type === 'heartbeat') heartbeats += 1;
    }
    const tookMs = performance.now() - beganMs;
    expect(lines.slice(0, 200)).toEqual(Array.from({ length: 200 }, (_, i) => String(i)));
    expect(lines.length).toBeLessThanOrEqual(200 * (1 + Math.floor(tookMs / 1_000)));
    expect(heartbeats).toBeGreaterThanOrEqual(1);
    expect(heartbeats).toBeLessThanOrEqual(1 + tookMs / 50);
  });

  test('a frame that was forgotten is answered when the next one is asked for', async () => {
    const host = await start('forget');
    expect(await host.answer(dataFrame(1, grey, 7))).toMatchObject({ seq: 1, error: { code: 'no_result' } });
    expect(await host.answer(dataFrame(2, grey, 7))).toEqual({ type: 'result', seq: 2 });
    await stop(host);
  });

  test('a second answer is not sent', async () => {
    const host = await start('twice');
    expect(await host.answer(dataFrame(1, grey, 7))).toEqual({ type: 'result', seq: 1 });
    expect(await host.next()).toEqual({ type: 'log', level: 'error', message: 'frame_answered' });
    await stop(host);
  });

  test('a result that the host would refuse is refused in the worker', async () => {
    const host = await start('outside');
    const message = expect.stringContaining('detections.0.confidence') as string;
    expect(await host.answer(dataFrame(1, grey, 7))).toMatchObject({ seq: 1, error: { code: 'bad_result', message } });
    await stop(host);
  });

  test('there is one loop over the frames', async () => {
    const host = await start('again');
    expect(await host.answer(dataFrame(1, grey, 7))).toMatchObject({ seq: 1, error: { code: 'frames_taken' } });
    await stop(host);
  });
});

describe('the end', () => {
  test('of a host that reads nothing any more is no crash', async () => {
    const host = await start('chatter');
    for (const stream of [host.child.stdout, host.child.stderr]) stream.destroy();
    host.send(dataFrame(1, grey, 7));
    host.send(dataFrame(2, grey, 7));
    host.child.stdin.end();
    const [code] = (await once(host.child, 'exit')) as [number | null];
    expect(code).toBe(0);
  });

  test.each([
    ['text', Buffer.from('hello, worker\n'), 'frame_too_large'],
    ['no MessagePack', Buffer.of(0, 0, 0, 1, 0xc1), 'bad_message'],
  ])('of a host that speaks something else (%s) is an error with a sentence', async (_what, bytes, code) => {
    const host = await start('sum');
    host.child.stdin.write(bytes);
    expect(await host.end()).toBe(1);
    expect(host.stderr).toContain(code);
  });
});
