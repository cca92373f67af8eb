import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type FromWorker, PIXEL_FORMATS } from '@vigia/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import { dataFrame, TestSegment } from './support/frames.ts';
import { ProcessHost, type StartOptions } from './support/process-host.ts';
import { ThreadHost } from './support/thread-host.ts';

const example = (name: string): string => fileURLToPath(new URL(`../../../examples/workers/${name}`, import.meta.url));
const grey = { format: 'GRAY8', width: 40, height: 20 } as const;
const path = `/dev/shm/vigia_test_${process.pid}_examples`;
const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: StartOptions): Promise<ProcessHost> {
  const host = new ProcessHost(process.execPath, [example('brightness.mjs')], options);
  closers.push(() => void host.child.kill('SIGKILL'));
  expect(await host.next()).toEqual({ type: 'ready', protocol: 1, name: 'brightness' });
  return host;
}

/** The answer to a picture whose bytes all have one value. */
function expected(seq: number, value: number): object {
  const brightness = expect.closeTo(value / 255, 12) as number;
  const bright = { class_id: 0, class_name: 'bright', confidence: brightness, bbox: [0, 0, 1, 1] };
  return { type: 'result', seq, detections: value > 127 ? [bright] : [], data: { brightness } };
}

test('the worker without an SDK is shorter than 120 lines, and needs what perl-base has', () => {
  const text = readFileSync(example('bright.pl'), 'utf8');
  expect(text.trimEnd().split('\n').length).toBeLessThan(120);
  expect([...text.matchAll(/^use (\w+)/gm)].map(([, name]) => name)).toEqual(['strict', 'warnings', 'Fcntl']);
});

describe('brightness.mjs', () => {
  test('on standard input: dark and bright, in every format', async () => {
    const host = await start({ input: 'RGB24 40x20' });
    let seq = 0;
    for (const format of PIXEL_FORMATS)
      for (const value of [0, 127, 128, 255]) {
        seq += 1;
        expect(await host.answer(dataFrame(seq, { ...grey, format }, value))).toEqual(expected(seq, value));
      }
    const jpeg = { ...dataFrame(seq + 1, grey, 1), format: 'JPEG', data: Uint8Array.of(255, 216) };
    expect(await host.answer(jpeg)).toMatchObject({ seq: seq + 1, error: { code: 'unsupported_format' } });
    host.send({ type: 'stop' });
    const theEnd = { type: 'log', level: 'info', message: 'brightness: the end' };
    expect([await host.next(), await host.end(), host.stderr]).toEqual([theEnd, 0, '']);
  });

  test('of NV12 the colours do not count, nor what lies between lines', async () => {
    const host = await start({ transport: 'shm', input: 'NV12 40x20' });
    const segment = new TestSegment(path, { ...grey, format: 'NV12' });
    closers.push(() => segment.writer.close());
    const frame = segment.frame(1, 255);
    // The left half of each line of the first plane is the frame.
    for (let y = 0; y < 20; y += 1) segment.writer.view(1).fill(0, y * 40, y * 40 + 20);
    expect(await host.answer({ ...frame, width: 20 })).toEqual(expected(1, 0));
  });

  test('in a thread of its host', async () => {
    const host = new ThreadHost(example('brightness.mjs'));
    closers.push(() => host.close());
    await host.until(1);
    host.seat();
    const said: FromWorker[] = host.heard;
    host.publish(10);
    await host.until(2);
    host.publish(200);
    await host.until(3);
    expect(said.slice(1)).toEqual([expected(1, 10), expected(2, 200)]);
    host.post({ type: 'stop' });
    expect(await host.exited).toBe(0);
  });
});
