import { fileURLToPath } from 'node:url';
import { nodeStatusSchema } from '@vigia/contracts';
import { SimulatedCamera } from '@vigia/testkit';
import { expect, test } from 'vitest';
import { ask, writeConfig } from './support/fleet.ts';
import { closers, command } from './support/running-node.ts';
import { CLIP, Sandbox, Vigia } from './support/vigia.ts';

const BRIGHT = fileURLToPath(new URL('../../../examples/workers/brightness.mjs', import.meta.url));
const WORKER = `workers:\n  bright: { module: ${BRIGHT}, input: { format: GRAY8, width: 64, height: 36 } }\n`;
const MODEL = 'ssdlite: { use: ssdlite-mobilenet-v2 }';

function newBox(): Sandbox {
  const box = new Sandbox();
  closers.push(() => box.remove());
  return box;
}

async function cameraWith(...faults: string[]): Promise<SimulatedCamera> {
  const camera = await SimulatedCamera.start({ clip: CLIP, fps: 10, faults });
  closers.push(() => camera.close());
  return camera;
}

test('a frozen and a refused camera: status, views, health and JSON agree that nobody looks', async () => {
  const [frozen, healthy] = [await cameraWith(), await cameraWith()];
  const box = newBox();
  const consumers = 'light: { worker: bright, sla: critical }';
  const cameras = Object.fromEntries(
    [frozen.url, healthy.url, 'rtsp://127.0.0.1:1/x'].map((source, i) => [
      ['frozen', 'healthy', 'refused'][i] as string,
      { source, consumers },
    ]),
  );
  const vigia = new Vigia(['run', '-c', writeConfig(box, cameras, WORKER, MODEL), '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  const seen = (camera: string): boolean => vigia.results.some((r) => r.camera === camera && r.status === 'ok');
  await vigia.until('both to be seen', () => seen('frozen') && seen('healthy'));
  await frozen.setFaults(['freeze']);
  await vigia.until('the freeze to be told', () =>
    vigia.lines.some((l) => l.type === 'camera_state' && l.camera === 'frozen' && l.state === 'stalled'),
  );
  const status = nodeStatusSchema.parse((await ask(box, 'GET', '/api/v1/status')).body);
  const answers = (camera: string) => status.cameras[camera]?.answers['light'];
  expect(answers('frozen')).toEqual({ per_s: 0, age_p50_ms: null, age_p99_ms: null, age_certain: true, sees: null });
  expect(answers('healthy')?.age_p50_ms).toBeGreaterThan(0);
  expect(answers('refused')).toBeUndefined();
  const screen = (await command(box, 'status')).stdout;
  expect(screen).toMatch(/frozen +(?:stalled|waiting)[^]*light \(bright\) +no picture +0\.0 +– +–/);
  expect(screen).toMatch(/healthy +live[^]*light \(bright\) +(?:running|breaching) +\d+\.\d +\d+ ms/);

  await vigia.until(
    'both to be a problem',
    () => vigia.lines.filter((l) => l.type === 'node_event' && l.kind === 'consumer_blind').length >= 2,
  );
  const { code, stderr } = await command(box, 'health');
  expect(code).toBe(1);
  expect(stderr).toMatch(/frozen\/light: critical, and has last seen something \d+ s ago: its camera is /);
  expect(stderr).toMatch(
    /refused\/light: critical, and has never seen anything: its camera is (?:connecting|waiting \(refused\))/,
  );
  expect(stderr).not.toContain('healthy');

  await frozen.setFaults([]);
  frozen.dropClients();
  await vigia.until('the frozen one to be seen again', () =>
    vigia.results.findLast(
      (r) => r.camera === 'frozen' && r.status === 'ok' && Date.now() - Date.parse(r.captured_at) < 1_000,
    ),
  );
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
});

test('a run of a stated length fails when a worker has failed, or the broker takes nothing, and says which', async () => {
  const camera = await cameraWith();
  const box = newBox();
  const workers =
    'workers:\n  ends: { command: ["false"], input: { format: GRAY8, width: 64, height: 36 }, restart: { delays_ms: [] } }\nmqtt: { url: "mqtt://127.0.0.1:1" }\n';
  const file = writeConfig(box, { hall: { source: camera.url, consumers: 'light: { worker: ends }' } }, workers, MODEL);
  const { code, stderr, stdout } = await command(box, 'run', '-c', file, '--for', '4s');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^vigia: hall\/light: the worker ends has failed \(.+\)$/m);
  expect(stderr).toMatch(/^vigia: the broker is not connected/m);
  expect(stdout).toMatch(/light \(ends\): .*no ok result; .*saw never: it had no ok result/);
});
