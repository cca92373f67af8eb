import { SimulatedCamera } from '@vigia/testkit';
import { afterEach, expect, test } from 'vitest';
import { CLIP, childrenOf, isAlive, Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function running(): Promise<{ box: Sandbox; vigia: Vigia; family: number[]; camera: SimulatedCamera }> {
  const camera = await SimulatedCamera.start({ clip: CLIP });
  const box = new Sandbox();
  const vigia = new Vigia(['run', '-c', box.config({ hall: camera.url, yard: camera.url }), '--json'], box.env);
  closers.push(
    () => camera.close(),
    () => box.remove(),
    () => vigia.process.kill('SIGKILL'),
  );
  await vigia.until(
    'results of both cameras',
    () => new Set(vigia.results.filter((r) => r.status === 'ok').map((r) => r.camera)).size === 2,
  );
  const children = childrenOf(vigia.pid);
  const family = [
    vigia.pid,
    ...children.map((c) => c.pid),
    ...children.flatMap((c) => childrenOf(c.pid)).map((c) => c.pid),
  ];
  // Supervisor, two cameras, one model.
  expect(family.length).toBeGreaterThanOrEqual(4);
  expect(box.leftovers().length).toBeGreaterThan(0);
  return { box, vigia, family, camera };
}

async function untilGone(family: readonly number[], box: Sandbox): Promise<void> {
  const watchdog = Date.now() + 10_000;
  while (family.some(isAlive) || box.leftovers().length > 0) {
    if (Date.now() > watchdog)
      throw new Error(`still there: ${family.filter(isAlive).join(', ')}; ${box.leftovers().join(', ')}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s: everything is gone, with exit code 0', async (signal) => {
  const { box, vigia, family, camera } = await running();
  vigia.process.kill(signal);
  expect(await vigia.ended()).toBe(0);
  await untilGone(family, box);
  // A TEARDOWN came from both.
  expect(camera.stats().playing).toBe(0);
});

test('kill -9 of the supervisor: no child, no socket, no segment is left', async () => {
  const { box, vigia, family } = await running();
  vigia.process.kill('SIGKILL');
  await vigia.ended();
  await untilGone(family, box);
});

test('a second node of the same name is refused while the first one runs, and leaves it alone', async () => {
  const { box, vigia } = await running();
  const second = new Vigia(['run', '-c', box.config({ hall: 'rtsp://127.0.0.1:1/x' })], box.env);
  expect(await second.ended()).toBe(1);
  expect(second.stderr).toContain(`node ${box.node} runs already as process ${vigia.pid}`);
  // Another one may not share its events and users.
  const other = new Sandbox();
  const env = { ...other.env, VIGIA_STATE_DIR: box.env['VIGIA_STATE_DIR'] };
  const third = new Vigia(['run', '-c', other.config({ hall: 'rtsp://127.0.0.1:1/x' })], env);
  expect(await third.ended()).toBe(1);
  expect(third.stderr).toContain(
    `belongs to node ${box.node}, which runs as process ${vigia.pid}: give node ${other.node} a folder of its own with VIGIA_STATE_DIR`,
  );
  expect(other.leftovers()).toEqual([]);
  // Nor its names in shared memory, with folders of its own.
  const fourth = new Vigia(['run', '-c', box.config({ hall: 'rtsp://127.0.0.1:1/x' })], other.env);
  expect(await fourth.ended()).toBe(1);
  expect(fourth.stderr).toContain(
    `a node ${box.node} runs already as process ${vigia.pid}, with another run directory: stop it, or give this one another name with \`node:\``,
  );
  expect(other.leftovers()).toEqual([]);
  other.remove();
  const before = vigia.results.length;
  await vigia.until('more results of the first', () => vigia.results.length > before + 5);
});
