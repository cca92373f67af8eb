import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeEvent } from '@vigia/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort, startMosquitto, startProgram } from './support/programs.ts';
import { Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function sandbox(): Sandbox {
  const box = new Sandbox();
  closers.push(() => box.remove());
  return box;
}

/** A node without models, whose only camera refuses: its states are warnings. */
async function refused(box: Sandbox, more = '', env: NodeJS.ProcessEnv = {}): Promise<Vigia> {
  const text = `version: 1\nnode: ${box.node}\ncameras:\n  hall: { source: "rtsp://127.0.0.1:1/x" }\n${more}`;
  const vigia = new Vigia(['run', '-c', box.file('vigia.yml', text), '--json'], { ...box.env, ...env });
  closers.push(() => vigia.process.kill('SIGKILL'));
  await vigia.until('the refusal', () => vigia.lines.some((l) => l.type === 'camera_state' && l.state === 'waiting'));
  return vigia;
}

async function stop(vigia: Vigia): Promise<void> {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
}

async function command(
  box: Sandbox,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const vigia = new Vigia(['events', '--node', box.node, ...args], box.env);
  const code = await vigia.ended();
  return { code, stdout: vigia.stdout, stderr: vigia.stderr };
}

async function recorded(box: Sandbox, ...args: string[]): Promise<NodeEvent[]> {
  const { code, stdout, stderr } = await command(box, '--json', '--limit', '1000', ...args);
  expect([code, stderr]).toEqual([0, '']);
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as NodeEvent)));
}

test('what happened to a node that was killed is delivered to a broker that comes later, once its successor runs', async () => {
  const box = sandbox();
  const port = await freePort();
  const mqtt = `mqtt: { url: "mqtt://127.0.0.1:${port}" }\n`;
  const first = await refused(box, mqtt);
  first.process.kill('SIGKILL');
  await first.ended();
  const broker = await startMosquitto(port);
  closers.push(() => broker.stop());
  const subscriber = startProgram('/usr/bin/mosquitto_sub', ['-p', String(port), '-q', '1', '-t', 'vigia/+/+/event/+']);
  closers.push(() => subscriber.stop());
  await broker.line(/as mosq-|Received SUBSCRIBE|SUBSCRIBE from/);
  const second = await refused(box, mqtt);
  const all = await recorded(box);
  await subscriber.line(new RegExp(all.at(-1)?.id ?? 'none'));
  const delivered = subscriber
    .output()
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as NodeEvent).id);
  const ids = all.map(({ id }) => id);
  expect(delivered.slice(0, ids.length)).toEqual(ids);
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(all.map(({ boot }) => boot)).size).toBe(2);
  expect(all.filter(({ kind }) => kind === 'node')).toHaveLength(2);
  await stop(second);
  expect(box.leftovers()).toEqual([]);
});

describe('vigia events', () => {
  test('prints what was stored, filtered and continued', async () => {
    const box = sandbox();
    const vigia = await refused(box);
    const [started, ...others] = await recorded(box);
    expect(started).toMatchObject({ kind: 'node', data: { state: 'started' } });
    expect((await recorded(box, '--kind', 'node')).map(({ id }) => id)).toEqual([started?.id]);
    expect((await recorded(box, '--after', started?.id ?? ''))[0]).toEqual(others[0]);
    const warnings = await recorded(box, '--severity', 'warning', '--camera', 'hall');
    expect(warnings[0]).toMatchObject({ kind: 'camera_state', data: { state: 'waiting', reason: 'refused' } });
    expect((await command(box, '--severity', 'warning', '--limit', '1')).stdout).toMatch(
      /^\d{4}-.*Z warning camera hall: waiting: .* refused/,
    );
    const page = await command(box, '--camera', 'hall', '--limit', '1');
    const all = Number(/^vigia: 1 of (\d+); there are earlier ones: --before /.exec(page.stderr)?.[1]);
    expect(all).toBeGreaterThanOrEqual(others.filter(({ camera }) => camera === 'hall').length);
    expect(all).toBeLessThanOrEqual((await recorded(box, '--camera', 'hall')).length);
    expect(await command(box, '--kind', 'nod')).toMatchObject({ code: 2, stderr: expect.stringContaining('kind') });
    expect(await command(box, '--limit', '1001')).toMatchObject({ code: 2, stderr: expect.stringContaining('limit') });
    await stop(vigia);
  });
});

describe('a store that cannot be used', () => {
  test('because it is damaged is set aside with a sentence, and the node runs', async () => {
    const box = sandbox();
    const state = join(box.dir, 'state');
    mkdirSync(state);
    writeFileSync(join(state, 'node.db'), 'no database '.repeat(1_000));
    const vigia = await refused(box);
    expect(vigia.stderr).toMatch(
      /the store .*node\.db is damaged \(.*\): it is now .*node\.db\.damaged-\d+, a new one begins/,
    );
    expect(readdirSync(state).some((name) => name.startsWith('node.db.damaged-'))).toBe(true);
    expect((await recorded(box)).length).toBeGreaterThan(1);
    await stop(vigia);
  });

  test('because there is no place for it: the node runs, and says that it remembers nothing', async () => {
    const box = sandbox();
    const file = box.file('file', '');
    const vigia = await refused(box, '', { VIGIA_STATE_DIR: join(file, 'state') });
    expect(vigia.stderr).toMatch(/the store .* cannot be used: .*; events are kept in memory only/);
    expect(await command(box)).toMatchObject({ code: 1, stderr: expect.stringContaining('it has no store') });
    await stop(vigia);
  });
});
