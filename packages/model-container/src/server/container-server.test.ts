import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, createLog, encodeJson, FakeClock, systemClock, type VigiaError } from '@vigia/base';
import {
  CONTAINER_MESSAGE_LIMIT,
  describeResponseSchema,
  grantResponseSchema,
  healthResponseSchema,
  inferResponseSchema,
} from '@vigia/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeRunner, PERSON } from '../../test/support/fake-runner.ts';
import { TestClient } from '../../test/support/test-client.ts';
import { MESSAGE_TIMEOUT_MS } from './connection.ts';
import { ContainerServer, type ContainerServerOptions } from './container-server.ts';

let dir: string;
let path: string;
let runner: FakeRunner;
let servers: ContainerServer[];
let clients: TestClient[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-server-'));
  path = join(dir, 'model.sock');
  runner = new FakeRunner();
  servers = [];
  clients = [];
});
afterEach(async () => {
  for (const opened of clients) opened.close();
  for (const server of servers) await server.close();
  rmSync(dir, { recursive: true });
});

async function serve(more: Partial<ContainerServerOptions> = {}, clock: Clock = systemClock): Promise<ContainerServer> {
  const log = createLog('test', () => undefined);
  const server = await ContainerServer.start({
    modelId: 'm',
    runner,
    socketPath: path,
    log,
    clock,
    ...more,
  });
  servers.push(server);
  return server;
}

async function client(): Promise<TestClient> {
  const opened = await TestClient.open(path);
  clients.push(opened);
  return opened;
}

const infer = (camera: string, more: object = {}): object => ({
  model_id: 'm',
  camera_id: camera,
  timestamp: 1,
  frame_reference: '/dev/shm/x',
  frame_metadata: { frame_id: 7, width: 2, height: 2, format: 'RGB24' },
  ...more,
});
const want = (camera: string, id: string): object => ({
  op: 'want',
  request_id: id,
  model_id: 'm',
  camera_id: camera,
  consumer: 'people',
});

test('the original contract: connect, one request, read the answer', async () => {
  await serve();
  const peer = await client();
  peer.send(infer('a'));
  peer.socket.end();
  await runner.finish();
  const answer = await peer.next();
  expect(inferResponseSchema.parse(answer)).toEqual(answer);
  expect(answer).toMatchObject({ model_id: 'm', camera_id: 'a', frame_id: 7, detections: [PERSON], error: null });
  expect(answer['metadata']).toMatchObject({ inference_time_ms: 1.5, batch_size: 1, model_version: '0123456789ab' });
  await peer.closed();
});

test('an answer that fits into no message is an error, and the connection goes on', async () => {
  await serve();
  const peer = await client();
  const keypoints = Array.from({ length: 256 }, (_, i) => ({
    name: `p${i}`,
    x: 1 / 3,
    y: 2 / 3,
    confidence: 0.123_456,
  }));
  runner.outcome = { status: 'ok', detections: Array.from({ length: 100 }, () => ({ ...PERSON, keypoints })) };
  peer.send(infer('a', { request_id: 'large' }));
  await runner.finish();
  const answer = inferResponseSchema.parse(await peer.next());
  expect(answer).toMatchObject({
    request_id: 'large',
    frame_id: 7,
    detections: null,
    error: { code: 'inference_failed' },
  });
  expect(answer.error?.message).toMatch(/takes \d{7} bytes, a message has at most 1048576$/);
  runner.outcome = { status: 'ok', detections: [PERSON] };
  peer.send(infer('a', { request_id: 'small' }));
  await runner.finish();
  expect(await peer.next()).toMatchObject({ request_id: 'small', detections: [PERSON] });
  peer.send({ op: 'health', request_id: 'h' });
  expect(await peer.next()).toMatchObject({
    counters: { ok: 1, errors: 1 },
    last_error: expect.stringContaining('more than a message can hold'),
  });
});

test('answers without request_id keep their order, those with one overtake', async () => {
  await serve();
  const peer = await client();
  peer.send(infer('a'), { op: 'health' }, { op: 'describe', request_id: 'd' }, { op: 'health', request_id: 'h' });
  expect(await peer.next()).toMatchObject({ request_id: 'd' });
  expect(await peer.next()).toMatchObject({ request_id: 'h' });
  await runner.finish();
  expect(await peer.next()).toMatchObject({ camera_id: 'a' });
  expect(await peer.next()).toMatchObject({ state: 'ready' });
});

test('describe and health fit their schemas, and health counts', async () => {
  await serve();
  const peer = await client();
  describeResponseSchema.parse(await peer.ask({ op: 'describe' }));
  peer.send(infer('a'));
  await runner.finish();
  await peer.next();
  runner.outcome = { status: 'error', code: 'frame_not_found', message: 'none' };
  peer.send(infer('a'));
  await runner.finish();
  expect(await peer.next()).toMatchObject({ detections: null, error: { code: 'frame_not_found' } });
  const health = healthResponseSchema.parse(await peer.ask({ op: 'health' }));
  expect(health.counters).toEqual({ requests: 2, ok: 1, errors: 1, batches: 1, grants: 0, grants_expired: 0 });
  expect(health.inference_ms.p50).toBeCloseTo(1.5, 1);
  expect(health.last_error).toContain('frame_not_found');
});

test('a model that keeps failing is reported as failing, and recovers', async () => {
  await serve();
  const peer = await client();
  for (let i = 0; i < 3; i++) {
    peer.send(infer('a'));
    await runner.finish(new Error('boom'));
    expect(await peer.next()).toMatchObject({ detections: null, error: { code: 'inference_failed', message: 'boom' } });
  }
  expect(await peer.ask({ op: 'health' })).toMatchObject({ state: 'failing', inference_ms: { p50: 0, p99: 0 } });
  peer.send(infer('a'));
  await runner.finish();
  await peer.next();
  expect(await peer.ask({ op: 'health' })).toMatchObject({ state: 'ready' });
});

test('two clients get their grants in turn', async () => {
  // Its time stands still: on a busy machine a grant would expire before it is used.
  await serve({}, new FakeClock());
  const [a, b] = [await client(), await client()];
  const order: string[] = [];
  a.send(want('a', 'w'));
  let grant = grantResponseSchema.parse(await a.next());
  b.send(want('b', 'w'));
  // The first round must not begin before b is in line, otherwise a could win two in a row.
  await b.ask({ op: 'health', request_id: 'h' });
  for (let i = 0; i < 6; i++) {
    const [me, other, name] = i % 2 === 0 ? [a, b, 'a'] : [b, a, 'b'];
    order.push(name);
    me.send(infer(name, { request_id: 'i', grant: grant.grant?.id }), want(name, 'w'));
    await me.ask({ op: 'health', request_id: 'h' });
    await runner.finish();
    expect(await me.next()).toMatchObject({ request_id: 'i', error: null });
    grant = grantResponseSchema.parse(await other.next());
    expect(grant.grant?.expires_ms).toBe(100);
  }
  expect(order.join('')).toBe('ababab');
  expect(runner.runs).toBe(6);
});

test('a late infer gets grant_expired, unwant settles the want, wrong models are refused', async () => {
  const clock = new FakeClock();
  await serve({}, clock);
  const peer = await client();
  const first = grantResponseSchema.parse(await peer.ask(want('a', '1')));
  clock.advance(100);
  expect(await peer.ask(infer('a', { grant: first.grant?.id }))).toMatchObject({
    error: { code: 'grant_expired' },
    detections: null,
  });
  await peer.ask(want('b', '2'));
  peer.send(want('c', '3'), want('c', '4'), { ...want('c', '5'), op: 'unwant' });
  expect(await peer.next()).toMatchObject({ request_id: '4', grant: null, error: { code: 'bad_request' } });
  expect(await peer.next()).toEqual({ request_id: '3', grant: null, error: null });
  expect(await peer.next()).toEqual({ request_id: '5', grant: null, error: null });
  expect(await peer.ask({ ...want('a', '6'), model_id: 'x' })).toMatchObject({
    grant: null,
    error: { code: 'unknown_model' },
  });
  expect(await peer.ask(infer('a', { model_id: 'x' }))).toMatchObject({
    detections: null,
    error: { code: 'unknown_model' },
  });
});

test('a waiting request of the same camera is overloaded, one past its deadline is not run', async () => {
  const clock = new FakeClock();
  await serve({}, clock);
  const peer = await client();
  peer.send(
    infer('a', { request_id: '1' }),
    infer('a', { request_id: '2', deadline_ms: 20 }),
    infer('a', { request_id: '3' }),
  );
  expect(await peer.next()).toMatchObject({ request_id: '3', error: { code: 'overloaded' } });
  clock.advance(20);
  expect(await peer.next()).toMatchObject({ request_id: '2', error: { code: 'deadline_exceeded' } });
  await runner.finish();
  expect(await peer.next()).toMatchObject({ request_id: '1', error: null });
  expect(runner.runs).toBe(1);
});

test('a closed connection loses its turn and affects no other', async () => {
  await serve();
  const [a, b] = [await client(), await client()];
  await a.ask(want('a', '1'));
  b.send(want('b', '2'));
  await b.ask({ op: 'health', request_id: 'h' });
  a.close();
  const grant = grantResponseSchema.parse(await b.next());
  expect(grant.error).toBeNull();
  b.send(infer('b', { grant: grant.grant?.id }));
  await runner.finish();
  expect(await b.next()).toMatchObject({ error: null });
});

test('wrong fields are answered and the connection stays', async () => {
  await serve();
  const peer = await client();
  expect(await peer.ask({ op: 'infer', request_id: '1', camera_id: 'a', frame_metadata: { frame_id: 3 } })).toEqual({
    request_id: '1',
    model_id: 'm',
    camera_id: 'a',
    frame_id: 3,
    detections: null,
    error: { code: 'bad_request', message: expect.stringContaining('model_id') },
  });
  expect(await peer.ask({ op: 'dance' })).toMatchObject({ error: { code: 'bad_request' } });
  expect(await peer.ask({ op: 'want', request_id: '2' })).toMatchObject({
    request_id: '2',
    grant: null,
    error: { code: 'bad_request' },
  });
  expect(await peer.ask({ op: 'health' })).toMatchObject({ error: null });
});

const length = (bytes: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(bytes);
  return out;
};

test.each([
  ['no JSON', Buffer.concat([length(3), Buffer.from('abc')])],
  ['no object', encodeJson([1])],
  ['no UTF-8', Buffer.concat([length(4), Buffer.from([0x22, 0xff, 0xfe, 0x22])])],
  ['empty', length(0)],
  ['too long', Buffer.concat([length(CONTAINER_MESSAGE_LIMIT + 1), Buffer.alloc(100_000)])],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
])('what is not this protocol is answered and closed: %s', async (_, bytes) => {
  await serve();
  const peer = await client();
  peer.socket.write(bytes);
  const answer = await peer.next();
  inferResponseSchema.parse(answer);
  expect(answer).toMatchObject({ detections: null, error: { code: 'bad_request' } });
  peer.socket.end();
  await peer.closed();
  expect(await (await client()).ask({ op: 'health' })).toMatchObject({ error: null });
});

test('a message may come byte by byte, and one of exactly the limit is read', async () => {
  await serve();
  const peer = await client();
  for (const byte of encodeJson({ op: 'describe', request_id: 'slow' })) peer.socket.write(Buffer.of(byte));
  expect(await peer.next()).toMatchObject({ request_id: 'slow' });
  const filler = CONTAINER_MESSAGE_LIMIT - Buffer.byteLength(JSON.stringify({ op: 'health', x: '' }));
  expect(await peer.ask({ op: 'health', x: 'x'.repeat(filler) })).toMatchObject({ state: 'ready' });
});

test('half a message is not waited for forever, and its connection ends with its peer', async () => {
  const clock = new FakeClock();
  const server = await serve({}, clock);
  const [slow, gone] = [await client(), await client()];
  slow.send({ op: 'health' });
  slow.socket.write(length(100));
  gone.socket.write(length(100));
  gone.socket.end();
  await slow.next();
  await gone.closed();
  // Written after the answer was prepared, so the timer runs once a further answer has arrived.
  while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(MESSAGE_TIMEOUT_MS);
  expect(await slow.next()).toMatchObject({ error: { code: 'bad_request' } });
  clock.advance(1000);
  await slow.closed();
  expect([server.connections, clock.pendingTimers]).toEqual([0, 0]);
});

test('connections beyond the limit are closed', async () => {
  await serve({ maxConnections: 2 });
  const [a, b] = [await client(), await client()];
  await a.ask({ op: 'health' });
  await b.ask({ op: 'health' });
  const c = await client();
  await c.closed();
  expect(await a.ask({ op: 'health' })).toMatchObject({ error: null });
});

test('a peer that does not read its answers is closed', async () => {
  const server = await serve();
  const peer = await client();
  peer.socket.pause();
  const flood = Buffer.concat(Array.from({ length: 2000 }, () => encodeJson({ op: 'describe' })));
  while (server.connections > 0) {
    peer.socket.write(flood);
    await new Promise((resolve) => setImmediate(resolve));
  }
  peer.close();
  expect(await (await client()).ask({ op: 'health' })).toMatchObject({ error: null });
});

test('the socket is for owner and group, is removed at the end, and closing settles what waits', async () => {
  const server = await serve();
  expect(statSync(path).mode & 0o777).toBe(0o660);
  const peer = await client();
  peer.send(want('a', '1'), want('b', '2'));
  await peer.next();
  await Promise.all([server.close(), server.close()]);
  await peer.closed();
  expect(() => statSync(path)).toThrow(/ENOENT/);
});

test('a live socket, a file in the way and a path that is too long are clear errors', async () => {
  await serve();
  async function error(promise: Promise<unknown>): Promise<VigiaError> {
    try {
      await promise;
    } catch (thrown) {
      return thrown as VigiaError;
    }
    return expect.fail('nothing was thrown');
  }
  expect(await error(serve())).toMatchObject({ code: 'socket_in_use' });
  writeFileSync(join(dir, 'file'), '');
  expect(await error(serve({ socketPath: join(dir, 'file') }))).toMatchObject({
    code: 'socket',
    message: expect.stringContaining('no socket'),
  });
  expect(await error(serve({ socketPath: join(dir, 'x'.repeat(100)) }))).toMatchObject({ code: 'usage' });
  expect(await error(serve({ socketPath: join(dir, 'none', 'x') }))).toMatchObject({ code: 'socket' });
});
