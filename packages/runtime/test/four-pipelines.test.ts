/** @module-tag full */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ApiClient, createClient } from '@vigia/client';
import { socketSender } from '@vigia/runtime/dist/services/control-client/index.js';
import { SimulatedCamera } from '@vigia/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrokerEntrance, type Command, type Entrance, type Outcome, overHttp } from './support/entrances.ts';
import { pidsByCamera, reportNow, untilSeen } from './support/fleet.ts';
import { freePort, type Program, startMosquitto } from './support/programs.ts';
import { childrenOf, CLIP, isAlive, Sandbox, Vigia } from './support/vigia.ts';

/** A camera with pictures, one that nobody answers for, one whose process is stopped, one whose worker never answers. */
const PIPELINES = ['live', 'gone', 'stopped', 'hung'] as const;
const SICK = ['gone', 'stopped', 'hung'] as const;
type Pipeline = (typeof PIPELINES)[number];
type Door = 'http' | 'socket' | 'mqtt';
const DOORS = ['http', 'socket', 'mqtt'] as const;
const BRIGHT = fileURLToPath(new URL('../../../examples/workers/brightness.mjs', import.meta.url));
const FPS = 5;

const box = new Sandbox();
let cameras: SimulatedCamera[];
let broker: Program & { readonly port: number };
let overBroker: BrokerEntrance;
let vigia: Vigia;
let port: number;
let local: ApiClient;
let admins: ApiClient[];
let entrances: Record<Door, Entrance>;
let counter = 0;

beforeAll(async () => {
  cameras = await Promise.all([1, 2, 3].map(() => SimulatedCamera.start({ clip: CLIP, fps: FPS })));
  broker = await startMosquitto();
  port = await freePort();
  vigia = new Vigia(['run', '-c', box.file('vigia.yml', document()), '--json'], box.env);
  local = createClient({ send: socketSender(join(box.runDir, 'control.sock')) });
  await untilSeen(vigia, ['live', 'stopped']);
  admins = [await admin('anna'), await admin('bert')];
  overBroker = await BrokerEntrance.connect(box.node, broker.port);
  entrances = { http: overHttp(admins[0] as ApiClient), socket: overHttp(local), mqtt: overBroker.send };
  await vigia.until('commands', () => broker.output().includes(`vigia/${box.node}/cmd/+/+ (QoS 1)`));
});

afterAll(async () => {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  await overBroker.close();
  await broker.stop();
  await Promise.all(cameras.map((camera) => camera.close()));
  expect(box.leftovers()).toEqual([]);
  expect(vigia.stderr).not.toContain('internal');
  box.remove();
});

function document(): string {
  const settings = PIPELINES.map((id) => `  ${id}: ${JSON.stringify(settingsOf(id))}\n`).join('');
  return `version: 1
node: ${box.node}
http: { listen: "127.0.0.1:${port}" }
mqtt: { url: "mqtt://127.0.0.1:${broker.port}", commands: true }
workers:
  bright: { command: [${process.execPath}, ${BRIGHT}], input: { format: GRAY8, width: 64, height: 36 } }
  mute: { command: [/bin/sleep, "1000"], input: { format: GRAY8, width: 64, height: 36 }, start_timeout_ms: 1500, restart: { unlimited: true } }
cameras:
${settings}`;
}

/** @param fps Another one is another setting. */
function settingsOf(
  id: Pipeline,
  fps: number = FPS,
): { source: string; consumers: Record<string, { worker: string; fps: number }> } {
  const source = id === 'gone' ? 'rtsp://127.0.0.1:1/x' : (cameras[['live', 'stopped', 'hung'].indexOf(id)]?.url ?? '');
  return { source, consumers: { light: { worker: id === 'hung' ? 'mute' : 'bright', fps } } };
}

async function admin(name: string): Promise<ApiClient> {
  await local.addUser({ body: { name, role: 'admin' } });
  const { token } = await local.addToken({ body: { name: 'test', user: name } });
  return createClient({ url: `http://127.0.0.1:${port}`, token });
}

const send = (door: Door, command: Command, key = `k${(counter += 1)}`): Promise<Outcome> =>
  entrances[door](command, key);
const shown = (outcome: Outcome): string => ('code' in outcome ? outcome.code : 'ok');

/** Sends a command over each entrance at the same time; what came of it, by entrance. */
async function everywhere(command: Command): Promise<Record<Door, string>> {
  const outcomes = await Promise.all(DOORS.map(async (door) => [door, shown(await send(door, command))]));
  return Object.fromEntries(outcomes) as Record<Door, string>;
}

const everyDoor = (code: string): Record<Door, string> => ({ http: code, socket: code, mqtt: code });

/** What a pipeline’s process is recognised by: its segment or, where nobody has asked for pixels yet, its worker. */
function isOf(id: Pipeline, pid: number): boolean {
  const known = [...pidsByCamera(box)].find(([, writer]) => writer === pid)?.[0];
  if (known !== undefined) return known === id;
  const isMute = childrenOf(pid).some(({ command }) => command.includes('sleep'));
  return isMute ? id === 'hung' : id === 'gone' && childrenOf(pid).length > 0;
}

/** Processes of cameras by id. */
async function processes(): Promise<Record<Pipeline, number>> {
  return vigia.until('a process per camera', () => {
    const all = childrenOf(vigia.pid).filter(({ pid, command }) => command.includes('camera-process') && isAlive(pid));
    const found = PIPELINES.map((id) => [id, all.find(({ pid }) => isOf(id, pid))?.pid] as const);
    return found.some(([, pid]) => pid === undefined)
      ? undefined
      : (Object.fromEntries(found) as Record<Pipeline, number>);
  });
}

/** Runs something that must not concern the live camera: its process, its state and its results go on. */
async function unnoticed<T>(work: () => Promise<T>): Promise<T> {
  const live = processOfLive();
  const [from, began] = [vigia.lines.length, performance.now()];
  const done = await work();
  const tookMs = performance.now() - began;
  const lines = vigia.lines.slice(from).filter((line) => 'camera' in line && line.camera === 'live');
  expect(lines.filter(({ type }) => type === 'camera_state' || type === 'worker_state')).toEqual([]);
  const results = lines.filter((line) => line.type === 'result' && line.status === 'ok');
  // Half of its rate, because the machine of the test may be busy.
  expect(results.length).toBeGreaterThan((tookMs / 1_000) * FPS * 0.5 - 2);
  expect(processOfLive()).toBe(live);
  return done;
}

async function stopProcess(): Promise<void> {
  process.kill((await processes()).stopped, 'SIGSTOP');
}

const restartConsumer = (camera: string): Command => ({ name: 'restart_consumer', camera, consumer: 'light' });
const snapshot = (camera: string): Command => ({ name: 'snapshot', camera });

test('what changes no process: an answer, or an error of its own, over every entrance, to every pipeline', async () => {
  await stopProcess();
  const before = await processes();
  const rows = await unnoticed(() =>
    Promise.all([
      everywhere(restartConsumer('gone')),
      everywhere(restartConsumer('stopped')),
      everywhere(restartConsumer('hung')),
      everywhere(snapshot('live')),
      everywhere(snapshot('gone')),
      everywhere(snapshot('hung')),
      everywhere({ name: 'report' }),
      everywhere({ name: 'restart', camera: 'attic' }),
      everywhere(snapshot('attic')),
      everywhere({ name: 'remove', camera: 'attic' }),
      everywhere({ name: 'restart_consumer', camera: 'live', consumer: 'people' }),
      everywhere({ name: 'put', camera: 'live', settings: { source: 'nonsense://' } }),
    ]),
  );
  const noPictures = { http: 'ok', socket: 'ok', mqtt: 'unknown_command' };
  expect(rows).toEqual([
    everyDoor('ok'),
    everyDoor('no_answer'),
    everyDoor('worker_failed'),
    noPictures,
    { ...noPictures, http: 'camera_not_live', socket: 'camera_not_live' },
    noPictures,
    everyDoor('ok'),
    everyDoor('not_found'),
    { ...noPictures, http: 'not_found', socket: 'not_found' },
    everyDoor('not_found'),
    everyDoor('not_found'),
    everyDoor('usage'),
  ]);
  expect(await processes()).toEqual(before);
});

test('what replaces a process: each over every entrance, to each of the three; the live one does not notice', async () => {
  const before = await processes();
  const doorOf = (i: number, shift: number): Door => DOORS[(i + shift) % DOORS.length] as Door;
  const put = (camera: Pipeline, door: Door) => send(door, { name: 'put', camera, settings: settingsOf(camera, 1) });
  // Its process is still stopped: it is replaced while somebody waits for a picture.
  const pictures = [send('http', snapshot('stopped')), send('socket', snapshot('stopped'))];
  const steps = await unnoticed(async () => {
    const frozen = [put('stopped', 'socket'), ...DOORS.map((door) => send(door, { name: 'reload' }))];
    const restarted = SICK.map((camera, i) => send(doorOf(i, 0), { name: 'restart', camera }));
    const first = await Promise.all([...frozen, ...restarted]);
    const replaced = await processes();
    const changed = await Promise.all([put('gone', 'mqtt'), put('hung', 'http')]);
    const removed = await Promise.all(SICK.map((camera, i) => send(doorOf(i, 1), { name: 'remove', camera })));
    return { replaced, outcomes: [...first, ...changed, ...removed].map(shown) };
  });
  expect(steps.outcomes).toEqual(Array(12).fill('ok'));
  // After 3 s of silence the node knows that the camera is not live, and says so at once.
  for (const picture of await Promise.all(pictures)) expect(shown(picture)).toMatch(/^(?:no_answer|camera_not_live)$/);
  for (const camera of SICK) {
    expect(steps.replaced[camera]).not.toBe(before[camera]);
    expect(isAlive(before[camera])).toBe(false);
  }
  expect(Object.keys(await local.cameras())).toEqual(['live']);
});

test('the same key twice: once done, over every entrance', async () => {
  for (const door of DOORS) {
    const before = processOfLive();
    const command: Command = { name: 'restart', camera: 'live' };
    const from = vigia.lines.length;
    const outcomes = await Promise.all([send(door, command, `${door}-1`), send(door, command, `${door}-1`)]);
    expect(outcomes.map(shown)).toEqual(['ok', 'ok']);
    const next = await vigia.until('a new process', () => (processOfLive() === before ? undefined : processOfLive()));
    expect(shown(await send(door, command, `${door}-1`))).toBe('ok');
    expect(await generationsSince(from)).toBe(1);
    expect(processOfLive()).toBe(next);
    await changedOnce(door);
  }
});

/** Adding and removing a camera, each twice with one key, makes two revisions. */
async function changedOnce(door: Door): Promise<void> {
  const { revision } = await local.config();
  const put: Command = { name: 'put', camera: 'extra', settings: { source: 'rtsp://127.0.0.1:1/x' } };
  const remove: Command = { name: 'remove', camera: 'extra' };
  const [first, second] = await Promise.all([send(door, put, `${door}-2`), send(door, put, `${door}-2`)]);
  expect(second).toEqual(first);
  for (const command of [remove, remove]) expect(shown(await send(door, command, `${door}-3`))).toBe('ok');
  expect(await send(door, put, `${door}-2`)).toEqual(first);
  expect(shown(await send(door, remove, `${door}-2`))).toBe('key_reused');
  expect((await local.config()).revision).toBe(revision + 2);
  expect(Object.keys(await local.cameras())).toEqual(['live']);
}

function processOfLive(): number | undefined {
  return pidsByCamera(box).get('live');
}

/** How often the live camera was given a process since a line of the output; waits until it has pictures again. */
async function generationsSince(from: number): Promise<number> {
  const since = () => vigia.lines.slice(from).filter((line) => line.type === 'camera_state' && line.camera === 'live');
  await vigia.until('the live camera', () => since().some((line) => 'state' in line && line.state === 'live'));
  return since().filter((line) => 'state' in line && line.state === 'live').length;
}

test('of two admins who edit the same revision of a camera, one is refused and learns what changed', async () => {
  const { revision } = await local.config();
  const edit = (api: ApiClient, fps: number) =>
    api.putCamera({ params: { camera: 'live' }, body: settingsOf('live', fps), ifMatch: revision });
  const outcomes = await Promise.allSettled(admins.map((api, i) => edit(api, i + 1)));
  const done = outcomes.findIndex(({ status }) => status === 'fulfilled');
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const refused = outcomes.find(({ status }) => status === 'rejected');
  const changes = [`cameras.live.consumers.light.fps: ${FPS} → ${done + 1}`];
  const details = { revision: revision + 1, changes };
  expect(refused).toMatchObject({ reason: { status: 412, code: 'conflict', details } });
  const { by } = (await local.revisions()).at(-1) ?? {};
  expect(by).toBe(`user ${done === 0 ? 'anna' : 'bert'} (127.0.0.1)`);
  await reportNow(box);
});
