import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog, StartGate, systemClock } from '@vigia/base';
import { configSchema, type NodeEventOf } from '@vigia/contracts';
import { CameraHandle } from '@vigia/runtime/dist/node/children/camera-handle.js';
import { NodeEvents } from '@vigia/runtime/dist/node/events/index.js';
import { planOf } from '@vigia/runtime/dist/node/plan/index.js';
import { Alarms } from '@vigia/runtime/dist/node/watch/alarms.js';
import { afterEach, expect, test } from 'vitest';
import { CLIP, Sandbox } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A camera process that reports a fall, that it lasts, one that ended, and nonsense; then nothing. */
const CAMERA = `
const data = {
  state: 'down', reason: 'fall', message: 'person-1 lies', captured_at: '2026-11-22T03:14:07.123Z', age_ms: 200, down_ms: 3000,
  evidence: { drop: 0.7, shape: 2.1, body_height: 0.4, sightings: 9, looks: 2 }, bbox: [0.1, 0.6, 0.5, 0.8],
};
const say = (person, phase, more) =>
  process.send({ type: 'notice', name: 'rule', body: { kind: 'fall', person, phase, from: 'people', data: { ...data, ...more } } });
process.on('message', (message) => {
  if (message.type === 'stop') process.exit(0);
  if (message.type !== 'request') return;
  process.send({ type: 'reply', id: message.id, body: null });
  process.send({ type: 'ready' });
  say(1, 'start', {});
  say(2, 'start', {});
  say(2, 'start', { down_ms: NaN });
  say(2, 'end', { state: 'recovered' });
  say(1, 'update', {});
});
`;

test('what a camera process says about falls is announced; when it is killed, who still lies is an alarm', async () => {
  const box = new Sandbox();
  closers.push(() => box.remove());
  const entry = join(box.dir, 'camera.mjs');
  writeFileSync(entry, CAMERA);
  const config = configSchema.parse({ version: 1, node: box.node, cameras: { hall: { source: `file:${CLIP}` } } });
  const [setup] = planOf(config, box.runDir, new Map()).cameras;
  if (!setup) throw new Error('the plan has no camera');
  const nothing = (): void => undefined;
  const [clock, log] = [systemClock, createLog('test', nothing)];
  const { hub, announcer, boot } = new NodeEvents({ node: box.node, clock, log, store: undefined, sendAhead: nothing });
  const events: NodeEventOf<'fall'>[] = [];
  hub.subscribe({ name: 'test' }, (item) => {
    if (item.type === 'event' && item.event.kind === 'fall') events.push(item.event);
  });
  const alarms = new Alarms({ clock, announce: (camera, notice) => announcer.rule(camera, notice) });
  const handle = new CameraHandle({
    setup,
    boot,
    entry,
    clock,
    gate: new StartGate({ clock, places: 2, heldMs: 2_000 }),
    log,
    extraStopMs: () => 0,
    memoryLimitBytes: () => Number.POSITIVE_INFINITY,
    agesOf: () => null,
    forgetAges: nothing,
    onState: nothing,
    onResult: nothing,
    onWorkerState: nothing,
    onEvent: nothing,
    onRule: (camera, notice) => alarms.told(camera, notice),
    onLog: nothing,
    onDied: () => alarms.cameraGone('hall'),
  });
  closers.push(() => handle.stop());
  handle.start();
  const said = (): string[] =>
    events.map(({ subject, phase, severity, data }) => `${subject} ${phase} ${severity} ${data.state}`);
  const first = [
    'hall/person-1 start alarm down',
    'hall/person-2 start alarm down',
    'hall/person-2 end notice recovered',
    'hall/person-1 update alarm down',
  ];
  await expect.poll(said, { timeout: 20_000 }).toEqual(first);
  process.kill(handle.pids[0] as number, 'SIGKILL');
  // The next process reports its own persons, under numbers that no alarm of the last one has. (It is killed as
  // well, after some seconds without a heartbeat.)
  const next = first.map((line) =>
    line.replace(/person-\d/, (name) => (name === 'person-1' ? 'person-3' : 'person-4')),
  );
  const all = [...first, 'hall/person-1 update alarm blind', ...next];
  await expect.poll(() => said().slice(0, all.length), { timeout: 20_000 }).toEqual(all);
  expect(events[4]?.data.message).toContain('the process of camera hall ended while person-1 was down');
});
