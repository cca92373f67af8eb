import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '@vigia/client';
import type { NodeEvent, ResultMessage } from '@vigia/contracts';
import { RECORDINGS_API } from '@vigia/contracts/api';
import { socketSender } from '@vigia/runtime/dist/services/control-client/index.js';
import { SimulatedCamera } from '@vigia/testkit';
import { ask } from './support/fleet.ts';
import { CLIP, Sandbox, Vigia } from './support/vigia.ts';

/** Pictures of the simulated cameras per second. */
const FPS = 10;
const INTERVAL_S = 1 / FPS;
const BEFORE_S = 3;
const BRIGHT = fileURLToPath(new URL('../../../examples/workers/brightness.mjs', import.meta.url));

let box: Sandbox;
let vigia: Vigia;
let cameras: SimulatedCamera[];
const footage = (): string => join(box.dir, 'data', 'footage');

/** One node for all tests: `hall` is recorded always, `yard` on events. A worker analyses `hall`. */
beforeAll(async () => {
  box = new Sandbox();
  cameras = [await SimulatedCamera.start({ clip: CLIP }), await SimulatedCamera.start({ clip: CLIP })];
  const [hall, yard] = cameras as [SimulatedCamera, SimulatedCamera];
  const config = box.file(
    'vigia.yml',
    `version: 1
node: ${box.node}
workers:
  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }
cameras:
  hall:
    source: "${hall.url}"
    record: { mode: always, keep: 30d }
    consumers: { light: { worker: bright, fps: 5 } }
  yard: { source: "${yard.url}", record: { mode: on_event, before: ${BEFORE_S}s, after: 2s } }
`,
  );
  const env = { ...box.env, VIGIA_DATA_DIR: join(box.dir, 'data') };
  vigia = new Vigia(['run', '-c', config, '--json'], env);
  await untilState('hall', 'recording');
  await untilState('yard', 'ready');
});

afterAll(async () => {
  vigia.process.kill('SIGKILL');
  for (const camera of cameras) await camera.close();
  box.remove();
});

interface Span {
  readonly from_ms: number;
  readonly to_ms: number;
  readonly event: boolean;
}
interface Recorded {
  readonly spans: readonly Span[];
  readonly gaps: readonly { readonly reason: string }[];
}

async function recorded(camera: string): Promise<Recorded> {
  const { body } = await ask(box, 'GET', `/api/v1/recordings?camera=${camera}`);
  return (body as { cameras: Record<string, Recorded> }).cameras[camera] ?? { spans: [], gaps: [] };
}

async function seconds(camera: string): Promise<number> {
  const { spans } = await recorded(camera);
  return spans.reduce((sum, { from_ms: from, to_ms: to }) => sum + to - from, 0) / 1000;
}

/** Asks until something holds: the answers come from another process. */
async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 20_000; !(await look()); ) {
    if (Date.now() > endMs) throw new Error(`watchdog: ${what} did not happen\n${vigia.stderr}`);
  }
}

function untilState(camera: string, state: string): Promise<unknown> {
  return vigia.until(`${camera} to be ${state}`, () =>
    vigia.lines.some(
      (l) => l.type === 'node_event' && l.kind === 'recording' && l.camera === camera && l.data.state === state,
    ),
  );
}

async function command(...args: string[]): Promise<{ readonly code: number | null; readonly out: string }> {
  const run = new Vigia(args, box.env);
  const code = await run.ended();
  return { code, out: run.stdout + run.stderr };
}

/** When the pictures of a file are shown, in order, seconds. Decodes all of them. */
function shownIn(file: string): number[] {
  const decoded = spawnSync('ffmpeg', ['-v', 'error', '-i', file, '-f', 'null', '-'], { encoding: 'utf8' });
  expect(decoded.stderr.replaceAll(/.*non monotonically increasing dts.*\n/g, '')).toBe('');
  const args = '-v error -select_streams v -show_entries packet=pts_time -of csv=p=0'.split(' ');
  return execFileSync('ffprobe', [...args, file], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map(Number)
    .toSorted((a, b) => a - b);
}

function longestStep(times: readonly number[]): number {
  return times.slice(1).reduce((longest, time, i) => Math.max(longest, time - (times[i] as number)), 0);
}

test('what analyses a camera is killed, and what keeps the index: no picture is missing', async () => {
  await until('3 s of footage', async () => (await seconds('hall')) > 3);
  for (const { pid, command: line } of vigia.children())
    if (/camera-process|footage-process/.test(line)) process.kill(pid, 'SIGKILL');
  const said = (state: string): boolean =>
    vigia.lines.some((l) => l.type === 'node_event' && l.kind === 'storage' && l.data.state === state);
  await vigia.until('an event for the one that keeps the index', () => said('failing'));
  // Nobody keeps the index now: the mark waits.
  expect((await ask(box, 'POST', '/api/v1/recordings/hall/event', {})).status).toBe(200);
  const before = await seconds('hall').catch(() => 3);
  await until('5 s more', async () => (await seconds('hall').catch(() => 0)) > before + 5);
  const hall = await recorded('hall');
  expect(hall.spans).toHaveLength(1);
  expect(hall.gaps).toEqual([]);
  await until('the mark', async () => (await recorded('hall')).spans[0]?.event ?? false);
  await vigia.until('the event of its end', () => said('ok'));
  const day = join(footage(), 'hall', readdirSync(join(footage(), 'hall'))[0] as string);
  const files = readdirSync(day).filter((name) => name.endsWith('.mp4'));
  expect(files).toHaveLength(1);
  const times = shownIn(join(day, files[0] as string));
  expect(times.length).toBeGreaterThan(60);
  expect(longestStep(times)).toBeLessThan(1.5 * INTERVAL_S);
});

test('an event: the seconds before it are there, and it ends', async () => {
  // The ring reaches back only as far as the camera was connected.
  const ready = vigia.lines.find((l) => l.type === 'node_event' && l.kind === 'recording' && l.data.state === 'ready');
  const readyMs = Date.parse(ready?.type === 'node_event' ? ready.at : '');
  await until('the ring to be full', async () => {
    await ask(box, 'GET', '/api/v1/status');
    return Date.now() > readyMs + (BEFORE_S + 4) * 1000;
  });
  const [, at = ''] = /an event at (\S+) is kept/.exec((await command('recordings', 'mark', 'yard')).out) ?? [];
  const atMs = Date.parse(at);
  await until('the end of the event', async () => {
    const { spans, gaps } = await recorded('yard');
    // The gap is known a moment before the end of the file has been read.
    const isRead = (spans[0]?.to_ms ?? 0) >= atMs + 2_000;
    return spans.length === 1 && isRead && gaps.some(({ reason }) => reason === 'no_event');
  });
  const [span] = (await recorded('yard')).spans as [Span];
  expect(span.event).toBe(true);
  expect(span.from_ms).toBeLessThanOrEqual(atMs - BEFORE_S * 1000);
  expect(span.to_ms).toBeLessThan(atMs + 10_000);
});

/** What an export says beside its clip: results of its pictures, each in its place in time, as many as it printed. */
function expectSidecar(sidecar: string, printed: string): void {
  const [clip, ...lines] = sidecar
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SidecarLine);
  expect(clip).toMatchObject({ type: 'clip', camera: 'hall', gaps: [] });
  const { from_ms: from, to_ms: to } = clip as unknown as Span;
  const results = lines.flatMap(({ result }) => result ?? []);
  expect(results.every(({ camera, consumer }) => camera === 'hall' && consumer === 'light')).toBe(true);
  // Those that the node said itself, as far as they were stored by then: a busy machine looks less often.
  const isAnswer = ({ status, data }: ResultMessage): boolean => status === 'ok' && data !== undefined;
  const said = vigia.results.filter((result) => {
    const atMs = Date.parse(result.captured_at);
    // Times of results are whole milliseconds.
    return result.camera === 'hall' && isAnswer(result) && atMs >= Math.floor(from) && atMs <= Math.ceil(to);
  });
  const kept = results.filter(isAnswer);
  expect(kept.length).toBeGreaterThan(said.length / 2);
  expect(said.map(({ seq }) => seq)).toEqual(expect.arrayContaining(kept.map(({ seq }) => seq)));
  const times = lines.map(({ result, event }) => Date.parse(result?.captured_at ?? event?.at ?? ''));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times[0]).toBeGreaterThanOrEqual(Math.floor(from));
  expect(times.at(-1)).toBeLessThanOrEqual(Math.ceil(to));
  expect(printed).toContain(`${lines.length - results.length} events, ${results.length} results`);
}

interface SidecarLine {
  readonly type: string;
  readonly result?: ResultMessage;
  readonly event?: NodeEvent;
}

test('a clip, a playlist and a picture over the API; an export with its sums', async () => {
  const { spans } = await recorded('hall');
  const [span] = spans as [Span];
  const [from, to] = [span.to_ms - 5_000, span.to_ms - 2_000].map((ms) => new Date(ms).toISOString()) as [
    string,
    string,
  ];
  const file = join(box.dir, 'clip.mp4');
  const exported = await command('export', 'hall', '--from', from, '--to', to, file);
  expect(exported.out).toMatch(/clip\.mp4: .* to /);
  expect(exported.code).toBe(0);
  expect(execFileSync('sha256sum', ['-c', `${file}.sha256`], { cwd: box.dir, encoding: 'utf8' })).toMatch(
    /clip\.mp4: OK\nclip\.jsonl: OK/,
  );
  expectSidecar(readFileSync(join(box.dir, 'clip.jsonl'), 'utf8'), exported.out);
  const times = shownIn(file);
  expect(times.length).toBeGreaterThanOrEqual(3 * FPS);
  expect(longestStep(times)).toBeLessThan(1.5 * INTERVAL_S);
  // A second one is refused, and nothing is lost.
  const again = await command('export', 'hall', '--from', from, '--to', to, file);
  expect([again.code, again.out]).toEqual([2, expect.stringContaining('is there already')]);
  const nothing = await command(
    'export',
    'hall',
    '--from',
    '2001-01-01T00:00:00Z',
    '--to',
    '2001-01-01T00:01:00Z',
    join(box.dir, 'n.mp4'),
  );
  expect([nothing.code, nothing.out]).toEqual([1, expect.stringContaining('the nearest footage is at')]);
  expect(existsSync(join(box.dir, 'n.mp4.part'))).toBe(false);
  expect((await command('recordings', 'list', 'hall')).out).toMatch(/^hall\n {2}2\d{3}-.*recorded/);
  expect((await command('recordings', 'rebuild')).out).toMatch(/^\d+ segments, .* 0 entries had no file/);
  expect((await recorded('hall')).spans).toHaveLength(1);
});

test('the typed client calls every route of recordings', async () => {
  const node = createClient({ send: socketSender(join(box.runDir, 'control.sock')) });
  const params = { camera: 'hall' };
  const [span] = (await recorded('hall')).spans as [Span];
  const time = (s: number): string => new Date(span.from_ms + s * 1000).toISOString();
  const query = { from: time(1), to: time(3) };
  const playlist = new TextDecoder().decode(await node.playlist({ params, query }));
  const parts = playlist.split('\n').filter((line) => line.startsWith('part.m4s'));
  const [, init = ''] = /URI="([^"]+)"/.exec(playlist) ?? [];
  const given = (address: string): never => Object.fromEntries(new URL(address, 'http://node').searchParams) as never;
  const start = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1', 4, 8);
  const answers = {
    recordings: Object.keys((await node.recordings({ query })).cameras),
    markRecording: (await node.markRecording({ params, body: { from_ms: span.from_ms } })).to_ms - span.from_ms,
    rebuildRecordings: (await node.rebuildRecordings()).removed,
    clip: start(await node.clip({ params, query })),
    clipFacts: (await node.clipFacts({ params, query })).gaps,
    recordedResults: new TextDecoder()
      .decode(await node.recordedResults({ params, query: { from: time(0), to: new Date(span.to_ms).toISOString() } }))
      .split('\n')[0]
      ?.slice(0, 8),
    // See recordings-export.test.ts.
    exportedClip: start(await node.exportedClip({ params, query })).length,
    playlist: parts.length > 0,
    playlistInit: start(await node.playlistInit({ params, query: given(init) })),
    playlistPart: start(await node.playlistPart({ params, query: given(parts[0] ?? '') })),
    recordedPicture: (await node.recordedPicture({ params, query: { at: time(2) } }))[0],
    thumbnail: (await node.thumbnail({ params, query: { at: time(2) } }))[0],
    // See rules-preview.test.ts: here is no model.
    previewRules: await node.previewRules({ body: { camera: 'hall', rule: 'visits' } }).catch(String),
  };
  expect(answers).toEqual({
    recordings: ['hall', 'yard'],
    markRecording: 0,
    rebuildRecordings: 0,
    clip: 'ftyp',
    clipFacts: [],
    recordedResults: '{"node":',
    exportedClip: 4,
    playlist: true,
    playlistInit: 'ftyp',
    playlistPart: expect.stringMatching(/^(?:moof|styp)$/),
    recordedPicture: 0xff,
    thumbnail: 0xff,
    previewRules: expect.stringContaining('camera hall has no `rules.visits` in use'),
  });
  expect(Object.keys(answers).toSorted()).toEqual(Object.keys(RECORDINGS_API).toSorted());
});

const recorders = (): number[] =>
  vigia.children().flatMap(({ pid, command: line }) => (line.includes('ingest-process') ? [pid] : []));

/** States of a camera's recorder that were announced since then. */
function statesSince(line: number, camera: string): string[] {
  return vigia.lines
    .slice(line)
    .flatMap((l) => (l.type === 'node_event' && l.kind === 'recording' && l.camera === camera ? [l.data.state] : []));
}

test('the recorder is killed: what is on disk stays, another one goes on, and the gap between them has its reason', async () => {
  const before = await recorded('hall');
  const [kept] = before.spans as [Span];
  const since = vigia.lines.length;
  // It has the connections of both cameras.
  expect(recorders()).toHaveLength(1);
  process.kill(recorders()[0] as number, 'SIGKILL');
  await until('a second span', async () => (await recorded('hall')).spans.length === 2);
  const { spans, gaps } = await recorded('hall');
  expect(spans[0]?.from_ms).toBe(kept.from_ms);
  expect(spans[0]?.to_ms).toBeGreaterThanOrEqual(kept.to_ms);
  expect(gaps).toMatchObject([{ reason: 'node_down', from_ms: spans[0]?.to_ms, to_ms: spans[1]?.from_ms }]);
  await vigia.until('the other camera too', () => statesSince(since, 'yard').includes('ready'));
  expect(statesSince(since, 'yard')[0]).toBe('paused');
});

test('cameras of one recorder come and go: a camera that nobody wants to record any more is not away, and the other one misses nothing', async () => {
  const [pid, { spans }, since] = [recorders(), await recorded('hall'), vigia.lines.length];
  expect((await ask(box, 'PATCH', '/api/v1/cameras/yard', { record: null })).status).toBe(200);
  await until('the gap', async () => (await recorded('yard')).gaps.at(-1)?.reason === 'not_recorded');
  expect((await ask(box, 'PATCH', '/api/v1/cameras/yard', { record: { mode: 'always' } })).status).toBe(200);
  await vigia.until('yard to be recorded again', () => statesSince(since, 'yard').includes('recording'));
  expect(recorders()).toEqual(pid);
  expect((await recorded('hall')).spans).toHaveLength(spans.length);
  expect(statesSince(since, 'hall')).toEqual([]);
});

test('each camera in a process of its own, where that is wished: one that is killed interrupts no other', async () => {
  const since = vigia.lines.length;
  const { body } = await ask(box, 'GET', '/api/v1/config');
  const { document } = body as { document: { storage: object } };
  const storage = { ...document.storage, cameras_per_process: 1 };
  expect((await ask(box, 'PUT', '/api/v1/config', { ...document, storage })).status).toBe(200);
  const both = (): boolean => ['hall', 'yard'].every((id) => statesSince(since, id).at(-1) === 'recording');
  await vigia.until('both to be recorded', both);
  const [first, second, ...more] = recorders();
  expect(more).toEqual([]);
  const killed = vigia.lines.length;
  process.kill(first as number, 'SIGKILL');
  const paused = (): string[] => ['hall', 'yard'].filter((id) => statesSince(killed, id).length > 0);
  await vigia.until('one of them to be paused', () => paused().length > 0);
  await vigia.until('it to be recorded again', () => statesSince(killed, paused()[0] as string).at(-1) === 'recording');
  expect(paused()).toHaveLength(1);
  expect(recorders()).toContain(second);
});

test('the end leaves nothing behind, and every file decodes', async () => {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  expect(box.leftovers()).toEqual([]);
  const files = readdirSync(footage(), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.mp4'));
  expect(files.length).toBeGreaterThanOrEqual(2);
  for (const file of files) expect(longestStep(shownIn(join(footage(), file)))).toBeLessThan(1.5 * INTERVAL_S);
});
