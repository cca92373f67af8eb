import { fileURLToPath } from 'node:url';
import { type CommandReply, commandReplySchema } from '@vigia/contracts';
import { SimulatedCamera } from '@vigia/testkit';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, pidsByCamera } from './support/fleet.ts';
import { type Program, startMosquitto, startProgram } from './support/programs.ts';
import { resultsOfNewProcess } from './support/running-node.ts';
import { CLIP, isAlive, Sandbox, Vigia } from './support/vigia.ts';

const BRIGHT = fileURLToPath(new URL('../../../examples/workers/brightness.mjs', import.meta.url));
const box = new Sandbox();
const replies: CommandReply[] = [];
const retained: string[] = [];
let cameras: SimulatedCamera[];
let broker: Program & { readonly port: number };
let client: MqttClient;
let vigia: Vigia;
let counter = 0;

beforeAll(async () => {
  cameras = await Promise.all([1, 2].map(() => SimulatedCamera.start({ clip: CLIP, fps: 5 })));
  broker = await startMosquitto();
  client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
  client.on('message', (topic, payload, { retain }) => {
    const reply = commandReplySchema.parse(JSON.parse(payload.toString('utf8')));
    expect(topic.split('/').at(-1)).toBe(reply.id);
    if (retain) retained.push(topic);
    replies.push(reply);
  });
  await client.subscribeAsync(`vigia/${box.node}/reply/+`, { qos: 1, rap: true });
  vigia = new Vigia(['run', '-c', configured(true), '--json'], box.env);
  await vigia.until('results of both', () => ['hall', 'yard'].every((id) => seen(id)));
  await subscribed(1);
});

afterAll(async () => {
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  await client.endAsync();
  await broker.stop();
  await Promise.all(cameras.map((camera) => camera.close()));
  expect(retained).toEqual([]);
  expect(box.leftovers()).toEqual([]);
  box.remove();
});

/** Writes the node's document. @param commands Whether the node obeys the broker. */
function configured(commands: boolean): string {
  const [hall, yard] = cameras.map(
    ({ url }) => `{ source: "${url}", consumers: { light: { worker: bright, fps: 5 } } }`,
  );
  return box.file(
    'vigia.yml',
    `version: 1
node: ${box.node}
mqtt: { url: "mqtt://127.0.0.1:${broker.port}"${commands ? ', commands: true' : ''} }
workers:
  bright: { command: [${process.execPath}, ${BRIGHT}], input: { format: GRAY8, width: 64, height: 36 } }
cameras:
  hall: ${hall}
  yard: ${yard}
`,
  );
}

const seen = (id: string): boolean => vigia.results.some(({ camera, status }) => camera === id && status === 'ok');
/** How often the node has asked the broker for commands. */
const subscriptions = (): number => broker.output().split(`vigia/${box.node}/cmd/+/+ (QoS 1)`).length - 1;
const subscribed = (times: number): Promise<unknown> => vigia.until('commands', () => subscriptions() >= times);
/** The process of a camera; it has one as soon as it has frames. */
const pidOf = (id: string): Promise<number> => vigia.until(`a process of ${id}`, () => pidsByCamera(box).get(id));

/** Sends a command. Resolves with its answer. */
async function tell(to: string, payload: object = {}, id = `i${(counter += 1)}`): Promise<CommandReply> {
  const before = replies.length;
  await client.publishAsync(`vigia/${box.node}/cmd/${to}`, JSON.stringify({ id, ...payload }), { qos: 1 });
  return vigia.until(`the answer to ${to}`, () => replies.slice(before).find((reply) => reply.id === id));
}

/** Restarts a camera and waits for results of its new process. */
async function restart(id: string): Promise<void> {
  const from = vigia.lines.length;
  expect(await tell(`${id}/restart`)).toMatchObject({ camera: id, command: 'restart', status: 'ok', answer: {} });
  await vigia.until('new results', () => resultsOfNewProcess(vigia, id, from).some(({ status }) => status === 'ok'));
}

function errorOf(reply: CommandReply): object {
  expect(reply.status).toBe('error');
  return reply.status === 'error' ? reply.error : {};
}

async function reload(commands: boolean): Promise<void> {
  configured(commands);
  expect(await ask(box, 'POST', '/api/v1/reload')).toMatchObject({ status: 200, body: { mqtt: true } });
}

describe('commands', () => {
  test('what the documentation shows, with the tools of mosquitto', async () => {
    const args = ['-p', String(broker.port)];
    const id = 'restart-1';
    const sub = startProgram('/usr/bin/mosquitto_sub', [...args, '-C', '1', '-t', `vigia/${box.node}/reply/${id}`]);
    await broker.line(new RegExp(`vigia/${box.node}/reply/${id} \\(QoS 0\\)[^]*SUBACK`));
    const topic = `vigia/${box.node}/cmd/yard/restart`;
    startProgram('/usr/bin/mosquitto_pub', [...args, '-q', '1', '-t', topic, '-m', `{"id":"${id}"}`]);
    const [line] = await sub.line(/\{.*\}/);
    expect(JSON.parse(line)).toEqual({ id, command: 'restart', camera: 'yard', status: 'ok', answer: {} });
  });

  test('a restarted camera has a new process, a restarted consumer a new worker', async () => {
    const before = await pidOf('hall');
    await restart('hall');
    expect(isAlive(before)).toBe(false);
    const restarted = await tell('hall/restart_consumer', { consumer: 'light' });
    expect(restarted).toMatchObject({ status: 'ok', answer: {} });
  });

  test('the whole node answers as over HTTP', async () => {
    expect(await tell('_node/status')).toMatchObject({ camera: '_node', status: 'ok', answer: { node: box.node } });
    expect(await tell('_node/report')).toMatchObject({ status: 'ok', answer: { cameras: { hall: {}, yard: {} } } });
    expect(await tell('_node/config')).toMatchObject({ status: 'ok', answer: { document: { node: box.node } } });
    expect(await tell('_node/reload')).toMatchObject({ status: 'ok', answer: { changes: [] } });
  });

  test('a camera is added and removed, under the name of the broker', async () => {
    const settings = { source: 'rtsp://127.0.0.1:1/x' };
    const added = await tell('gate/put', { settings });
    expect(added).toMatchObject({ status: 'ok', answer: { cameras: { added: ['gate'] } } });
    const { body } = await ask(box, 'GET', '/api/v1/config/revisions');
    const last = (body as { readonly revision: number; readonly by: string }[]).at(-1);
    expect(last?.by).toBe('mqtt (127.0.0.1)');
    const conflict = await tell('gate/remove', { revision: (last?.revision ?? 0) - 1 });
    expect(errorOf(conflict)).toMatchObject({ code: 'conflict', revision: last?.revision });
    const removed = await tell('gate/remove', { revision: last?.revision });
    expect(removed).toMatchObject({ status: 'ok', answer: { cameras: { removed: ['gate'] } } });
  });

  test.each([
    ['attic/restart', {}, 'not_found', /no camera "attic".*hall/],
    ['hall/restart_consumer', { consumer: 'people' }, 'not_found', /consumers with workers: light/],
    ['hall/explode', {}, 'unknown_command', /there are restart, restart_consumer, put, remove$/],
    ['_node/stop', {}, 'unknown_command', /there are reload, status, report, config$/],
    ['hall/restart', { now: true }, 'usage', /now/],
    ['hall/put', { settings: { sorce: 'rtsp://a/1' } }, 'usage', /cameras\.hall\.sorce: unknown key/],
    ['cmd/put', { settings: { source: 'rtsp://127.0.0.1:1/x' } }, 'usage', /reserved/],
  ])('%s %o is refused with %s', async (to, payload, code, message) => {
    expect(errorOf(await tell(to, payload))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('a repeated id does nothing twice and gets the same answer', async () => {
    const settings = { source: 'rtsp://127.0.0.1:1/1' };
    const first = await tell('gate/put', { settings }, 'once');
    await tell('gate/remove');
    expect(await tell('gate/put', { settings }, 'once')).toEqual(first);
    expect((await ask(box, 'GET', '/api/v1/cameras/gate')).status).toBe(404);
    const before = await pidOf('yard');
    expect(errorOf(await tell('yard/restart', {}, 'once'))).toMatchObject({ code: 'key_reused' });
    expect(await pidOf('yard')).toBe(before);
  });

  test('the topics of another node are not seen', async () => {
    const before = await pidOf('yard');
    const payload = JSON.stringify({ id: 'other' });
    for (const node of ['other', `${box.node}0`, box.node.slice(0, -1)])
      await client.publishAsync(`vigia/${node}/cmd/yard/restart`, payload, { qos: 1 });
    expect((await tell('yard/remove', { revision: 1_000_000 })).status).toBe('error');
    expect(replies.some(({ id }) => id === 'other')).toBe(false);
    expect(await pidOf('yard')).toBe(before);
  });
});

describe('a broker', () => {
  test('whose commands are off is not obeyed; a command that it kept is not either', async () => {
    const before = await pidOf('yard');
    const times = subscriptions();
    await reload(false);
    const topic = `vigia/${box.node}/cmd/yard/restart`;
    await client.publishAsync(topic, '{"id":"kept"}', { qos: 1, retain: true });
    await reload(true);
    await vigia.until('its warning', () => vigia.stderr.includes('the last one: it is retained'));
    // The broker's log comes from another process.
    await expect.poll(subscriptions, { timeout: 10_000 }).toBe(times + 1);
    // Not even as it arrives.
    await client.publishAsync(topic, '{"id":"kept"}', { qos: 1, retain: true });
    await client.publishAsync(topic, '', { qos: 1, retain: true });
    expect((await tell('yard/remove', { revision: 1_000_000 })).status).toBe('error');
    expect(replies.some(({ id }) => id === 'kept')).toBe(false);
    expect(await pidOf('yard')).toBe(before);
  });
});

describe('a camera whose process hangs', () => {
  test('holds up no other: its command gets an error, then its restart a new process', async () => {
    const hung = await pidOf('hall');
    process.kill(hung, 'SIGSTOP');
    const order: string[] = [];
    const note = async (name: string, reply: Promise<CommandReply>): Promise<CommandReply> => {
      const answer = await reply;
      order.push(name);
      return answer;
    };
    const [consumer, restarted, yard, status] = await Promise.all([
      note('hung', tell('hall/restart_consumer', { consumer: 'light' })),
      note('restarted', tell('hall/restart')),
      note('yard', tell('yard/restart')),
      note('status', tell('_node/status')),
    ]);
    expect(errorOf(consumer)).toMatchObject({ code: 'no_answer' });
    expect([restarted.status, yard.status, status.status]).toEqual(['ok', 'ok', 'ok']);
    expect(order.slice(2)).toEqual(['hung', 'restarted']);
    expect(isAlive(hung)).toBe(false);
  });

  test('is ended by its restart, while another camera is restarted', async () => {
    await restart('hall');
    const hung = await pidOf('hall');
    process.kill(hung, 'SIGSTOP');
    const order: string[] = [];
    await Promise.all(
      ['hall', 'yard'].map(async (id) => {
        expect((await tell(`${id}/restart`)).status).toBe('ok');
        order.push(id);
      }),
    );
    expect(order).toEqual(['yard', 'hall']);
  });
});
