// A clip with what vigia knew and its sums, as one archive over HTTP: what it holds, and who gets it.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@vigia/client';
import type { NodeEvent, ResultMessage } from '@vigia/contracts';
import type { Role } from '@vigia/contracts/api';
import { socketSender } from '@vigia/runtime/dist/services/control-client/index.js';
import { SimulatedCamera } from '@vigia/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from './support/programs.ts';
import { CLIP, Sandbox, Vigia } from './support/vigia.ts';

const BRIGHT = fileURLToPath(new URL('../../../examples/workers/brightness.mjs', import.meta.url));
/** A result is stored within about 2 s. */
const STORED_MS = 4_000;

let box: Sandbox;
let vigia: Vigia;
let cameras: SimulatedCamera[];
let address: string;
/** Over the control socket. */
let local: ReturnType<typeof createClient>;
/** A range of `hall` in which something was marked as an event. */
let query: { readonly from: string; readonly to: string };

beforeAll(async () => {
  box = new Sandbox();
  cameras = [await SimulatedCamera.start({ clip: CLIP }), await SimulatedCamera.start({ clip: CLIP })];
  const [hall, yard] = cameras as [SimulatedCamera, SimulatedCamera];
  const listen = `127.0.0.1:${await freePort()}`;
  const config = box.file(
    'vigia.yml',
    `version: 1
node: ${box.node}
http: { listen: "${listen}" }
workers:
  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }
cameras:
  hall:
    source: "${hall.url}"
    record: { mode: always }
    consumers: { light: { worker: bright, fps: 5 } }
  yard: { source: "${yard.url}", record: { mode: always } }
`,
  );
  vigia = new Vigia(['run', '-c', config, '--json'], { ...box.env, VIGIA_DATA_DIR: join(box.dir, 'data') });
  address = `http://${listen}`;
  local = createClient({ send: socketSender(join(box.runDir, 'control.sock')) });
  await vigia.until('an answer', () => vigia.results.some(({ status }) => status === 'ok'));
  const recordedTo = async (): Promise<number> =>
    (await local.recordings({ query: { camera: 'hall' } })).cameras['hall']?.spans.at(-1)?.to_ms ?? 0;
  await until('footage', async () => (await recordedTo()) > 0);
  const markedMs = (await recordedTo()) + 2_000;
  await until('2 s more', async () => (await recordedTo()) > markedMs);
  for (const camera of ['hall', 'yard']) await local.markRecording({ params: { camera }, body: {} });
  query = { from: new Date(markedMs - 1_000).toISOString(), to: new Date(markedMs + 4_000).toISOString() };
  await until('results to be stored', async () => (await recordedTo()) > markedMs + 4_000 + STORED_MS);
});

afterAll(async () => {
  vigia.process.kill('SIGKILL');
  for (const camera of cameras) await camera.close();
  box.remove();
});

/** Asks until something holds: the answers come from other processes. */
async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 60_000; !(await look()); )
    if (performance.now() > endMs) throw new Error(`watchdog: ${what} did not happen\n${vigia.stderr}`);
}

const zipOf = (camera: string, range: object = query): string =>
  `/api/v1/recordings/${camera}/export.zip?${new URLSearchParams({ ...range }).toString()}`;

/** Asks over the port, with a token or without. */
const get = (path: string, token?: string): Promise<Response> =>
  fetch(`${address}${path}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

let number = 0;
/** Unpacks an archive with a program of others, and checks its sums. @returns the folder. */
async function unpacked(answer: Response): Promise<string> {
  number += 1;
  const folder = join(box.dir, `export-${number}`);
  writeFileSync(`${folder}.zip`, Buffer.from(await answer.arrayBuffer()));
  execFileSync('unzip', ['-q', `${folder}.zip`, '-d', folder]);
  expect(execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' })).toBe(
    'README.txt: OK\nclip.jsonl: OK\nclip.mp4: OK\n',
  );
  return folder;
}

interface SidecarLine {
  readonly type: string;
  readonly event?: NodeEvent;
  readonly result?: ResultMessage;
}
const linesIn = (folder: string): SidecarLine[] =>
  readFileSync(join(folder, 'clip.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SidecarLine);

test('the archive has the bytes of the clip, and says the same as `vigia export`', async () => {
  const answer = await get(zipOf('hall'));
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/zip']);
  const [, began = ''] = /filename="hall_(\S+)\.zip"$/.exec(answer.headers.get('content-disposition') ?? '') ?? [];
  const from = String(answer.headers.get('x-vigia-from'));
  expect(began).toBe(`${from.slice(0, 19).replaceAll(':', '-')}Z`);
  const folder = await unpacked(answer);
  const clip = await local.clip({ params: { camera: 'hall' }, query });
  expect(readFileSync(join(folder, 'clip.mp4')).equals(clip)).toBe(true);

  const file = join(box.dir, 'same.mp4');
  const command = new Vigia(['export', 'hall', '--from', query.from, '--to', query.to, file], box.env);
  expect([await command.ended(), command.stderr]).toEqual([0, '']);
  const sidecar = readFileSync(join(folder, 'clip.jsonl'), 'utf8');
  expect(sidecar).toBe(readFileSync(join(box.dir, 'same.jsonl'), 'utf8'));
  const lines = linesIn(folder);
  expect(lines[0]).toMatchObject({ type: 'clip', camera: 'hall', bytes: clip.byteLength });
  const found = lines.flatMap(({ result }) => result ?? []);
  expect(found.length).toBeGreaterThan(5);
  expect(found.every(({ camera, consumer }) => camera === 'hall' && consumer === 'light')).toBe(true);
  const events = lines.flatMap(({ event }) => event ?? []);
  expect(events.every(({ camera }) => camera === 'hall')).toBe(true);
  expect(events.filter(({ kind }) => kind === 'audit')).toMatchObject([{ data: { action: 'markRecording' } }]);

  const readme = readFileSync(join(folder, 'README.txt'), 'utf8');
  expect(readme).toContain(`From      ${from}\n`);
  expect(readme).toContain(`Node      ${box.node}\n`);
  expect(readme).toContain('The recording has no gaps.\n');
  for (const text of [readme, sidecar]) expect(text).not.toContain(box.dir);
});

test('without footage it is refused like a clip, also over the control socket', async () => {
  const range = { from: '2001-01-01T00:00:00Z', to: '2001-01-01T00:01:00Z' };
  const clip = zipOf('hall', range).replace('export.zip', 'clip.mp4');
  const [zip, mp4] = [await get(zipOf('hall', range)), await get(clip)];
  expect(zip.status).toBe(404);
  expect(await zip.json()).toEqual(await mp4.json());
  const params = { camera: 'hall' };
  await expect(local.exportedClip({ params, query: range })).rejects.toMatchObject({ code: 'no_footage' });
  expect(Buffer.from(await local.exportedClip({ params, query })).toString('latin1', 0, 4)).toBe('PK\u0003\u0004');
  expect((await get(zipOf('cellar'))).status).toBe(404);
});

test('a client that leaves in the middle leaves no file open, and the next one is served', async () => {
  for (let times = 0; times < 10; times += 1)
    await new Promise<void>((resolve, reject) => {
      const asking = request(`${address}${zipOf('hall')}`, (response) => {
        response.once('error', () => undefined);
        response.once('data', () => asking.destroy());
      });
      asking.once('error', reject).once('close', resolve).end();
    });
  await until('all files to be closed', () => Promise.resolve(openFootage().length === 0));
  await unpacked(await get(zipOf('hall')));
});

/** What the footage process has open of recordings. */
function openFootage(): string[] {
  const footage = vigia.children().find(({ command }) => command.includes('footage-process'));
  if (!footage) throw new Error('no footage process');
  const dir = `/proc/${footage.pid}/fd`;
  return readdirSync(dir).flatMap((fd) => {
    try {
      const path = readlinkSync(join(dir, fd));
      return /\.(?:mp4|jsonl)$/.test(path) ? [path] : [];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

test('a viewer gets the cameras that they may see, with events of those only; a screen gets none', async () => {
  const tokenOf = async (name: string, role: Role, seen: 'all' | string[]): Promise<string> => {
    await local.addUser({ body: { name, role, cameras: seen, password: 'correct horse battery' } });
    return (await local.addToken({ body: { user: name, name: 'test' } })).token;
  };
  await tokenOf('chief', 'admin', 'all');
  const nurse = await tokenOf('nurse', 'viewer', ['yard']);
  const screen = await tokenOf('corridor', 'screen', 'all');
  const statuses = async (camera: string): Promise<number[]> =>
    Promise.all([undefined, 'wrong', screen, nurse].map(async (token) => (await get(zipOf(camera), token)).status));
  expect(await statuses('hall')).toEqual([401, 401, 403, 404]);
  expect(await statuses('yard')).toEqual([401, 401, 403, 200]);
  const lines = linesIn(await unpacked(await get(zipOf('yard'), nurse)));
  const seen = lines.slice(1).map(({ event, result }) => event?.camera ?? result?.camera);
  expect(new Set(seen)).toEqual(new Set(['yard']));
});
