/** @module-tag full */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@vigia/base';
import { type Detection, inferResponseSchema } from '@vigia/contracts';
import { addModel, frameOf, ModelStore, parseAddress, type ResolvedModel } from '@vigia/model-container';
import { type InferAnswer, type InferenceFault, InferenceServer } from '@vigia/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestContainer } from './support/container.ts';
import { protocolErrors } from './support/open-inference.ts';
import { ServedOnnx } from './support/served-onnx.ts';
import { TestClient } from './support/test-client.ts';
import { stringify } from 'yaml';

const TOKEN = 'not-to-be-seen-anywhere';
let dir: string;
let local: ResolvedModel;
let remote: ResolvedModel;
let served: ServedOnnx;
let server: InferenceServer;
const said: string[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-remote-'));
  local = await new ModelStore().resolve('ssdlite-mobilenet-v2', { pull: true });
  served = await ServedOnnx.open('ssdlite', local.onnxPath);
  server = await InferenceServer.start(served);
  remote = await addModel({
    store: new ModelStore({ cacheDir: dir }),
    id: 'far',
    address: parseAddress(`${server.url}/v2/models/ssdlite`),
    wishes: { licence: 'Apache-2.0', threshold: 0.55 },
    tell: (line) => said.push(line),
    confirm: () => Promise.resolve(true),
    clock: systemClock,
  });
}, 120_000);
afterAll(async () => {
  await server.close();
  await served.release();
  rmSync(dir, { recursive: true });
});

let containers: TestContainer[];
let clients: TestClient[];

beforeEach(() => {
  containers = [];
  clients = [];
});
afterEach(async () => {
  server.fault = undefined;
  server.token = undefined;
  server.ready = true;
  for (const client of clients) client.close();
  for (const container of containers) await container.kill();
});

function start(model: ResolvedModel): { container: TestContainer; connect: () => Promise<TestClient> } {
  const socket = join(dir, `${containers.length}.sock`);
  const args = ['--model-id', 'm', '--model', model.dir, '--socket', socket, '--allow-dir', local.dir];
  const container = new TestContainer(args);
  containers.push(container);
  const connect = async (): Promise<TestClient> => {
    const client = await TestClient.open(socket);
    clients.push(client);
    return client;
  };
  return { container, connect };
}

async function look(client: TestClient): Promise<ReturnType<typeof inferResponseSchema.parse>> {
  const answer = await client.ask({
    model_id: 'm',
    camera_id: 'a',
    timestamp: 1,
    frame_reference: join(local.dir, 'golden.rgb'),
    frame_metadata: { frame_id: 1, width: 300, height: 300, format: 'RGB24' },
  });
  return inferResponseSchema.parse(answer);
}

const near = (detections: readonly Detection[] | null): object[] =>
  (detections ?? []).map(({ class_id, class_name, confidence, bbox }) => ({
    class_id,
    class_name,
    confidence: expect.closeTo(confidence, 3),
    bbox: bbox.map((edge) => expect.closeTo(edge, 3)),
  }));

describe('a model that runs elsewhere', () => {
  test('is inspected, recognised, proven and measured like a local one', () => {
    const { manifest } = remote;
    expect(manifest).toMatchObject({
      remote: { url: server.url, model: 'ssdlite' },
      decoder: { kind: 'ssd', scores: 'scores', boxes: 'boxes', anchors: 1917 },
      input: { name: 'image', type: 'uint8', width: 300, height: 300 },
      speed: { provider: 'remote' },
    });
    expect(manifest.golden?.detections.length).toBeGreaterThanOrEqual(5);
    expect(manifest.speed?.ms_per_picture['1']).toBeGreaterThan(0);
    expect(said.join('\n')).toContain(`model: ssdlite on ${server.url}, which is ready`);
  });

  test('sees what the local one sees, through a container like any other', async () => {
    const here = start(local);
    const there = start(remote);
    await Promise.all([here.container.ready(), there.container.ready()]);
    const [a, b] = await Promise.all([here.connect().then(look), there.connect().then(look)]);
    expect(a.detections).toHaveLength(local.manifest.golden?.detections.length ?? -1);
    expect(b.detections).toEqual(near(a.detections));
    expect(b.metadata).toMatchObject({ batch_size: 1, model_version: remote.manifest.version });
    const [client] = clients.slice(1);
    expect(await client?.ask({ op: 'describe', request_id: 'd' })).toMatchObject({
      providers: ['remote'],
      input: frameOf(remote.manifest),
    });
  });

  test('is asked and answered in the words of the protocol', () => {
    expect(server.requests.length).toBeGreaterThan(10);
    for (const { json } of server.requests) expect(protocolErrors('inference_request', json)).toEqual([]);
    const schemas = {
      metadata: 'metadata_model_response',
      infer: 'inference_response',
      error: 'inference_error_response',
    };
    for (const { kind, json } of server.answers) expect(protocolErrors(schemas[kind], json)).toEqual([]);
  });
});

const altered = (alter: (output: InferAnswer['json']['outputs'][number]) => object): InferenceFault => ({
  kind: 'altered',
  alter: ({ json, binary }) => ({
    json: { ...json, outputs: json.outputs.map((output) => ({ ...output, ...alter(output) })) },
    binary,
  }),
});

describe('when its server fails', () => {
  test.each<[name: string, fault: InferenceFault, code: string, message: RegExp]>([
    ['says that it is busy', { kind: 'status', status: 503, error: 'no room' }, 'overloaded', /HTTP 503: no room/],
    ['asks for fewer', { kind: 'status', status: 429 }, 'overloaded', /HTTP 429/],
    ['closes mid-answer', { kind: 'half' }, 'overloaded', /closed the connection in the middle/],
    ['closes without an answer', { kind: 'close' }, 'overloaded', /cannot be reached/],
    ['does not answer', { kind: 'silent' }, 'deadline_exceeded', /did not answer within \d+ ms/],
    ['refuses', { kind: 'status', status: 400, error: 'bad\nshape' }, 'inference_failed', /HTTP 400: bad shape/],
    ['breaks down', { kind: 'status', status: 500 }, 'inference_failed', /HTTP 500/],
    ['sends it elsewhere', { kind: 'status', status: 302 }, 'inference_failed', /HTTP 302/],
    ['answers garbage', { kind: 'garbage' }, 'inference_failed', /no JSON/],
    [
      'announces more bytes than it sends',
      altered(({ parameters }) => ({ parameters: { binary_data_size: (parameters?.binary_data_size ?? 0) + 4 } })),
      'inference_failed',
      /announces \d+ bytes of tensors and has \d+/,
    ],
    [
      'has another shape',
      altered(({ shape: [, ...rest] }) => ({ shape: [2, ...rest] })),
      'inference_failed',
      /numbers for output 'scores' \[2,1917,90\], 345060 are expected/,
    ],
    ['has another type', altered(() => ({ datatype: 'INT32' })), 'inference_failed', /as INT32, FP32 is expected/],
    ['leaves outputs out', altered(() => ({ name: 'other' })), 'inference_failed', /has no output 'scores'/],
  ])('it %s: a typed error, and it goes on afterwards', async (_name, fault, code, message) => {
    const { container, connect } = start(remote);
    await container.ready();
    const client = await connect();
    server.fault = fault;
    const failed = await look(client);
    expect(failed.detections).toBeNull();
    expect(failed.error?.code).toBe(code);
    expect(failed.error?.message).toMatch(message);
    server.fault = undefined;
    expect((await look(client)).error).toBeNull();
  });

  test('one that closes kept connections costs nothing', async () => {
    const { container, connect } = start(remote);
    await container.ready();
    const client = await connect();
    expect((await look(client)).error).toBeNull();
    server.closeIdleConnections();
    expect((await look(client)).error).toBeNull();
  });

  test('while it is gone answers are `overloaded`, and `ok` when it is back', async () => {
    const own = await InferenceServer.start(served);
    const store = new ModelStore({ cacheDir: dir });
    const moved = await store.add('moving', (folder) => {
      const manifest = { ...remote.manifest, id: 'moving', remote: { url: own.url, model: 'ssdlite' } };
      writeFileSync(join(folder, 'model.yaml'), stringify(manifest, { aliasDuplicateObjects: false }));
      copyFileSync(join(remote.dir, 'golden.rgb'), join(folder, 'golden.rgb'));
      return Promise.resolve(manifest);
    });
    const { container, connect } = start(moved);
    await container.ready();
    const client = await connect();
    const port = Number(new URL(own.url).port);
    await own.close();
    const failed = await look(client);
    expect(failed.error).toEqual({ code: 'overloaded', message: expect.stringContaining('connection refused') });
    const back = await InferenceServer.start(served, port);
    expect((await look(client)).error).toBeNull();
    await back.close();
  });

  test('a container whose server is not ready does not start, and says why in a sentence', async () => {
    server.ready = false;
    const { container } = start(remote);
    expect(await container.exit()).toBe(1);
    expect(container.log).toContain(`model ssdlite on ${server.url} is not ready (HTTP 503)`);
  });
});

describe('a server that wants a token', () => {
  test('gets it from the environment, and reveals it to no other process', async () => {
    server.token = TOKEN;
    const refused = start(remote);
    expect(await refused.container.exit()).toBe(1);
    expect(refused.container.log).toContain('HTTP 401: not authorized; it wants the right token in VIGIA_REMOTE_TOKEN');
    process.env['VIGIA_REMOTE_TOKEN'] = TOKEN;
    const { container, connect } = start(remote);
    delete process.env['VIGIA_REMOTE_TOKEN'];
    await container.ready();
    const client = await connect();
    expect((await look(client)).error).toBeNull();
    server.fault = { kind: 'status', status: 400, error: `you said Bearer ${TOKEN}` };
    const failed = await look(client);
    expect(failed.error?.message).toContain('HTTP 400');
    expect(JSON.stringify(failed) + container.log).not.toContain(TOKEN);
    expect(readFileSync(join(remote.dir, 'model.yaml'), 'utf8')).not.toContain(TOKEN);
  });

  test('never in the address', () => {
    // Hidden even if the rest of the address is wrong.
    for (const address of [
      `http://me:${TOKEN}@127.0.0.1:1/v2/models/m`,
      `http://me:${TOKEN}@host:999999/v2/models/m`,
      `https:/me:${TOKEN}@host/v2/models/m`,
      `me:${TOKEN}@host:8000/v2/models/m`,
    ]) {
      expect(() => parseAddress(address)).toThrow(/user name or a password/);
      expect(() => parseAddress(address)).not.toThrow(TOKEN);
    }
    expect(parseAddress('models/@me/m.onnx')).toMatchObject({ kind: 'file' });
  });
});
