import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@vigia/base';
import { type InferResponse, inferResponseSchema } from '@vigia/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDecoder } from '#decoders';
import { packedLayout } from '#frames';
import type { ModelRunner, RunResult } from '#inference';
import type { ModelManifest } from '#manifest';
import type { Network, OutputTensor } from '#network';
import { FakeRunner, PERSON } from '../../test/support/fake-runner.ts';
import { TestClient } from '../../test/support/test-client.ts';
import { FrameRuns } from '../inference/frame-runs.ts';
import { NetworkModel } from '../model/network-model.ts';
import { ContainerServer } from './container-server.ts';

// From the socket to the decoder and back. Only the network and the pictures are made up.

const SIDE = 8;
const MANIFEST: ModelManifest = {
  schema: 1,
  id: 'm',
  version: '000000000001',
  sha256: '',
  licence: 'CC0-1.0',
  source: 'made by a test',
  task: 'detection',
  classes: ['person'],
  input: { name: 'image', width: SIDE, height: SIDE, format: 'RGB24', fit: 'letterbox', max_batch: 2 },
  decoder: { kind: 'yolov8', output: 'o', anchors: 3, score_threshold: 0.5, iou_threshold: 0.5, max_detections: 10 },
};
/** Three boxes, as columns of centre x, centre y, width, height and score. The upper and lower quarter are padding. */
const OUTPUT: OutputTensor = {
  name: 'o',
  dims: [5, 3],
  data: Float32Array.from(
    [
      [2, 6, 6],
      [4, 4, 4],
      [4, 4, 2],
      [4, 4, 2],
      [0.9, 0.3, 0.1],
    ].flat(),
  ),
};
const STRONG = { class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 0.5, 1] };
const FAINT = { ...STRONG, confidence: 0.3, bbox: [0.5, 0, 1, 1] };

/** Every frame of every run gives {@link OUTPUT}, once the test opens the gate. */
class GatedNetwork implements Network {
  readonly input = new Uint8Array(2 * SIDE * SIDE * 3);
  readonly maxBatch = 2;
  readonly inputs = [];
  readonly outputs = [];
  readonly provider = 'test';
  open: () => void = () => undefined;
  readonly #gate = new Promise<void>((resolve) => (this.open = resolve));
  async run(count: number): Promise<OutputTensor[][]> {
    await this.#gate;
    return Array.from({ length: count }, () => [OUTPUT]);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

let dir: string;
let path: string;
let network: GatedNetwork;
let server: ContainerServer;
let peer: TestClient;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-faint-'));
  path = join(dir, 'model.sock');
  network = new GatedNetwork();
});
afterEach(async () => {
  peer.close();
  await server.close();
  rmSync(dir, { recursive: true });
});

/** Half as high as wide. */
const FRAME = {
  width: SIDE,
  height: SIDE / 2,
  format: 'RGB24',
  ...packedLayout('RGB24', SIDE, SIDE / 2),
  pixels: new Uint8Array((SIDE * SIDE * 3) / 2),
} as const;

async function realRunner(): Promise<ModelRunner> {
  const model = new NetworkModel(MANIFEST, network, await createDecoder(MANIFEST, ''));
  const runs = new FrameRuns(model, () => ({
    use: (_request, look) => {
      look(FRAME);
      return { status: 'ok' };
    },
    close: () => undefined,
  }));
  let last: Promise<unknown> = Promise.resolve();
  return {
    facts: model.facts,
    run: (jobs): Promise<RunResult> => {
      const run = last.then(() => runs.run(jobs));
      last = run;
      return run;
    },
    forget: (connection) => runs.forget(connection),
    close: () => Promise.resolve(),
  };
}

async function serve(runner: ModelRunner): Promise<void> {
  server = await ContainerServer.start({
    modelId: 'm',
    runner,
    socketPath: path,
    log: createLog('test', () => undefined),
  });
  peer = await TestClient.open(path);
}

const infer = (camera: string, more: object = {}): object => ({
  request_id: camera,
  model_id: 'm',
  camera_id: camera,
  timestamp: 1,
  frame_reference: '/dev/shm/x',
  frame_metadata: { frame_id: 7, width: SIDE, height: SIDE / 2, format: 'RGB24' },
  ...more,
});

test('the wish belongs to the request: of one run, only the frame that it came with has faint detections', async () => {
  await serve(await realRunner());
  // The first one runs alone and is held up; the others are the next run.
  peer.send(infer('alone', { faint_from: 0.05 }), infer('wishes', { faint_from: 0.3 }), infer('plain'));
  await peer.ask({ op: 'health', request_id: 'h' });
  network.open();
  const answers: Record<string, InferResponse> = {};
  for (let i = 0; i < 3; i++) {
    const answer = inferResponseSchema.parse(await peer.next());
    answers[answer.camera_id] = answer;
  }
  expect(Object.values(answers).map(({ detections }) => detections)).toEqual([[STRONG], [STRONG], [STRONG]]);
  expect([answers['wishes'], answers['plain']]).toMatchObject([
    { faint: [FAINT], metadata: { batch_size: 2 } },
    { metadata: { batch_size: 2 } },
  ]);
  expect(answers['plain']).not.toHaveProperty('faint');
  expect(answers['alone']).toMatchObject({
    faint: [FAINT, { confidence: 0.1, bbox: [0.625, 0.25, 0.875, 0.75] }],
    metadata: { batch_size: 1 },
  });
  // Row 0 had a wish before.
  expect(await peer.ask(infer('plain'))).not.toHaveProperty('faint');
});

test.each([0, 0.049, 1.01, -1, '0.2', null, true])(
  'faint_from %j is refused, and the connection stays',
  async (wrong) => {
    await serve(await realRunner());
    network.open();
    expect(await peer.ask(infer('a', { faint_from: wrong }))).toMatchObject({
      request_id: 'a',
      detections: null,
      error: { code: 'bad_request', message: 'faint_from: a number from 0.05 to 1 is expected' },
    });
    // Nothing is between 1 and the model's own threshold.
    expect(await peer.ask(infer('a', { faint_from: 1 }))).toMatchObject({ error: null, faint: [] });
  },
);

test('when the faint detections do not fit into the message, the answer comes without them', async () => {
  const runner = new FakeRunner();
  const long = { ...PERSON, class_name: 'x'.repeat(20_000) };
  runner.outcome = { status: 'ok', detections: [PERSON], faint: Array.from({ length: 60 }, () => long) };
  await serve(runner);
  peer.send(infer('a', { faint_from: 0.1 }));
  await runner.finish();
  const answer = await peer.next();
  expect(answer).toMatchObject({ detections: [PERSON], error: null });
  expect(answer).not.toHaveProperty('faint');
  expect(await peer.ask({ op: 'health' })).toMatchObject({ counters: { ok: 1, errors: 0 } });
});
