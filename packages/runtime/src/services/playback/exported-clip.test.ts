import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLog, FakeClock, type LogRecord, VigiaError } from '@vigia/base';
import { BEFORE_ALL_EVENTS, type NodeEvent } from '@vigia/contracts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Answer, askAndWait, askSocket } from '../../../test/support/ask-socket.ts';
import { Recordings } from '../../../test/support/recordings.ts';
import type { EventsWanted } from './exported-clip.ts';
import { Playback } from './playback.ts';

const START = Date.parse('2026-11-23T10:00:00Z');
const MADE = Date.parse('2026-11-24T08:00:00Z');
const view = new Recordings(mkdtempSync(join(tmpdir(), 'vigia-export-')));
const socketPath = join(view.dir, 'playback.sock');
const records: LogRecord[] = [];
let stored: NodeEvent[];
let asked: EventsWanted[];
let refusal: Error | undefined;
/** The page of events that is refused. */
let refusedPage: number;
let playback: Playback;

beforeAll(async () => {
  // As large as it takes to fill the buffers of a socket that is not read.
  const noise = 'keyint=25:min-keyint=25:scenecut=0:bframes=0:qp=1';
  view.record('hall', { startMs: START, seconds: 3, size: '640x480', params: noise });
  view.record('hall', { startMs: START + 3_000, seconds: 3, size: '640x480', params: noise, scene: 3 });
  playback = await Playback.open({
    view,
    socketPath,
    clock: new FakeClock(0, MADE),
    log: createLog('footage', (record) => records.push(record)),
    nodeName: 'ward-3',
    exports: {
      version: '1.2.3',
      events: (wanted) => {
        asked.push(wanted);
        if (refusal && asked.length >= refusedPage) return Promise.reject(refusal);
        return Promise.resolve(stored.filter(({ id }) => id > wanted.after).slice(0, wanted.limit));
      },
    },
  });
});
beforeEach(() => {
  [stored, asked, refusal, refusedPage] = [[], [], undefined, 1];
  view.gapsOf = [];
  view.results.clear();
});
afterAll(async () => {
  await playback.close();
  view.close();
});

const range = `from=${START + 1_200}&to=${START + 4_000}`;
const zip = `/hall/export.zip?${range}`;
const at = (ms: number): string => new Date(START + ms).toISOString();
const idOf = (n: number): string => String(n).padStart(26, '0');
const event = (n: number, ms: number): NodeEvent => ({ id: idOf(n), at: at(ms) }) as unknown as NodeEvent;
const errorOf = ({ body }: Answer): unknown => (JSON.parse(body.toString()) as { error: unknown }).error;

let number = 0;
/** Unpacks an archive, and checks its sums with the command that its text names. @returns the folder. */
function unpacked({ body }: Answer): string {
  number += 1;
  const folder = join(view.dir, `export-${number}`);
  writeFileSync(`${folder}.zip`, body);
  execFileSync('unzip', ['-q', `${folder}.zip`, '-d', folder]);
  expect(execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' })).toBe(
    'README.txt: OK\nclip.jsonl: OK\nclip.mp4: OK\n',
  );
  return folder;
}
const linesIn = (folder: string): Record<string, unknown>[] =>
  readFileSync(join(folder, 'clip.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('the clip, what happened in it, sums that fit, and a text; nothing of the node but its name', async () => {
  view.gapsOf = [
    { fromMs: START + 1_500, toMs: START + 1_700, reason: 'camera_away' },
    { fromMs: START + 3_900, toMs: null, reason: 'node_down' },
  ];
  const result = (ms: number): object => ({ camera: 'hall', captured_at: at(ms), seq: ms });
  const file = join(view.dir, 'results.jsonl');
  // The clip begins with the keyframe at 1 s, and ends at 4 s.
  writeFileSync(file, [999, 1_000, 2_000, 4_000, 4_001].map((ms) => `${JSON.stringify(result(ms))}\n`).join(''));
  view.results.set('hall', [file]);
  stored = [event(1, 1_500), event(2, 2_000)];
  const answer = await askSocket(socketPath, zip);
  expect([answer.status, answer.complete]).toEqual([200, true]);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/zip',
    'content-disposition': 'attachment; filename="hall_2026-11-23T10-00-01Z.zip"',
    'cache-control': 'no-store',
    'x-vigia-from': '2026-11-23T10:00:01.000Z',
    'x-vigia-gaps': '2',
  });
  const folder = unpacked(answer);
  expect(readdirSync(folder).toSorted()).toEqual(['README.txt', 'SHA256SUMS', 'clip.jsonl', 'clip.mp4']);
  const clip = (await askSocket(socketPath, `/hall/clip.mp4?${range}`)).body;
  expect(readFileSync(join(folder, 'clip.mp4')).equals(clip)).toBe(true);
  const facts = JSON.parse((await askSocket(socketPath, `/hall/clip.json?${range}`)).body.toString()) as object;
  expect(linesIn(folder)).toEqual([
    { type: 'clip', camera: 'hall', ...facts },
    { type: 'result', result: result(1_000) },
    { type: 'event', event: stored[0] },
    { type: 'event', event: stored[1] },
    { type: 'result', result: result(2_000) },
    { type: 'result', result: result(4_000) },
  ]);
  expect(asked).toEqual([
    { camera: 'hall', fromMs: START + 1_000, toMs: START + 4_000, after: BEFORE_ALL_EVENTS, limit: 500 },
  ]);
  const text = readFileSync(join(folder, 'README.txt'), 'utf8');
  for (const said of [
    'exported by vigia 1.2.3\n',
    'Camera    hall\nFrom      2026-11-23T10:00:01.000Z\nTo        2026-11-23T10:00:04.000Z\nNode      ward-3\n',
    'Exported  2026-11-24T08:00:00.000Z\n',
    '  2026-11-23T10:00:01.500Z to 2026-11-23T10:00:01.700Z: no connection to the camera (camera_away)\n',
    '  2026-11-23T10:00:03.900Z to now: vigia was not running (node_down)\n',
    '  sha256sum -c SHA256SUMS ',
  ])
    expect(text).toContain(said);
  const rest = ['README.txt', 'SHA256SUMS', 'clip.jsonl'].map((name) => readFileSync(join(folder, name), 'utf8'));
  expect(rest.join('')).not.toContain(view.dir);
});

test('more events than a page has, in order of time', async () => {
  // Stored in order of announcement: each second one is a little earlier.
  stored = Array.from({ length: 1_200 }, (_, i) => event(i + 1, 1_000 + i - 2 * (i % 2)));
  const lines = linesIn(unpacked(await askSocket(socketPath, zip))).slice(1);
  expect(lines).toHaveLength(1_200);
  expect(asked.map(({ after }) => after)).toEqual([BEFORE_ALL_EVENTS, idOf(500), idOf(1_000)]);
  const times = lines.map((line) => (line['event'] as NodeEvent).at);
  expect(times).toEqual(times.toSorted());
});

test('no footage, a wrong range and events that cannot be read are refusals, with the words that a clip has', async () => {
  const none = `from=${START + 60_000}&to=${START + 61_000}`;
  for (const query of [none, 'from=2&to=1', 'from=1', `${range}&gaps=1`]) {
    const [one, clip] = [
      await askSocket(socketPath, `/hall/export.zip?${query}`),
      await askSocket(socketPath, `/hall/clip.mp4?${query}`),
    ];
    expect([one.status, errorOf(one)]).toEqual([clip.status, errorOf(clip)]);
  }
  refusal = new VigiaError('no_store', 'this node keeps its events in memory only');
  const unstored = await askSocket(socketPath, zip);
  expect([unstored.status, errorOf(unstored)]).toEqual([409, { code: 'no_store', message: refusal.message }]);
  refusal = new VigiaError('no_answer', 'the node did not answer');
  expect((await askSocket(socketPath, zip)).status).toBe(503);
  const head = await askSocket(socketPath, zip, {}, 'HEAD');
  expect(head.status).toBe(503);
});

test('what fails in the middle cuts the download off: it is no archive', async () => {
  const [, second] = view.all.get('hall') ?? [];
  if (!second) throw new Error('no piece');
  const one = await askAndWait(socketPath, zip);
  renameSync(second.path, `${second.path}.away`);
  const cut = await one.rest();
  renameSync(`${second.path}.away`, second.path);
  expect([cut.status, cut.complete]).toEqual([200, false]);
  expect(records.at(-1)?.message).toMatch(/export\.zip.* ended early: a recording of hall was deleted/);
  const path = join(view.dir, 'cut.zip');
  writeFileSync(path, cut.body);
  expect(() => execFileSync('unzip', ['-tqq', path], { stdio: 'ignore' })).toThrow('Command failed');

  // The second page of events does not come.
  stored = Array.from({ length: 500 }, (_, i) => event(i + 1, 1_000));
  [asked, refusal, refusedPage] = [[], new VigiaError('no_answer', 'the node did not answer'), 2];
  // The connection may end before anything was sent.
  const isWhole = askSocket(socketPath, zip).then(({ complete }) => complete);
  expect(await isWhole.catch(() => false)).toBe(false);
});

test('an export takes one of the 8 places of clips; a caller who leaves frees it, and leaves no file open', async () => {
  const waiting = await Promise.all(Array.from({ length: 8 }, () => askAndWait(socketPath, zip)));
  const refused = await askSocket(socketPath, zip);
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '2']);
  for (const { asking } of waiting) asking.destroy();
  while (openFootage().length > 0) await nextTurn();
  expect((await askSocket(socketPath, zip)).complete).toBe(true);
  expect(openFootage()).toEqual([]);
});

function openFootage(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.includes('/hall/') ? [path] : [];
    } catch {
      // It is the descriptor of this very listing.
      return [];
    }
  });
}
