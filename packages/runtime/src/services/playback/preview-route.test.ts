import { mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, systemClock } from '@vigia/base';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { PREVIEW_TASK_LIMIT, type PreviewTask } from '#core/footage-link';
import { askSocket } from '../../../test/support/ask-socket.ts';
import { Recordings } from '../../../test/support/recordings.ts';
import { Playback } from './playback.ts';
import type { Preview } from './routes.ts';

const START = Date.parse('2026-11-23T10:00:00Z');
const view = new Recordings(mkdtempSync(join(tmpdir(), 'vigia-preview-')));
const socketPath = join(view.dir, 'playback.sock');
const task: PreviewTask = {
  camera: 'hall',
  rule: 'visits',
  fromMs: START,
  toMs: START + 2_000,
  aspect: 16 / 9,
  now: { visits: { from: 'people', watched: {}, zones: [] } },
  would: null,
};
let playback: Playback;
/** Replaced by each test. */
let preview: Preview;

beforeAll(async () => {
  view.all.set('hall', []);
  const file = join(view.dir, 'results');
  const line = (ms: number): string =>
    `${JSON.stringify({ camera: 'hall', captured_at: new Date(START + ms).toISOString() })}\n`;
  writeFileSync(file, [0, 1_000, 2_000, 3_000].map(line).join(''));
  view.results.set('hall', [file]);
  const log = createLog('footage', () => undefined);
  playback = await Playback.open({
    view,
    socketPath,
    clock: systemClock,
    log,
    nodeName: 'box',
    preview: (...asked) => preview(...asked),
  });
});
afterAll(async () => {
  await playback.close();
  view.close();
});
beforeEach(() => {
  preview = async (asked, results) => {
    const times: number[] = [];
    for await (const some of results) times.push(...some.map(({ atMs }) => atMs - START));
    return { rule: asked.rule, times };
  };
});

async function ask(
  body: unknown,
  path = '/hall/preview',
  method = 'POST',
): Promise<{ readonly status: number; readonly text: string; readonly headers: object }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const { status, body: bytes, headers } = await askSocket(socketPath, path, {}, method, text);
  return { status, text: bytes.toString(), headers };
}

test('the results of the range of a task are played, and the answer is sent', async () => {
  expect(await ask(task)).toMatchObject({ status: 200, text: '{"rule":"visits","times":[0,1000,2000]}\n' });
});

test('one at a time; who leaves ends it, and makes room for the next one', async () => {
  let begin: () => void;
  let end: (why: unknown) => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const ended = new Promise<unknown>((resolve) => (end = resolve));
  preview = (_task, _results, signal) => {
    begin();
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        end(signal.reason);
        reject(signal.reason as Error);
      });
    });
  };
  const asking = request({ socketPath, path: '/hall/preview', method: 'POST', agent: false });
  asking.on('error', () => undefined);
  asking.end(JSON.stringify(task));
  await begun;
  expect(await ask(task)).toMatchObject({
    status: 503,
    text: expect.stringContaining('"1 preview of rules is worked on already; ask again in a while"'),
    headers: { 'retry-after': '2' },
  });
  asking.destroy();
  expect(String(await ended)).toContain('the caller is gone');
  preview = () => Promise.resolve({ next: true });
  expect((await ask(task)).status).toBe(200);
});

test('refusals: no task, another camera, too much, another method, no footage of the camera', async () => {
  const sentence = 'the body: what is to be played of this camera is expected';
  expect(await ask({ ...task, aspect: 0 })).toMatchObject({ status: 400, text: expect.stringContaining(sentence) });
  expect(await ask({ ...task, camera: 'yard' })).toMatchObject({
    status: 400,
    text: expect.stringContaining(sentence),
  });
  expect((await ask('{')).text).toContain('the body: JSON is expected');
  expect((await ask(task, '/hall/preview?from=1')).status).toBe(400);
  expect((await ask('x'.repeat(PREVIEW_TASK_LIMIT + 1))).text).toContain('the body: at most 1048576 bytes are allowed');
  expect(await ask('', '/hall/preview', 'GET')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  expect((await ask(task, '/hall/clip.mp4')).status).toBe(405);
  expect((await ask({ ...task, camera: 'yard' }, '/yard/preview')).status).toBe(404);
});
