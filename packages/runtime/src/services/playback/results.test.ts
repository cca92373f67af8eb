import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, systemClock } from '@vigia/base';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RESULT_LINE_LIMIT } from '#core/footage';
import { askSocket } from '../../../test/support/ask-socket.ts';
import { Recordings } from '../../../test/support/recordings.ts';
import { Playback } from './playback.ts';
import { sendResults } from './results.ts';

const START = Date.parse('2026-11-23T10:00:00Z');
const view = new Recordings(mkdtempSync(join(tmpdir(), 'vigia-results-')));
const socketPath = join(view.dir, 'playback.sock');
let playback: Playback;

beforeAll(async () => {
  view.all.set('hall', []);
  const log = createLog('footage', () => undefined);
  playback = await Playback.open({ view, socketPath, clock: systemClock, log, nodeName: 'box' });
});
afterAll(async () => {
  await playback.close();
  view.close();
});

const line = (ms: number, more: object = {}): string =>
  JSON.stringify({ camera: 'hall', captured_at: new Date(START + ms).toISOString(), ...more });
let number = 0;
function file(text: string): string {
  number += 1;
  const path = join(view.dir, `${number}.jsonl`);
  writeFileSync(path, text);
  return path;
}
async function ask(query: string): Promise<{ readonly status: number; readonly body: string; readonly type: unknown }> {
  const { status, body, headers } = await askSocket(socketPath, `/hall/results.jsonl?${query}`);
  return { status, body: body.toString(), type: headers['content-type'] };
}
const timesIn = (body: string): number[] =>
  body
    .split('\n')
    .flatMap((one) => (one ? [Date.parse((JSON.parse(one) as { captured_at: string }).captured_at) - START] : []));

test('the lines of a range, both ends included, as they were stored', async () => {
  view.results.set('hall', [file(`${[0, 1_000, 2_000].map((ms) => line(ms)).join('\n')}\n`), file(`${line(3_000)}\n`)]);
  expect(await ask(`from=${START + 1_000}&to=${START + 3_000}`)).toEqual({
    status: 200,
    type: 'application/x-ndjson',
    body: `${line(1_000)}\n${line(2_000)}\n${line(3_000)}\n`,
  });
  expect((await ask(`from=${START + 4_000}&to=${START + 5_000}`)).body).toBe('');
  const head = await askSocket(socketPath, `/hall/results.jsonl?from=${START}&to=${START + 1}`, {}, 'HEAD');
  expect([head.status, head.body.byteLength]).toEqual([200, 0]);
});

test('what is torn, too long, no JSON, no result or no file is left out, and the rest is there', async () => {
  const link = join(view.dir, 'link');
  symlinkSync(file(`${line(7)}\n`), link);
  const folder = join(view.dir, 'folder');
  mkdirSync(folder);
  const bad = [
    line(1).slice(0, -5),
    'null',
    '['.repeat(100_000),
    line(1, { more: 'x'.repeat(RESULT_LINE_LIMIT) }),
    line(1, { camera: 'yard' }),
    '{"camera":"hall"}',
    '\u0000\u001b[2J',
  ];
  view.results.set('hall', [
    file(`${bad.join('\n')}\n${line(2)}\n${line(3)}`),
    join(view.dir, 'gone'),
    folder,
    file(`${line(4)}\n`),
  ]);
  expect(timesIn((await ask(`from=${START}&to=${START + 10}`)).body)).toEqual([2, 4]);
  // A link leads elsewhere: it is an error, and no byte of it is sent.
  view.results.set('hall', [link]);
  await expect(ask(`from=${START}&to=${START + 10}`)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
});

test('results that came late are put in their place', async () => {
  const times = Array.from({ length: 2_000 }, (_, i) => i * 10);
  const late = times.map((ms, i) => ({ ms, place: i + (i % 7) * 40 })).sort((a, b) => a.place - b.place);
  view.results.set('hall', [file(late.map(({ ms }) => `${line(ms)}\n`).join(''))]);
  expect(timesIn((await ask(`from=${START}&to=${START + 60_000}`)).body)).toEqual(times);
});

test('memory is bounded, and a caller that leaves ends it', async () => {
  const path = file(`${line(0, { more: 'x'.repeat(50_000) })}\n`.repeat(1_000));
  let [largest, sent] = [0, 0];
  const abort = new AbortController();
  const wanted = { camera: 'hall', fromMs: START, toMs: START + 1, signal: abort.signal };
  const sink = (bytes: Buffer): Promise<void> => {
    largest = Math.max(largest, bytes.byteLength);
    sent += bytes.byteLength;
    return Promise.resolve();
  };
  await sendResults([path], wanted, sink);
  expect(sent).toBeGreaterThan(50_000_000);
  expect(largest).toBeLessThan(2 * 1024 * 1024);
  abort.abort(new Error('gone'));
  await expect(sendResults([path], { ...wanted, fromMs: START + 1 }, sink)).rejects.toThrow('gone');
});

test('refusals: no range, another parameter, no such camera', async () => {
  expect((await ask(`from=${START}`)).status).toBe(400);
  expect((await ask(`from=${START}&to=${START + 1}&order=1`)).status).toBe(400);
  expect((await ask(`from=${START}&to=${START + 25 * 3_600_000}`)).status).toBe(400);
  expect((await askSocket(socketPath, `/yard/results.jsonl?from=${START}&to=${START + 1}`)).status).toBe(404);
});
