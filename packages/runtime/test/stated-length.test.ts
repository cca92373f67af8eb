import { SimulatedCamera } from '@vigia/testkit';
import { expect, test } from 'vitest';
import { writeConfig } from './support/fleet.ts';
import { closers, command } from './support/running-node.ts';
import { CLIP, Sandbox } from './support/vigia.ts';

const MODEL = 'ssdlite: { use: ssdlite-mobilenet-v2 }';

function newBox(): Sandbox {
  const box = new Sandbox();
  closers.push(() => box.remove());
  return box;
}

async function newCamera(): Promise<SimulatedCamera> {
  const camera = await SimulatedCamera.start({ clip: CLIP, fps: 10 });
  closers.push(() => camera.close());
  return camera;
}

test('a run of a stated length fails when a worker has failed, or the broker takes nothing, and says which', async () => {
  const camera = await newCamera();
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
