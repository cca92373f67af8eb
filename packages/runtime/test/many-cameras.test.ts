import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { CameraStateMessage } from '@vigia/contracts';
import type { SimulatedCamera } from '@vigia/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { type CameraText, pidsByCamera, reportNow, startFleet, untilSeen, writeConfig } from './support/fleet.ts';
import { isAlive, readReport, Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const CAMERAS = 8;
const FPS = 4;
/** Units on the way between two looks: in the camera's socket, in the decoder. */
const ON_THE_WAY = 2;

interface Node {
  readonly box: Sandbox;
  readonly fleet: readonly SimulatedCamera[];
  readonly vigia: Vigia;
  readonly reportFile: string;
}

/** A node with these simulated cameras, and cameras of other kinds before them. */
async function started(cameras: number, before: Readonly<Record<string, CameraText>> = {}): Promise<Node> {
  const fleet = await startFleet(cameras, FPS);
  const box = new Sandbox();
  const reportFile = join(box.dir, 'r.json');
  const texts = Object.fromEntries(fleet.map((camera, i) => [`c${i}`, { source: camera.url }]));
  const vigia = new Vigia(
    ['run', '-c', writeConfig(box, { ...before, ...texts }), '--report', reportFile, '--json'],
    box.env,
  );
  closers.push(
    () => Promise.all(fleet.map((camera) => camera.close())),
    () => box.remove(),
    () => vigia.process.kill('SIGKILL'),
  );
  return { box, fleet, vigia, reportFile };
}

function idsOf(fleet: readonly SimulatedCamera[]): string[] {
  return fleet.map((_, i) => `c${i}`);
}

async function stop({ vigia, box, reportFile }: Node): Promise<ReturnType<typeof readReport>> {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  expect(box.leftovers()).toEqual([]);
  return readReport(reportFile);
}

/** A server whose connections are never answered: one that a firewall swallows looks the same to RTSP. */
async function blackHole(): Promise<string> {
  const server: Server = createServer((socket) => closers.push(() => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  const address = server.address();
  return `rtsp://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/x`;
}

test(`kill -9 of one camera process of ${CAMERAS}: it is back, and the other ${CAMERAS - 1} lose nothing`, async () => {
  const node = await started(CAMERAS);
  const { box, fleet, vigia } = node;
  const ids = idsOf(fleet);
  await untilSeen(vigia, ids);
  const pids = pidsByCamera(box);
  const connectMs = connectTimes(vigia, 'c3')[0] ?? 0;

  const from = vigia.lines.length;
  process.kill(pids.get('c3') as number, 'SIGKILL');
  const killedMs = performance.now();
  await vigia.until('the death to be noticed', () =>
    vigia.lines.slice(from).some((l) => l.type === 'camera_state' && l.camera === 'c3' && l.reason === 'process_died'),
  );
  const noticedMs = performance.now() - killedMs;
  await vigia.until('it to be live again', () =>
    vigia.lines.slice(from).some((l) => l.type === 'camera_state' && l.camera === 'c3' && l.state === 'live'),
  );
  const liveMs = performance.now() - killedMs;
  await untilSeen(vigia, ids, vigia.lines.length);
  process.stdout.write(
    `kill -9 of 1 of ${CAMERAS}: noticed after ${noticedMs.toFixed(0)} ms, live again after ${liveMs.toFixed(0)} ms (first connection: ${connectMs.toFixed(0)} ms)\n`,
  );

  const report = await reportNow(box);
  const sent = fleet.map((camera) => camera.stats().unitsSent);
  const now = pidsByCamera(box);
  for (const [i, id] of ids.entries()) {
    if (id === 'c3') continue;
    expect(now.get(id)).toBe(pids.get(id));
    expect(report.cameras[id]).toMatchObject({ state: 'live', reconnects: 0, restarts: 0, lost_packets: 0 });
    expect(fleet[i]?.stats()).toMatchObject({ connectionsTotal: 1, unitsDropped: 0 });
    const missing = (sent[i] ?? 0) - (report.cameras[id]?.captured ?? 0);
    expect(missing).toBeGreaterThanOrEqual(0);
    expect(missing).toBeLessThanOrEqual(ON_THE_WAY);
  }
  expect(now.get('c3')).not.toBe(pids.get('c3'));
  expect(report.cameras['c3']?.restarts).toBe(1);
  expect(fleet[3]?.stats().connectionsTotal).toBe(2);
  await stop(node);
});

/** From `connecting` to `live`, milliseconds, as the states' own stamps say. */
function connectTimes(vigia: Vigia, camera: string): number[] {
  const states = vigia.lines.filter((l) => l.type === 'camera_state') as readonly object[] as CameraStateMessage[];
  const ofCamera = states.filter((state) => state.camera === camera);
  return ofCamera.flatMap((line, i) => {
    const before = ofCamera[i - 1];
    return line.state === 'live' && before?.state === 'connecting' ? [Date.parse(line.at) - Date.parse(before.at)] : [];
  });
}

test('a camera that never answers keeps nobody waiting', async () => {
  const hole = await blackHole();
  const node = await started(2, { a0: { source: hole }, a1: { source: hole } });
  const { vigia, box } = node;
  await untilSeen(vigia, ['c0', 'c1']);
  const report = await reportNow(box);
  for (const id of ['a0', 'a1']) expect(report.cameras[id]).toMatchObject({ captured: 0 });
  for (const id of ['c0', 'c1']) expect(report.cameras[id]?.state).toBe('live');
  // Each was begun before the first connection was given up, 5 s after its own beginning.
  const states = vigia.lines.filter((line) => line.type === 'camera_state');
  const firstOf = (camera: string, state: string): number =>
    states.findIndex((line) => line.camera === camera && line.state === state);
  const givenUp = ['a0', 'a1'].map((id) => firstOf(id, 'waiting')).filter((at) => at >= 0);
  for (const id of ['c0', 'c1']) expect(firstOf(id, 'connecting')).toBeLessThan(Math.min(states.length, ...givenUp));
  await stop(node);
});

describe('stopping', () => {
  test('whatever hangs: everything is gone', async () => {
    const node = await started(2);
    const { vigia, box } = node;
    await untilSeen(vigia, ['c0', 'c1']);
    const family = vigia.children().map((c) => c.pid);
    process.kill(pidsByCamera(box).get('c0') as number, 'SIGSTOP');
    process.kill(vigia.child('model-container'), 'SIGSTOP');
    const asked = performance.now();
    await stop(node);
    process.stdout.write(`stop with a camera and a model that hang: ${(performance.now() - asked).toFixed(0)} ms\n`);
    expect(family.filter(isAlive)).toEqual([]);
    for (const name of ['camera:c0', 'model:ssdlite'])
      expect(vigia.stderr).toContain(`${name} did not stop within 1000 ms, killed`);
    expect(vigia.stderr).not.toContain('camera:c1 did not stop');
  });

  test('a camera that is taken out while it hangs: its process and its memory are gone', async () => {
    const node = await started(2);
    const { vigia, box, fleet } = node;
    await untilSeen(vigia, ['c0', 'c1']);
    const pid = pidsByCamera(box).get('c1') as number;
    process.kill(pid, 'SIGSTOP');
    writeConfig(box, { c0: { source: fleet[0]?.url ?? '' } });
    vigia.process.kill('SIGHUP');
    await vigia.until('the reload', () => vigia.stderr.includes('removed c1'));
    expect(isAlive(pid)).toBe(false);
    expect([...pidsByCamera(box).keys()]).toEqual(['c0']);
    await stop(node);
  });
});
