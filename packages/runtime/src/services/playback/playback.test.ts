import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLog, FakeClock, type LogRecord, systemClock } from '@vigia/base';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, askAndWait, askSocket } from '../../../test/support/ask-socket.ts';
import { Recordings } from '../../../test/support/recordings.ts';
import { Playback } from './playback.ts';

const START = Date.parse('2026-11-23T10:00:00Z');
const view = new Recordings(mkdtempSync(join(tmpdir(), 'vigia-playback-')));
const socketPath = join(view.dir, 'playback.sock');
const records: LogRecord[] = [];
let playback: Playback;

beforeAll(async () => {
  // As large as it takes to fill the buffers of a socket that is not read.
  const noise = 'keyint=25:min-keyint=25:scenecut=0:bframes=0:qp=1';
  view.record('hall', { startMs: START, seconds: 3, size: '640x480', params: noise });
  view.record('hall', { startMs: START + 3_000, seconds: 3, size: '640x480', params: noise, scene: 3 });
  view.gapsOf = [{ fromMs: START - 5_000, toMs: START, reason: 'node_down' }];
  playback = await openPlayback(socketPath);
});
afterAll(async () => {
  await playback.close();
  view.close();
});

function openPlayback(path: string): Promise<Playback> {
  const log = createLog('footage', (record) => records.push(record));
  return Playback.open({ view, socketPath: path, clock: systemClock, log, nodeName: 'box' });
}

const ask = (path: string, headers?: Record<string, string>, method?: string): Promise<Answer> =>
  askSocket(socketPath, path, headers, method);

const clip = `/hall/clip.mp4?from=${START + 1_200}&to=${START + 4_000}`;
const errorOf = ({ body }: Answer): { code: string; message: string } =>
  (JSON.parse(body.toString()) as { error: { code: string; message: string } }).error;

test('a clip, its facts and its head', async () => {
  const { status, headers, body } = await ask(clip);
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'content-type': 'video/mp4',
    'accept-ranges': 'bytes',
    'content-length': String(body.byteLength),
    'x-vigia-from': '2026-11-23T10:00:01.000Z',
    'x-vigia-to': '2026-11-23T10:00:04.000Z',
    'x-vigia-gaps': '0',
    'content-disposition': 'inline; filename="box-hall-2026-11-23T100001000Z.mp4"',
  });
  const path = join(view.dir, 'got.mp4');
  writeFileSync(path, body);
  expect(execFileSync('ffmpeg', ['-v', 'error', '-xerror', '-i', path, '-f', 'null', '-'], { encoding: 'utf8' })).toBe(
    '',
  );
  const head = await ask(clip, {}, 'HEAD');
  expect([head.status, head.headers['content-length'], head.body.byteLength]).toEqual([
    200,
    headers['content-length'],
    0,
  ]);
  const facts = await ask(`/hall/clip.json?from=2026-11-23T09:59:57Z&to=2026-11-23T11:00:04%2B01:00`);
  expect(JSON.parse(facts.body.toString())).toEqual({
    from_ms: START,
    to_ms: START + 4_000,
    gaps: [{ from_ms: START - 5_000, to_ms: START, reason: 'node_down' }],
    segments: 2,
    bytes: expect.any(Number),
    ends: null,
  });
});

test('every range of bytes is that of the whole clip', async () => {
  const whole = (await ask(clip)).body;
  const n = whole.byteLength;
  const ranges: [string, number, number][] = [
    ['bytes=0-0', 0, 1],
    ['bytes=0-', 0, n],
    ['bytes=-1', n - 1, n],
    [`bytes=-${n + 5}`, 0, n],
    [`bytes=${n - 10}-${n + 10}`, n - 10, n],
  ];
  for (let i = 0; i < 60; i += 1) {
    const from = Math.floor(Math.random() * n);
    const to = Math.min(n, from + 1 + Math.floor(Math.random() * (i % 2 ? 2_000 : n)));
    ranges.push([`bytes=${from}-${to - 1}`, from, to]);
  }
  for (const [range, from, to] of ranges) {
    const { status, headers, body } = await ask(clip, { range });
    expect([range, status, headers['content-range']]).toEqual([range, 206, `bytes ${from}-${to - 1}/${n}`]);
    expect([range, body.equals(whole.subarray(from, to))]).toEqual([range, true]);
  }
});

test('ranges that have nothing, that make no sense, or that are of another clip', async () => {
  const { headers, body } = await ask(clip);
  const n = body.byteLength;
  for (const range of [`bytes=${n}-`, 'bytes=-0', 'bytes=999999999999-']) {
    const none = await ask(clip, { range });
    expect([range, none.status, none.headers['content-range']]).toEqual([range, 416, `bytes */${n}`]);
    expect(errorOf(none).code).toBe('unsatisfiable');
  }
  for (const range of ['bytes=5-2', 'bytes=a-b', 'pages=1-2', 'bytes=0-1,4-5', 'bytes=-'])
    expect([range, (await ask(clip, { range })).status]).toEqual([range, 200]);
  const tag = String(headers.etag);
  expect(tag).toMatch(/^"[0-9a-f]{32}"$/);
  expect((await ask(clip, { range: 'bytes=0-9', 'if-range': tag })).status).toBe(206);
  expect((await ask(clip, { range: 'bytes=0-9', 'if-range': '"other"' })).status).toBe(200);
  expect((await ask(clip, { range: 'bytes=0-9', 'if-range': 'Mon, 23 Nov 2026 10:00:00 GMT' })).status).toBe(200);
  const later = await ask(`/hall/clip.mp4?from=${START + 2_200}&to=${START + 4_000}`);
  expect(later.headers.etag).not.toBe(tag);
});

test.each([
  ['/', 404, 'not_found'],
  ['/hall', 404, 'not_found'],
  ['/hall/constructor', 404, 'not_found'],
  ['/hall/clip.mp4/x', 404, 'not_found'],
  ['/../etc/clip.mp4', 404, 'not_found'],
  ['/%2e%2e/clip.mp4', 400, 'bad_request'],
  ['/Hall/clip.mp4', 400, 'bad_request'],
  ['/attic/clip.mp4?from=1&to=2', 404, 'no_camera'],
  ['/hall/clip.mp4', 400, 'bad_request'],
  ['/hall/clip.mp4?from=1', 400, 'bad_request'],
  ['/hall/clip.mp4?from=2&to=1', 400, 'bad_request'],
  ['/hall/clip.mp4?from=2&to=2', 400, 'bad_request'],
  ['/hall/clip.mp4?from=-1&to=2', 400, 'bad_request'],
  ['/hall/clip.mp4?from=1&to=1e3', 400, 'bad_request'],
  ['/hall/clip.mp4?from=1&to=NaN', 400, 'bad_request'],
  ['/hall/clip.mp4?from=1&from=2&to=3', 400, 'bad_request'],
  ['/hall/clip.mp4?from=1&to=2&path=/etc/passwd', 400, 'bad_request'],
  ['/hall/clip.mp4?from=0&to=86400001', 400, 'bad_request'],
  ['/hall/clip.mp4?from=2026-11-23&to=2026-11-24', 400, 'bad_request'],
  ['/hall/clip.mp4?from=2026-11-23T10:00&to=2026-11-24T10:00', 400, 'bad_request'],
  ['/hall/clip.mp4?from=2026-13-23T10:00:00Z&to=2026-11-24T10:00:00Z', 400, 'bad_request'],
  ['/hall/clip.mp4?from=9999999999999999&to=9999999999999999', 400, 'bad_request'],
  ['/hall/clip.mp4?from=1000&to=2000', 404, 'no_footage'],
])('%s is refused with %i %s', async (path, status, code) => {
  const answer = await ask(path);
  expect([answer.status, errorOf(answer).code]).toEqual([status, code]);
});

test('other methods are refused', async () => {
  const answer = await ask(clip, {}, 'DELETE');
  expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
});

test('nothing recorded: the sentence names the nearest footage', async () => {
  const answer = await ask(`/hall/clip.json?from=${START + 60_000}&to=${START + 61_000}`);
  expect(errorOf(answer).message).toBe(
    'camera hall has no footage from 2026-11-23T10:01:00.000Z to 2026-11-23T10:01:01.000Z; the nearest footage is at 2026-11-23T10:00:06.000Z',
  );
});

test('more than 8 clips at the same time are refused, until one ends', async () => {
  const waiting = await Promise.all(Array.from({ length: 8 }, () => askAndWait(socketPath, clip)));
  const refused = await ask(clip);
  expect([refused.status, errorOf(refused).code, refused.headers['retry-after']]).toEqual([503, 'busy', '2']);
  const whole = await Promise.all(waiting.slice(1).map(({ rest }) => rest()));
  expect(new Set(whole.map(({ complete }) => complete))).toEqual(new Set([true]));
  waiting[0]?.asking.destroy();
  const after = await ask(clip);
  expect(after.body.equals(whole[0]?.body ?? Buffer.alloc(0))).toBe(true);
});

test('a segment that is renamed while it is sent is found again; one that is deleted ends the answer early', async () => {
  const whole = (await ask(clip)).body;
  const [first, second] = view.all.get('hall') ?? [];
  if (!first || !second) throw new Error('no pieces');
  const renamed = second.path.replace('.mp4', '.event.mp4');
  const one = await askAndWait(socketPath, clip);
  renameSync(second.path, renamed);
  view.all.set('hall', [first, { ...second, path: renamed, event: true }]);
  expect((await one.rest()).body.equals(whole)).toBe(true);

  const kept = readFileSync(renamed);
  const two = await askAndWait(socketPath, clip);
  rmSync(renamed);
  const cut = await two.rest();
  expect([cut.complete, cut.body.byteLength < whole.byteLength]).toEqual([false, true]);
  expect(whole.subarray(0, cut.body.byteLength).equals(cut.body)).toBe(true);
  expect(records.at(-1)?.message).toMatch(/ended early: a recording of hall was deleted while it was sent/);

  // Another recording at the same path is no replacement.
  writeFileSync(renamed, kept);
  const three = await askAndWait(socketPath, clip);
  writeFileSync(renamed, readFileSync(first.path));
  expect((await three.rest()).complete).toBe(false);
  expect(records.at(-1)?.message).toMatch(/was replaced while it was sent/);
  writeFileSync(second.path, kept);
  view.all.set('hall', [first, second]);
});

test('a segment that grows: what is planned is sent, and a cut fragment at its end is left out', async () => {
  const path = join(view.dir, 'grows.mp4');
  const [first] = view.all.get('hall') ?? [];
  if (!first) throw new Error('no piece');
  const file = readFileSync(first.path);
  const note = file.indexOf('"camera":"hall"');
  const growing = { ...first, path, growing: true };
  view.all.set('grow', [growing]);
  file.write('"camera":"grow"', note);
  const target = `/grow/clip.mp4?from=${START}&to=${START + 5_000}`;
  let before = '';
  for (const share of [0.4, 0.6, 0.8]) {
    const written = Math.floor(file.byteLength * share);
    writeFileSync(path, file.subarray(0, written));
    const waiting = await askAndWait(socketPath, target);
    appendFileSync(path, file.subarray(written));
    const { headers, body, complete } = await waiting.rest();
    expect([complete, body.byteLength]).toEqual([true, Number(headers['content-length'])]);
    const got = join(view.dir, 'got.mp4');
    writeFileSync(got, body);
    execFileSync('ffmpeg', ['-v', 'error', '-xerror', '-i', got, '-f', 'null', '-']);
    expect(String(headers['x-vigia-to']) > before).toBe(true);
    before = String(headers['x-vigia-to']);
  }
  // It becomes shorter than planned: the answer ends early.
  const cut = await askAndWait(socketPath, target);
  truncateSync(path, Math.floor(file.byteLength / 2));
  expect((await cut.rest()).complete).toBe(false);
});

test('a caller that takes nothing for 30 s is cut off', async () => {
  const clock = new FakeClock();
  const path = join(view.dir, 'slow.sock');
  const log = createLog('footage', (record) => records.push(record));
  const slow = await Playback.open({ view, socketPath: path, clock, log, nodeName: 'box' });
  expect((await askSocket(path, clip)).complete).toBe(true);
  expect(clock.pendingTimers).toBe(0);
  const waiting = await askAndWait(path, clip);
  while (clock.pendingTimers === 0) await nextTurn();
  clock.advance(29_000);
  expect(records.at(-1)?.message).not.toMatch(/takes nothing/);
  clock.advance(1_000);
  expect((await waiting.rest()).complete).toBe(false);
  expect(records.at(-1)?.message).toMatch(/ended early: the caller takes nothing/);
  expect(clock.pendingTimers).toBe(0);
  // Closing waits until no file is open.
  const last = await askAndWait(path, clip);
  while (clock.pendingTimers === 0) await nextTurn();
  await slow.close();
  expect(openFiles().filter((file) => file.includes('/hall/'))).toEqual([]);
  expect((await last.rest()).complete).toBe(false);
});

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // It is the descriptor of this very listing.
      return [];
    }
  });
}

test('closing cuts answers off, removes the socket, and can be done twice', async () => {
  const path = join(view.dir, 'other.sock');
  writeFileSync(path, 'left by an earlier run');
  const other = await openPlayback(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await Promise.all([other.close(), other.close()]);
  expect(() => statSync(path)).toThrow('ENOENT');
  await expect(openPlayback(join(view.dir, 'no', 'such.sock'))).rejects.toThrow(/playback: .* cannot be used/);
});
