import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, encodeJson, FakeClock, FrameDecoder } from '@vigia/base';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Answer, ContainerClient, type Grant, SILENCE_MS } from './container-client.ts';

type Message = Record<string, unknown>;

const socketPath = join(tmpdir(), `vigia-test-client-${process.pid}.sock`);
let server: Server;
let sockets: Socket[];
let clock: FakeClock;
let client: ContainerClient;
let log: string[];
let readied: number;
/** Answers a message, or does not. */
let answer: (message: Message) => Message | undefined;
let happened: () => void;

beforeEach(async () => {
  sockets = [];
  log = [];
  readied = 0;
  happened = () => undefined;
  clock = new FakeClock();
  answer = introduced;
  server = createServer((socket) => {
    sockets.push(socket);
    const decoder = new FrameDecoder(1 << 20);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const payload of decoder.push(chunk)) {
        const reply = answer(JSON.parse(payload.toString()) as Message);
        if (reply) socket.write(encodeJson(reply));
        happened();
      }
    });
  });
  await new Promise<void>((resolve) => void server.listen(socketPath, resolve));
  client = new ContainerClient({
    socketPath,
    model: 'm',
    camera: 'hall',
    input: { width: 300, height: 200 },
    clock,
    log: createLog('test', (record) => void log.push(record.message)),
    onReady: () => {
      readied += 1;
      happened();
    },
  });
});

afterEach(async () => {
  client.close();
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  rmSync(socketPath, { force: true });
  expect(clock.pendingTimers).toBe(0);
});

function introduced({ op, request_id }: Message, input: object = {}, state = 'ready'): Message | undefined {
  if (op === 'describe') {
    const size = { width: 300, height: 200, formats: ['RGB24'], fit: 'stretch', ...input };
    const facts = { model_id: 'm', model_version: '1', task: 'detection', classes: ['person'], max_batch: 1 };
    return { request_id, protocol: 1, ...facts, input: size, providers: ['cpu'], error: null };
  }
  if (op !== 'health') return undefined;
  const counters = { requests: 0, ok: 0, errors: 0, batches: 0, grants: 0, grants_expired: 0 };
  const inference_ms = { p50: 0, p99: 0 };
  return { request_id, state, uptime_ms: 1, counters, inference_ms, last_error: null, error: null };
}

/** Waits until something happened that makes it true. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => (happened = resolve));
}

async function ready(): Promise<void> {
  client.start();
  await until(() => readied === 1);
}

function want(): Promise<Answer<Grant>> {
  return new Promise((resolve) => client.want('people', resolve));
}

test('is ready once the container has described itself and its health, not when the socket accepts', async () => {
  const ops: unknown[] = [];
  answer = (message) => {
    ops.push(message['op']);
    return introduced(message);
  };
  await ready();
  expect(ops).toEqual(['describe', 'health']);
});

test('a container that is loading is polled until it is ready', async () => {
  let state = 'starting';
  let asked = 0;
  answer = (message) => {
    asked += message['op'] === 'health' ? 1 : 0;
    return introduced(message, {}, state);
  };
  client.start();
  await until(() => asked === 1);
  // The answer has to come back before there is a timer to run out.
  while (client.why !== 'it is loading its model') await new Promise((resolve) => void setImmediate(resolve));
  expect(client.ready).toBe(false);
  state = 'ready';
  clock.advance(250);
  await until(() => readied === 1);
});

test.each([
  [{ width: 640 }, 'it wants pictures of 640×200, it is sent 300×200'],
  [{ width: 'wide' }, 'it does not answer `describe` as protocol 1 says'],
])('one that wants other pictures, or does not say, is not used: %j', async (input, why) => {
  answer = (message) => introduced(message, input);
  client.start();
  while (!client.why.startsWith(why)) await new Promise((resolve) => void setImmediate(resolve));
  expect(client.ready).toBe(false);
  expect((await want()).kind).toBe('lost');
});

test('a silent container that owes an answer gets a health request, and is disconnected without an answer to it', async () => {
  await ready();
  const ops: unknown[] = [];
  answer = (message) => {
    ops.push(message['op']);
    return undefined;
  };
  const granted = want();
  await until(() => ops.length === 1);
  clock.advance(SILENCE_MS);
  await until(() => ops.length === 2);
  expect(ops).toEqual(['want', 'health']);
  clock.advance(SILENCE_MS);
  expect((await granted).kind).toBe('lost');
  expect([client.ready, client.why]).toEqual([false, 'it has stopped answering']);
});

test('a container that is merely slow is not disconnected', async () => {
  await ready();
  let wanted: Message | undefined;
  let asked = 0;
  answer = (message) => {
    if (message['op'] === 'want') wanted = message;
    if (message['op'] === 'health') asked += 1;
    return introduced(message);
  };
  const granted = want();
  await until(() => wanted !== undefined);
  for (let i = 1; i <= 3; i += 1) {
    clock.advance(SILENCE_MS);
    await until(() => asked === i);
    await new Promise((resolve) => void setImmediate(resolve));
    await new Promise((resolve) => void setImmediate(resolve));
  }
  sockets[0]?.write(
    encodeJson({ request_id: wanted?.['request_id'], grant: { id: 'g', expires_ms: 100 }, error: null }),
  );
  expect(await granted).toEqual({ kind: 'answer', value: { id: 'g' } });
});

const FRAME = {
  timestamp: 0,
  frame_reference: '/dev/shm/x',
  frame_metadata: { frame_id: 1, width: 1, height: 1, format: 'GRAY8' as const },
};
const PERSON = { class_id: 0, class_name: 'person', confidence: 0.3, bbox: [0, 0, 1, 1] };

test('a wish for faint detections is sent, and they arrive', async () => {
  await ready();
  let wish: unknown;
  answer = ({ request_id, faint_from }) => {
    wish = faint_from;
    return { request_id, model_id: 'm', camera_id: 'hall', frame_id: 1, detections: [], faint: [PERSON], error: null };
  };
  const seen = await new Promise((resolve) => client.infer({ ...FRAME, faint_from: 0.2 }, resolve));
  expect(seen).toMatchObject({ kind: 'answer', value: { detections: [], faint: [PERSON] } });
  expect(wish).toBe(0.2);
});

test.each([
  [[{ ...PERSON, confidence: 1.5 }]],
  [[{ ...PERSON, bbox: [0, 0, 1] }]],
  [Array.from({ length: 65 }, () => PERSON)],
  [null],
])('faint detections are checked like the others: %j', async (faint) => {
  await ready();
  answer = ({ request_id }) => {
    return { request_id, model_id: 'm', camera_id: 'hall', frame_id: 1, detections: [], faint, error: null };
  };
  const seen = await new Promise((resolve) => client.infer(FRAME, resolve));
  expect(seen).toMatchObject({ kind: 'failed', error: { code: 'inference_failed' } });
});

test('a container that loses answers is disconnected, and a request beyond the limit is refused at once', async () => {
  await ready();
  answer = () => undefined;
  const asked = Array.from(
    { length: 256 },
    () => new Promise<string>((resolve) => client.infer(FRAME, ({ kind }) => resolve(kind))),
  );
  expect(client.ready).toBe(true);
  const refused = want();
  expect([client.ready, client.why]).toEqual([false, 'it forgets answers']);
  expect((await refused).kind).toBe('lost');
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['lost']));
});

test('a container that answers health, but ends no run for a minute, is disconnected', async () => {
  await ready();
  let asked = 0;
  answer = (message) => {
    asked += message['op'] === 'health' ? 1 : 0;
    return introduced(message);
  };
  const granted = want();
  const settled = granted.then((given) => given.kind);
  for (let i = 1; client.why !== 'it gives no turns' && i < 40; i += 1) {
    clock.advance(SILENCE_MS);
    await until(() => asked >= i);
    await new Promise((resolve) => void setImmediate(resolve));
    await new Promise((resolve) => void setImmediate(resolve));
  }
  expect(client.why).toBe('it gives no turns');
  expect(await settled).toBe('lost');
});

test('garbage ends the connection with one warning, and the next one is delayed', async () => {
  answer = () => undefined;
  client.start();
  await until(() => sockets.length === 1);
  sockets[0]?.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
  while (client.why !== 'what it sends is not of protocol 1')
    await new Promise((resolve) => void setImmediate(resolve));
  while (clock.pendingTimers < 2) await new Promise((resolve) => void setImmediate(resolve));
  clock.advance(500);
  expect(sockets).toHaveLength(1);
  answer = introduced;
  clock.advance(500);
  await until(() => readied === 1);
  expect(log.filter((line) => line.includes('reconnecting'))).toHaveLength(1);
});

test('unsolicited answers cause one warning', async () => {
  await ready();
  for (let i = 0; i < 5; i += 1) sockets[0]?.write(encodeJson({ request_id: `x${i}`, error: null }));
  const granted = want();
  sockets[0]?.end();
  expect((await granted).kind).toBe('lost');
  expect(log.filter((line) => line.includes('nobody waits for'))).toHaveLength(1);
});
