/** @module-tag full */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Detection, inferResponseSchema } from '@vigia/contracts';
import { ModelStore } from '@vigia/model-container';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestContainer } from './support/container.ts';
import { TestClient } from './support/test-client.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLES = join(ROOT, 'examples/models');
/** Up to 15 MB are downloaded, and a slow network is measured. */
const TIMEOUT_MS = 300_000;
const LINES = { 'text.mjs': 30, 'brightness.mjs': 20 } as const;

let dir: string;
let container: TestContainer | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-examples-'));
});
afterEach(async () => {
  await container?.kill();
  container = undefined;
  rmSync(dir, { recursive: true });
});

/** The first block of commands of the page, verbatim. */
function documentedSteps(): string {
  return /```sh\n([\s\S]*?)```/.exec(readFileSync(join(EXAMPLES, 'README.md'), 'utf8'))?.[1] ?? '';
}

async function shell(script: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = { ...process.env, VIGIA_CACHE_DIR: dir, VIGIA_RUN_DIR: dir };
  const child = spawn('bash', ['-e', '-c', script], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

/** Sends one packed RGB24 picture to a container. */
async function look(
  socket: string,
  modelId: string,
  picture: Buffer,
  width: number,
  height: number,
): Promise<Detection[]> {
  const file = join(dir, 'frame.rgb');
  writeFileSync(file, picture);
  const client = await TestClient.open(socket);
  try {
    const answer = await client.ask({
      model_id: modelId,
      camera_id: 'a',
      timestamp: 1,
      frame_reference: file,
      frame_metadata: { frame_id: 1, width, height, format: 'RGB24' },
    });
    const { detections, error } = inferResponseSchema.parse(answer);
    expect(error).toBeNull();
    return detections ?? [];
  } finally {
    client.close();
  }
}

test.each(Object.entries(LINES))('%s is short', (file, limit) => {
  expect(readFileSync(join(EXAMPLES, file), 'utf8').split('\n').length).toBeLessThanOrEqual(limit);
});

test(
  'a network without a decoder here is onboarded by the documented steps, and finds the name tag',
  async () => {
    const steps = await shell(documentedSteps());
    expect(steps.stderr).toMatch(/golden picture .*astronaut\.jpg: 1 seen/);
    expect(steps.code).toBe(0);
    expect(steps.stdout).toMatch(/hash right, golden picture right \(1 objects/);
    expect(steps.stdout).toMatch(/decoder: module/);
    const { manifest, dir: folder } = await new ModelStore({ cacheDir: dir }).resolve('text');
    expect(manifest).toMatchObject({ licence: 'Apache-2.0', classes: ['text'], task: 'detection' });
    expect(Object.keys(manifest.speed?.ms_per_picture ?? {})).toEqual(['1', '2', '4']);

    const socket = join(dir, 't.sock');
    container = new TestContainer(['--model-id', 'text', '--model', folder, '--socket', socket, '--allow-dir', dir]);
    await container.ready();
    // Not the golden picture: its lower right, enlarged, with other proportions.
    const [width, height] = [960, 720];
    const picture = await sharp(join(ROOT, 'packages/model-container/assets/golden/astronaut.jpg'))
      .resize(1280, 1280)
      .extract({ left: 320, top: 480, width, height })
      .raw()
      .toBuffer();
    const found = await look(socket, 'text', picture, width, height);
    const tag = found.find(({ bbox: [x0, y0, x1, y1] }) => {
      const [x, y] = [((x0 + x1) / 2) * width, ((y0 + y1) / 2) * height];
      return x > 400 && x < 460 && y > 435 && y < 465;
    });
    expect(tag).toMatchObject({ class_name: 'text' });
  },
  TIMEOUT_MS,
);

test('a module of one function is a container: it sees what is bright', async () => {
  const socket = join(dir, 'b.sock');
  const module = join(EXAMPLES, 'brightness.mjs');
  container = new TestContainer(['--module', module, '--model-id', 'bright', '--socket', socket, '--allow-dir', dir]);
  expect(await container.ready()).toMatchObject({ model_id: 'bright', model_version: '1' });
  const grey = (value: number): Buffer => Buffer.alloc(64 * 36 * 3, value);
  expect(await look(socket, 'bright', grey(204), 64, 36)).toEqual([
    { class_id: 0, class_name: 'bright', confidence: expect.closeTo(0.8), bbox: [0, 0, 1, 1] },
  ]);
  expect(await look(socket, 'bright', grey(51), 64, 36)).toEqual([]);
});
