import { fileURLToPath } from 'node:url';
import { createLog, systemClock, StartGate } from '@vigia/base';
import { configSchema } from '@vigia/contracts';
import { CameraGeneration, type CameraGenerationOptions } from '@vigia/runtime/dist/node/children/camera-generation.js';
import { cameraMemoryLimit, planOf } from '@vigia/runtime/dist/node/plan/index.js';
import { afterEach, expect, test } from 'vitest';
import { CLIP, Sandbox } from './support/vigia.ts';

const ENTRY = fileURLToPath(new URL('../dist/camera/camera-process.js', import.meta.url));

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type State = Parameters<CameraGenerationOptions['onState']>[0];

/** A camera process that may use so much anonymous memory, and the states that it reports. */
function start(memoryLimitBytes: number | undefined): State[] {
  const box = new Sandbox();
  const config = configSchema.parse({ version: 1, node: box.node, cameras: { hall: { source: `file:${CLIP}?loop` } } });
  const [setup] = planOf(config, box.runDir, new Map()).cameras;
  if (!setup) throw new Error('the plan has no camera');
  const states: State[] = [];
  const nothing = (): void => undefined;
  const camera = new CameraGeneration({
    setup,
    boot: '01JD0000000000000000000000',
    entry: ENTRY,
    clock: systemClock,
    gate: new StartGate({ clock: systemClock, places: 2, heldMs: 2_000 }),
    log: createLog('test', nothing),
    before: undefined,
    slowed: new Map(),
    extraStopMs: 0,
    memoryLimitBytes: memoryLimitBytes ?? cameraMemoryLimit(setup),
    onState: (state) => void states.push(state),
    onResult: nothing,
    onWorkerState: nothing,
    onEvent: nothing,
    onRule: nothing,
    onLog: nothing,
    onDied: nothing,
  });
  camera.start();
  closers.push(
    () => box.remove(),
    () => camera.end(false),
  );
  return states;
}

test('a camera process above its memory is ended with the reason and started again; within its plan it stays', async () => {
  const [large, usual] = [start(4 * 2 ** 20), start(undefined)];
  await expect
    .poll(() => large.find(({ state }) => state === 'waiting'), { timeout: 20_000 })
    .toMatchObject({
      reason: 'process_failed',
      message: expect.stringMatching(/^the camera's process uses [\d.]+ MiB of memory, 4\.0 MiB are allowed$/),
    });
  await expect.poll(() => large.at(-1)?.state, { timeout: 20_000 }).toBe('live');
  expect(usual.map(({ state }) => state)).not.toContain('waiting');
});
