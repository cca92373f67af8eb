import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Detection, describeResponseSchema, inferResponseSchema } from '@vigia/contracts';
import { frameOf, ModelStore, type ResolvedModel } from '@vigia/model-container';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestContainer } from './support/container.ts';
import { TestClient } from './support/test-client.ts';

// Pose on crops: one container with two networks behind one socket.
let model: ResolvedModel;
let container: TestContainer;
let client: TestClient;
let dir: string;
let path: string;

beforeAll(async () => {
  model = await new ModelStore().resolve('movenet-lightning', { pull: true });
  dir = mkdtempSync(join(tmpdir(), 'vigia-crops-'));
  const socket = join(dir, 'model.sock');
  path = join('/dev/shm', `vigia_test_${process.pid}_crops`);
  container = new TestContainer(['--model-id', 'pose', '--model', model.dir, '--socket', socket]);
  await container.ready();
  client = await TestClient.open(socket);
}, 120_000);
afterAll(async () => {
  client?.close();
  await container?.kill();
  rmSync(dir, { recursive: true, force: true });
  rmSync(path, { force: true });
});

async function look(width: number, height: number, pixels: Buffer): Promise<readonly Detection[]> {
  writeFileSync(path, pixels);
  const metadata = { frame_id: 1, width, height, format: 'RGB24' };
  const request = { model_id: 'pose', camera_id: 'c', timestamp: 1, frame_reference: path, frame_metadata: metadata };
  const answer = inferResponseSchema.parse(await client.ask(request));
  expect(answer.error).toBeNull();
  return answer.detections ?? [];
}

test('asks for frames that are large enough to crop from, and says that it sees poses', async () => {
  const described = describeResponseSchema.parse(await client.ask({ op: 'describe' }));
  expect(described).toMatchObject({ task: 'pose', max_batch: 1, input: { width: 640, height: 480, fit: 'letterbox' } });
});

test('sees each person once, with 17 points that lie in and around its box', async () => {
  const { width, height } = frameOf(model.manifest);
  const people = await look(width, height, readFileSync(join(model.dir, 'golden.rgb')));
  expect(people.length).toBe(model.manifest.golden?.detections.length);
  for (const { bbox, keypoints = [] } of people) {
    expect(keypoints).toHaveLength(17);
    const [x0, y0, x1, y1] = bbox;
    for (const point of keypoints.filter((p) => p.confidence > 0.4)) {
      expect(point.x >= x0 - 0.02 && point.x <= x1 + 0.02).toBe(true);
      expect(point.y >= y0 - 0.02 && point.y <= y1 + 0.02).toBe(true);
    }
  }
});

test('finds no person in an empty picture of any size', async () => {
  for (const [width, height] of [
    [640, 480],
    [33, 17],
    [640, 1],
  ] as const)
    expect(await look(width, height, Buffer.alloc(width * height * 3, 128))).toEqual([]);
});
