import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { SimulatedCamera } from '@vigia/testkit';
import { afterEach, expect, test } from 'vitest';
import { freePort, startGstCamera, startListenedBroker, startMosquitto } from './support/programs.ts';
import { CLIP, readReport, Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function schema(name: string): object {
  return JSON.parse(
    readFileSync(
      fileURLToPath(new URL(`../../../docs/reference/schemas/${name}.schema.json`, import.meta.url)),
      'utf8',
    ),
  );
}

test('a camera of GStreamer → vigia → mosquitto: what mosquitto_sub prints validates against the published schemas', {
  tags: 'full',
}, async () => {
  const camera = await startGstCamera(CLIP);
  const { broker, subscriber } = await startListenedBroker();
  const box = new Sandbox();
  closers.push(
    () => camera.stop(),
    () => broker.stop(),
    () => subscriber.stop(),
    () => box.remove(),
  );

  const reportFile = join(box.dir, 'r.json');
  const config = box.config({ hall: camera.url }, `mqtt: { url: "mqtt://127.0.0.1:${broker.port}" }\n`);
  const vigia = new Vigia(['run', '-c', config, '--for', '8s', '--report', reportFile, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  expect(await vigia.ended()).toBe(0);
  expect(readReport(reportFile).cameras['hall']?.state).toBe('live');

  const ajv = addFormats.default(new Ajv2020({ strict: false }));
  const validators = {
    result: ajv.compile(schema('result')),
    state: ajv.compile(schema('camera-state')),
    status: ajv.compile(schema('node-status')),
    event: ajv.compile(schema('node-event')),
  };
  const seen = { result: 0, state: 0, status: 0, event: 0 };
  for (const line of subscriber.output().trim().split('\n')) {
    const [topic = '', ...rest] = line.split(' ');
    const kind = (topic.includes('/event/') ? 'event' : topic.split('/').at(-1)) as keyof typeof validators;
    expect(validators[kind]?.(JSON.parse(rest.join(' '))), `${line} ${JSON.stringify(validators[kind]?.errors)}`).toBe(
      true,
    );
    seen[kind] += 1;
  }
  expect(seen.result).toBeGreaterThan(20);
  expect(seen.state).toBeGreaterThan(1);
  // Online at the beginning, offline at the end.
  expect(seen.status).toBe(2);
  expect(seen.event).toBeGreaterThan(2);
  expect(subscriber.output()).toContain(`vigia/${box.node}/hall/event/camera_state`);
  expect(subscriber.output()).toContain(`vigia/${box.node}/_node/event/node`);
  expect(subscriber.output()).toContain(`vigia/${box.node}/hall/people/result`);
  // The protocol version that was asked for: 5, with an expiry.
  expect(broker.output()).toMatch(/New client connected .* as vigia-.*\(p5/);
});

test('events wait for a broker that is away, and come once it is there', async () => {
  const camera = await SimulatedCamera.start({ clip: CLIP });
  const port = await freePort();
  const box = new Sandbox();
  closers.push(
    () => camera.close(),
    () => box.remove(),
  );
  const config = box.config({ hall: camera.url }, `mqtt: { url: "mqtt://127.0.0.1:${port}" }\n`);
  const vigia = new Vigia(['run', '-c', config, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  await vigia.until('an ok result', () => vigia.results.some((r) => r.status === 'ok'));
  const broker = await startMosquitto(port);
  closers.push(() => broker.stop());
  const received = (topic: string): boolean => broker.output().includes(`'vigia/${box.node}/${topic}'`);
  await vigia.until('what happened before', () => received('_node/event/node'));
  await vigia.until('the state of the camera', () => received('hall/event/camera_state'));
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
});

test('a broker that refuses the login is a problem of health, and is used once it accepts', async () => {
  const port = await freePort();
  const box = new Sandbox();
  closers.push(() => box.remove());
  const strict = await startMosquitto(port, box.file('mosquitto.conf', `listener ${port} 127.0.0.1\n`));
  closers.push(() => strict.stop());
  const config = box.config({ hall: 'rtsp://127.0.0.1:1/x' }, `mqtt: { url: "mqtt://127.0.0.1:${port}" }\n`);
  const vigia = new Vigia(['run', '-c', config, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  await vigia.until('the refusal', () =>
    /the MQTT broker 127\.0\.0\.1:\d+ refuses the connection: /.test(vigia.stderr),
  );
  const asked = new Vigia(['health', '-c', config], box.env);
  expect(await asked.ended()).toBe(1);
  expect(asked.stdout + asked.stderr).toMatch(
    /the MQTT broker 127\.0\.0\.1:\d+ refuses the connection: this user is not authorized/,
  );
  await strict.stop();
  const broker = await startMosquitto(port);
  closers.push(() => broker.stop());
  await broker.line(new RegExp(`'vigia/${box.node}/status'`), 60_000);
  const again = new Vigia(['health', '-c', config], box.env);
  await again.ended();
  expect(again.stdout + again.stderr).not.toContain('MQTT');
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
});

test('without a broker results still come, and one sentence says that it is missing', async () => {
  const camera = await SimulatedCamera.start({ clip: CLIP });
  const box = new Sandbox();
  closers.push(
    () => camera.close(),
    () => box.remove(),
  );
  const vigia = new Vigia(
    ['run', '-c', box.config({ hall: camera.url }, 'mqtt: { url: "mqtt://127.0.0.1:1" }\n'), '--json'],
    box.env,
  );
  closers.push(() => vigia.process.kill('SIGKILL'));
  await vigia.until('an ok result', () => vigia.results.some((r) => r.status === 'ok'));
  await vigia.until('the sentence', () => vigia.stderr.includes('MQTT broker'));
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
});
