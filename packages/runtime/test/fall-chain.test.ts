import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NodeEventOf, nodeEventSchema } from '@vigia/contracts';
import { API } from '@vigia/contracts/api';
import { connectAsync } from 'mqtt';
import { afterEach, expect, test } from 'vitest';
import { ask, writeConfig } from './support/fleet.ts';
import { startMosquitto } from './support/programs.ts';
import { Sandbox, Vigia } from './support/vigia.ts';

/** Somebody walks in and falls: balance lost at 2.1 s, down at 2.9 s (read off the pictures), 6.2 s long, repeated. */
const FALL = fileURLToPath(new URL('../assets/fall.mp4', import.meta.url));
const CLIP_MS = 6_240;
const MAIN = join(import.meta.dirname, '../bin/vigia.mjs');
const DOWN_MS = 2_900;
/** A busy machine looks less often and may miss what happens in a round of the clip: ten rounds. */
const ROUNDS_MS = 10 * CLIP_MS;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test('somebody falls: an alarm at the broker that says why, and an end when the person stands again; in a bed, they lie down', {
  timeout: 4 * ROUNDS_MS,
}, async () => {
  const broker = await startMosquitto();
  const box = new Sandbox();
  const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`);
  closers.push(
    () => broker.stop(),
    () => box.remove(),
    () => client.endAsync(true),
  );
  const falls: NodeEventOf<'fall'>[] = [];
  const beds: NodeEventOf<'bed'>[] = [];
  const visits: NodeEventOf<'visit'>[] = [];
  client.on('message', (_, payload) => {
    const event = nodeEventSchema.parse(JSON.parse(payload.toString()));
    if (event.kind === 'fall') falls.push(event);
    if (event.kind === 'bed') beds.push(event);
    if (event.kind === 'visit') visits.push(event);
  });
  for (const kind of ['fall', 'bed', 'visit'])
    await client.subscribeAsync(`vigia/${box.node}/+/event/${kind}`, { qos: 1 });
  const room = {
    source: `"file:${FALL}?loop"`,
    consumers: 'people: { model: ssdlite, fps: 5, sla: critical }',
    extra: 'rules: { fall: { from: people } }',
  };
  // The same, where everything is a bed: who stands sits up in it, and who falls lies down.
  const bed = '{ kind: bed, points: [[0, 0.3], [1, 0.3], [1, 1], [0, 1]] }';
  const visited = 'visits: { from: people, zones: { bed: { alarm: occupied, after: 1s } } }';
  const ward = {
    ...room,
    consumers: 'people: { model: ssdlite, fps: 5 }',
    extra: `zones: { bed: ${bed} }\n    rules: { fall: { from: people }, bed: { from: people, zone: bed, alarm: sitting }, ${visited} }\n    record: { mode: always }`,
  };
  const config = writeConfig(box, { room, ward }, `mqtt: { url: "mqtt://127.0.0.1:${broker.port}" }\n`);
  const vigia = new Vigia(['run', '-c', config, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  await expect.poll(() => falls.map(({ phase }) => phase), { timeout: ROUNDS_MS }).toContain('start');
  // Somebody knows, before the person stands again in the next round.
  const found = ['--outcome', 'no_pain', '--note', 'stands again'];
  const words = ['acknowledge', falls[0]?.id ?? '', '--node', box.node, ...found];
  const known = spawnSync(process.execPath, [MAIN, ...words], {
    env: { ...process.env, ...box.env },
    encoding: 'utf8',
  });
  expect(known).toMatchObject({ status: 0, stderr: '' });
  expect(known.stdout).toMatch(/^room\/person-\d+: acknowledged; it is not repeated any more\n$/);
  const list = [MAIN, 'events', '--kind', 'fall', '--camera', 'room', '--node', box.node];
  const listed = spawnSync(process.execPath, list, { env: { ...process.env, ...box.env }, encoding: 'utf8' });
  expect(listed.stdout).toMatch(/ · acknowledged by control socket \(.*\): no pain, stands again$/m);
  await expect.poll(() => falls.map(({ phase }) => phase), { timeout: ROUNDS_MS }).toContain('end');
  const start = falls.find(({ phase }) => phase === 'start');
  const end = falls.find(({ phase }) => phase === 'end');
  expect(start).toMatchObject({ camera: 'room', consumer: 'people', severity: 'alarm', data: { state: 'down' } });
  expect(start?.data.message).toMatch(/^somebody fell in room: down for \d\.\d s; the top of the body fell by /);
  expect(start?.data.evidence.drop).toBeGreaterThan(0.3);
  expect(start?.data.evidence.sightings).toBeGreaterThan(1);
  expect(end).toMatchObject({ subject: start?.subject, severity: 'notice', data: { state: 'recovered' } });
  expect(end?.data.acknowledged).toMatchObject({
    by: expect.stringMatching(/^control socket/),
    outcome: 'no_pain',
    note: 'stands again',
  });
  // The clip's own clock says when: the picture that decided is one of the seconds after the fall.
  const result = vigia.results.find(({ captured_at }) => captured_at === start?.data.captured_at);
  const atMs = ((result?.pts_us ?? 0) / 1000) % CLIP_MS;
  expect(atMs).toBeGreaterThan(DOWN_MS);
  // Who appears on a bed of which nothing was known gets up; then lies down.
  await expect.poll(() => beds.map(({ phase }) => phase), { timeout: ROUNDS_MS }).toContain('end');
  const steps = beds.filter(({ phase }) => phase !== 'update').map(({ phase, data }) => `${phase} ${data.state}`);
  const sits = steps.indexOf('start sitting');
  // The model may begin to look while the clip's person lies.
  expect([steps[0], ...steps.slice(1, sits).filter((step) => step !== 'null in')]).toEqual(['null unknown']);
  expect(steps.slice(sits, sits + 2)).toEqual(['start sitting', 'end in']);
  expect(beds.find(({ phase }) => phase === 'start')).toMatchObject({
    camera: 'ward',
    consumer: 'people',
    subject: 'ward/bed',
    severity: 'alarm',
    data: { reason: 'sitting', message: 'somebody sits up in bed in ward' },
  });
  expect(falls.filter(({ camera }) => camera === 'ward')).toEqual([]);
  // Somebody comes into the zone, and is there for a second.
  const [came, alarm] = visits;
  expect(came).toMatchObject({ phase: null, severity: 'notice', subject: 'ward/bed/visits', data: { people: 1 } });
  expect(alarm).toMatchObject({
    phase: 'start',
    severity: 'alarm',
    camera: 'ward',
    consumer: 'people',
    data: { state: 'occupied', reason: 'occupied' },
  });
  // In some pictures the model takes a pillow for a second person.
  const people = alarm?.data.people ?? 0;
  expect(alarm?.data.message).toBe(`${people === 1 ? 'somebody is' : `${people} people are`} in bed in ward`);
  expect(alarm?.data.visit?.most_people).toBeGreaterThanOrEqual(people);
  const stayedMs = Date.parse(alarm?.data.captured_at ?? '') - Date.parse(alarm?.data.visit?.entered_at ?? '');
  expect(stayedMs).toBeGreaterThanOrEqual(500);
  // What was stored shows the same to the same zones.
  const replay = ['rules', 'replay', '--rule', 'visits', '--camera', 'ward', '--from', '1h', '-c', config];
  const again = spawnSync(process.execPath, [MAIN, ...replay], {
    env: { ...process.env, ...box.env },
    encoding: 'utf8',
  });
  expect(again).toMatchObject({ status: 0, stderr: '' });
  expect(again.stdout).toMatch(/^\S+ \S+ {2}bed +occupied +\S+\n\S+ \S+ {2}bed +ALARM occupied$/m);
  expect(again.stdout).toMatch(/^ward: \d+ results, .*1 alarm\n$/m);
  // So does the API, beside a zone where nobody comes.
  const corner = {
    kind: 'bed',
    points: [
      [0, 0],
      [0.1, 0],
      [0, 0.1],
    ],
  };
  const tried = { camera: 'ward', rule: 'visits', zones: { bed: corner } };
  const { body } = await ask(box, 'POST', '/api/v1/rules/preview', tried);
  const { now, would } = API.previewRules.answer.parse(body);
  expect(now?.alarms[0]).toMatchObject({ zone: 'bed', reason: 'occupied' });
  expect(now?.changes[0]).toMatchObject({ zone: 'bed', state: 'occupied', visit: { most_people: 1 } });
  expect([would?.results, would?.alarms]).toEqual([now?.results, []]);
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  expect(box.leftovers()).toEqual([]);
});
