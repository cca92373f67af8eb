import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { encodeJson, systemClock } from '@vigia/base';
import { FakeContainer } from '@vigia/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ContainerWatch, type Wellbeing } from './container-watch.ts';

let dir: string;
let fake: FakeContainer;
let watch: ContainerWatch;
let infer: () => void;

beforeEach(async () => {
  dir = mkdtempSync('/dev/shm/vigia_test_watch_');
  infer = () => undefined;
  fake = await FakeContainer.start({
    socketPath: join(dir, 'model.sock'),
    modelId: 'm',
    infer: (detections) => {
      infer();
      return detections;
    },
  });
  watch = watchOf(join(dir, 'probe.'));
});
afterEach(async () => {
  watch.stop();
  await fake.close();
  // No test may leave a probe's picture behind.
  expect(readdirSync(dir).filter((name) => name.startsWith('probe.'))).toEqual([]);
  rmSync(dir, { recursive: true });
});

function watchOf(probePrefix: string): ContainerWatch {
  const frame = { width: 8, height: 8 };
  const socketPath = join(dir, 'model.sock');
  return new ContainerWatch({
    onHealth: () => undefined,
    socketPath,
    model: 'm',
    frame,
    probePrefix,
    clock: systemClock,
    probeTimeoutMs: 300,
  });
}

/** The result of the first check. */
function first(): Promise<Wellbeing> {
  return new Promise((resolve) => watch.start(resolve));
}

describe('a container is serving', () => {
  test('when it answers a probe', async () => {
    expect(await first()).toMatchObject({ state: 'serving' });
    expect(fake.counts.infers).toBe(1);
  });

  test('not because it reports so: without an answer to a probe it is silent', async () => {
    fake.misbehave('silent');
    expect(await first()).toMatchObject({
      state: 'silent',
      times: 1,
      why: expect.stringContaining('no answer within 300'),
    });
  });

  test('it is silent when no process listens', async () => {
    await fake.close();
    expect(await first()).toMatchObject({ state: 'silent', why: 'nobody listens' });
  });

  test('it is failing, with the model’s message, when the model fails on the probe', async () => {
    infer = () => {
      throw new Error('no such weights');
    };
    expect(await first()).toMatchObject({ state: 'failing', why: expect.stringContaining('no such weights') });
  });

  test('what it says is printable', async () => {
    infer = () => {
      throw new Error('no\u001b[2J\u007f weights');
    };
    expect(await first()).toMatchObject({
      state: 'failing',
      why: expect.stringContaining('no\ufffd[2J\ufffd weights'),
    });
  });

  test('an answer for another frame does not count', async () => {
    fake.misbehave('wrong_frame');
    expect(await first()).toMatchObject({ state: 'failing', why: 'a probe was answered with something else' });
  });

  test.each([
    ['a probe that was refused is no look, and no sign of anything', 'ready', 'unknown', 'a probe was refused'],
    ['what it says of itself holds, though a probe was refused', 'failing', 'failing', ''],
  ] as const)('%s', async (_what, says, state, why) => {
    fake.state = says;
    // The container runs one frame of this camera and queues one. It refuses a third as `overloaded`.
    fake.delayMs = 200;
    const path = join(dir, 'frame.rgb');
    writeFileSync(path, Buffer.alloc(8 * 8 * 3));
    const metadata = { frame_id: 1, width: 8, height: 8, format: 'RGB24' };
    const request = {
      model_id: 'm',
      camera_id: '_probe',
      timestamp: 0,
      frame_reference: path,
      frame_metadata: metadata,
    };
    const others = connect(join(dir, 'model.sock'));
    others.write(
      Buffer.concat([encodeJson({ ...request, request_id: '1' }), encodeJson({ ...request, request_id: '2' })]),
    );
    while (fake.counts.infers < 2) await new Promise((resolve) => void setImmediate(resolve));
    const found = await first();
    others.destroy();
    expect(found).toMatchObject({ state, health: { state: says }, why: expect.stringContaining(why) });
  });

  test('it is not probed while it loads', async () => {
    fake.state = 'starting';
    expect(await first()).toMatchObject({ state: 'starting' });
    expect(fake.counts.infers).toBe(0);
  });
});

describe('a problem of the supervisor is not blamed on the container', () => {
  test('the probe cannot be written', async () => {
    watch = watchOf(join(dir, 'no-such-folder', 'probe.'));
    expect(await first()).toMatchObject({
      state: 'unknown',
      why: expect.stringContaining('a probe could not be made'),
    });
  });
});

test('stop aborts a running check and discards its result', async () => {
  fake.misbehave('silent');
  let heard = 0;
  watch.start(() => (heard += 1));
  // The probe has been sent once its picture exists.
  while (!readdirSync(dir).some((name) => name.startsWith('probe.')))
    await new Promise((resolve) => void setImmediate(resolve));
  watch.stop();
  while (readdirSync(dir).some((name) => name.startsWith('probe.')))
    await new Promise((resolve) => void setImmediate(resolve));
  expect(heard).toBe(0);
});
