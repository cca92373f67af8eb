import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@vigia/base';
import { type Detection, grantResponseSchema, inferResponseSchema } from '@vigia/contracts';
import { FrameSegmentWriter } from '@vigia/frame-supplier';
import { ModelStore, type ResolvedModel } from '@vigia/model-container';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestContainer } from './support/container.ts';
import { TestClient } from './support/test-client.ts';

const BYTES = 300 * 300 * 3;
let model: ResolvedModel;
let pixels: Buffer;
let dir: string;
let framePath: string;
let containers: TestContainer[];
let clients: TestClient[];

beforeAll(async () => {
  model = await new ModelStore().resolve('ssdlite-mobilenet-v2', { pull: true });
  pixels = readFileSync(join(model.dir, 'golden.rgb'));
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-container-'));
  framePath = join('/dev/shm', `vigia_test_${process.pid}_frame`);
  writeFileSync(framePath, pixels);
  containers = [];
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.close();
  for (const container of containers) await container.kill();
  rmSync(dir, { recursive: true });
  rmSync(framePath, { force: true });
});

const socketPath = (): string => join(dir, 'model.sock');

function start(...more: string[]): TestContainer {
  const container = new TestContainer(['--model-id', 'ssd', '--model', model.dir, '--socket', socketPath(), ...more]);
  containers.push(container);
  return container;
}

async function connect(): Promise<TestClient> {
  const client = await TestClient.open(socketPath());
  clients.push(client);
  return client;
}

const infer = (camera: string, more: object = {}): object => ({
  model_id: 'ssd',
  camera_id: camera,
  timestamp: 1,
  frame_reference: framePath,
  frame_metadata: { frame_id: 42, width: 300, height: 300, format: 'RGB24' },
  ...more,
});
const want = (camera: string): object => ({
  op: 'want',
  request_id: 'w',
  model_id: 'ssd',
  camera_id: camera,
  consumer: 'people',
});
const people = (detections: readonly Detection[] | null): number =>
  (detections ?? []).filter((d) => d.class_name === 'person').length;

describe('a running container', () => {
  test('says ready, sees the people of the golden picture, and stops at SIGTERM', async () => {
    const container = start();
    expect(await container.ready()).toMatchObject({
      type: 'ready',
      protocol: 1,
      model_id: 'ssd',
      model_version: model.manifest.version,
    });
    const client = await connect();
    const answer = inferResponseSchema.parse(await client.ask(infer('a')));
    expect(people(answer.detections)).toBeGreaterThanOrEqual(4);
    expect(answer).toMatchObject({ frame_id: 42, error: null, metadata: { batch_size: 1 } });
    container.child.kill('SIGTERM');
    expect(await container.exit()).toBe(0);
    expect(existsSync(socketPath())).toBe(false);
    expect(container.log).toContain('"level":"info"');
  });

  test('answers health and describe while inference runs', async () => {
    await start().ready();
    const client = await connect();
    client.send(
      infer('a', { request_id: 'i' }),
      { op: 'health', request_id: 'h' },
      { op: 'describe', request_id: 'd' },
    );
    expect([(await client.next())['request_id'], (await client.next())['request_id']]).toEqual(['h', 'd']);
    expect(await client.next()).toMatchObject({ request_id: 'i', error: null });
  });

  test('reads our ring: a slot is seen, a reused one is expired, another epoch too', async () => {
    await start().ready();
    const path = join('/dev/shm', `vigia_test_${process.pid}_ring`);
    const writer = FrameSegmentWriter.create({ path, slots: 4, slotBytes: BYTES, clock: systemClock });
    try {
      const client = await connect();
      const stamp = {
        frameId: 1,
        capturedMs: 1,
        capturedWallMs: 1,
        ptsUs: 0,
        shape: {
          width: 300,
          height: 300,
          format: 'RGB24' as const,
          planes: [{ offset: 0, stride: 900 }],
          byteLength: BYTES,
        },
      };
      writer.begin(2);
      writer.view(2).set(pixels);
      const generation = writer.commit(2, stamp);
      const reference = (epoch: bigint): object => ({
        frame_reference: path,
        frame_metadata: {
          frame_id: 1,
          width: 300,
          height: 300,
          format: 'RGB24',
          slot: 2,
          generation: `${generation}`,
          epoch: `${epoch}`,
        },
      });
      const answer = inferResponseSchema.parse(await client.ask(infer('a', reference(writer.epoch))));
      expect(people(answer.detections)).toBeGreaterThanOrEqual(4);
      expect(await client.ask(infer('a', reference(writer.epoch + 2n)))).toMatchObject({
        error: { code: 'frame_expired' },
      });
      writer.begin(2);
      expect(await client.ask(infer('a', reference(writer.epoch)))).toMatchObject({
        detections: null,
        error: { code: 'frame_expired' },
      });
    } finally {
      writer.close();
    }
  });

  test('malformed, oversized and half-open peers affect no other', async () => {
    await start().ready();
    const [bad, big, half, good] = [await connect(), await connect(), await connect(), await connect()];
    bad.socket.write(Buffer.from([0, 0, 0, 1, 0x7b]));
    big.socket.write(Buffer.from([0x7f, 0, 0, 0]));
    half.socket.write(Buffer.from([0, 0, 1, 0, 0x7b]));
    half.socket.end();
    expect(await bad.next()).toMatchObject({ detections: null, error: { code: 'bad_request' } });
    expect(await big.next()).toMatchObject({ detections: null, error: { code: 'bad_request' } });
    await half.closed();
    expect(await good.ask(infer('a'))).toMatchObject({ error: null });
    expect(await good.ask(infer('a', { frame_reference: '/dev/shm/vigia_test_none' }))).toMatchObject({
      error: { code: 'frame_not_found' },
    });
    expect(await good.ask(infer('a', { frame_reference: '/etc/passwd' }))).toMatchObject({
      error: { code: 'frame_invalid' },
    });
  });

  test('two clients that always want take turns', async () => {
    await start().ready();
    const order: string[] = [];
    const rounds = async (name: string, client: TestClient): Promise<void> => {
      client.send(want(name));
      for (let i = 0; i < 10; i++) {
        const { grant } = grantResponseSchema.parse(await client.next());
        order.push(name);
        client.send(infer(name, { request_id: 'i', grant: grant?.id }), want(name));
        expect(await client.next()).toMatchObject({ request_id: 'i', error: null });
      }
    };
    await Promise.all([rounds('a', await connect()), rounds('b', await connect())]);
    // Once both are in line they alternate; only the first turns may go to the one that came first.
    const joint = order.slice(order.indexOf('b'), order.lastIndexOf('a') + 1).join('');
    expect(joint).toMatch(/^(ba)+$/);
    expect(joint.length).toBeGreaterThanOrEqual(16);
  });
});

describe('life and death', () => {
  test('kill -9 leaves a stale socket, which the next start replaces; a live one it does not touch', async () => {
    const first = start();
    await first.ready();
    await first.kill();
    expect(existsSync(socketPath())).toBe(true);
    await start().ready();
    expect(await (await connect()).ask({ op: 'health' })).toMatchObject({ state: 'ready' });
    const third = start();
    expect(await third.exit()).toBe(1);
    expect(third.log).toContain('another process serves');
    expect(await (await connect()).ask({ op: 'health' })).toMatchObject({ state: 'ready' });
  });

  test('ends with its parent, while serving or while loading', async () => {
    const serving = start();
    await serving.ready();
    serving.child.disconnect();
    expect(await serving.exit()).toBe(0);
    expect(existsSync(socketPath())).toBe(false);
    const loading = start();
    loading.child.disconnect();
    expect(await loading.exit()).toBe(0);
    expect(existsSync(socketPath())).toBe(false);
  });

  test('a model that is not what it was, or that is not there, is refused with a sentence', async () => {
    for (const name of ['model.yaml', 'model.onnx']) copyFileSync(join(model.dir, name), join(dir, name));
    writeFileSync(join(dir, 'golden.rgb'), Buffer.alloc(BYTES));
    const wrongPicture = start('--model', dir);
    expect(await wrongPicture.exit()).toBe(1);
    expect(wrongPicture.log).toContain('golden.rgb: SHA-256');
    const absent = start('--model', join(dir, 'none'));
    expect(await absent.exit()).toBe(1);
    expect(absent.log).toContain('no model in');
    writeFileSync(join(dir, 'model.onnx'), 'not a model');
    const broken = start('--model', dir);
    expect(await broken.exit()).toBe(1);
    expect(broken.log).toContain('cannot be loaded');
    const usage = start('--threads', 'many');
    expect(await usage.exit()).toBe(2);
    expect(usage.log).toContain('--threads many');
  });
});

afterAll(() => rmSync(join('/dev/shm', `vigia_test_${process.pid}_ring`), { force: true }));
