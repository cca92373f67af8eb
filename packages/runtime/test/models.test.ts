import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeContainer, SimulatedCamera } from '@vigia/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { CLIP, isAlive, Sandbox, Vigia } from './support/vigia.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A folder with a configuration of one camera and the given model. */
async function sandbox(model: string): Promise<{ readonly box: Sandbox; readonly file: string }> {
  const camera = await SimulatedCamera.start({ clip: CLIP });
  const box = new Sandbox();
  closers.push(
    () => camera.close(),
    () => box.remove(),
  );
  const cameras = `  hall:\n    source: ${camera.url}\n    consumers:\n      looks: { model: mine }\n`;
  const text = `version: 1\nnode: ${box.node}\ncameras:\n${cameras}models:\n  mine: ${model}\n`;
  return { box, file: box.file('vigia.yml', text) };
}

function run(box: Sandbox, file: string): Vigia {
  const vigia = new Vigia(['run', '-c', file, '--json'], box.env);
  closers.push(() => vigia.process.kill('SIGKILL'));
  return vigia;
}

/** A container that somebody else starts, in the node's run directory. */
async function startedByHand(box: Sandbox, input = { width: 64, height: 48 }): Promise<FakeContainer> {
  mkdirSync(box.runDir, { recursive: true, mode: 0o700 });
  const container = await FakeContainer.start({
    socketPath: join(box.runDir, 'vigia_model_mine.sock'),
    modelId: 'mine',
    input,
  });
  closers.push(() => container.close());
  return container;
}

describe('a container that somebody else starts', () => {
  test('is found, asked what it wants, missed when it goes and found again; the node leaves it alone', async () => {
    const { box, file } = await sandbox('{ external: {} }');
    const first = await startedByHand(box);
    const vigia = run(box, file);
    const ok = await vigia.until('an ok result', () => vigia.results.find((r) => r.status === 'ok'));
    // The bright model saw the whole letterboxed frame: mapped back, it is the whole picture.
    expect(ok.detections?.[0]).toMatchObject({ class_name: 'bright', bbox: [0, 0, 1, 1] });
    await first.close();
    const gone = vigia.results.length;
    const missed = await vigia.until('unavailable results', () =>
      vigia.results.slice(gone).find((r) => r.status === 'unavailable'),
    );
    expect(missed).toMatchObject({
      detections: null,
      error: { code: expect.stringMatching(/not_ready|connection_lost/) },
    });
    await vigia.until('the state of the model', () =>
      vigia.lines.find((l) => l.type === 'model_state' && l.state === 'failing'),
    );
    const second = await startedByHand(box);
    const back = vigia.results.length;
    await vigia.until('ok results again', () => vigia.results.slice(back).some((r) => r.status === 'ok'));
    vigia.process.kill('SIGTERM');
    expect(await vigia.ended()).toBe(0);
    expect(existsSync(join(box.runDir, 'vigia_model_mine.sock'))).toBe(true);
    expect(second.counts.infers).toBeGreaterThan(0);
  });

  test('takes over from the node’s own after a reload, and gives back after another', { tags: 'full' }, async () => {
    const { box, file } = await sandbox('{ use: ssdlite-mobilenet-v2 }');
    const text = readFileSync(file, 'utf8');
    const vigia = run(box, file);
    const seen = (from: number, className: string): Promise<unknown> =>
      vigia.until(`a ${className}`, () =>
        vigia.results.slice(from).some((r) => r.detections?.some((d) => d.class_name === className)),
      );
    await seen(0, 'person');
    const own = vigia.child('model-container');
    writeFileSync(file, text.replace(/mine: .*/, 'mine: { external: { input: { width: 64, height: 48 } } }'));
    const before = vigia.results.length;
    vigia.process.kill('SIGHUP');
    await vigia.until('the reload', () => vigia.stderr.includes('models: changed mine'));
    await vigia.until('the end of the own container', () => !isAlive(own));
    // Nobody is there yet, and each result says so.
    await vigia.until('unavailable results', () => vigia.results.slice(before).some((r) => r.status === 'unavailable'));
    // The own one, which has the same socket, was not taken for the other, nor asked for a proof.
    const told = (): string[] => vigia.lines.flatMap((l) => (l.type === 'model_state' && l.reason ? [l.reason] : []));
    await vigia.until('the reason', () => told().length > 0);
    expect(told()).toEqual([expect.stringContaining('nobody listens')]);
    const external = await startedByHand(box);
    await seen(before, 'bright');
    await external.close();
    writeFileSync(file, text);
    const after = vigia.results.length;
    vigia.process.kill('SIGHUP');
    await seen(after, 'person');
    vigia.process.kill('SIGTERM');
    expect(await vigia.ended()).toBe(0);
    expect(box.leftovers()).toEqual([]);
  });

  test('that is not there and of which nothing is said is a sentence', async () => {
    const { box, file } = await sandbox('{ external: {} }');
    const vigia = run(box, file);
    expect(await vigia.ended()).toBe(2);
    expect(vigia.stderr).toMatch(
      /^vigia: models\.mine\.external: nobody listens on .*vigia_model_mine\.sock; start the container first, or say with `input` what pictures it wants$/m,
    );
  });

  test('that wants pictures larger than any is refused before memory is planned for them', async () => {
    const { box, file } = await sandbox('{ external: {} }');
    await startedByHand(box, { width: 16_384, height: 16_384 });
    const checked = new Vigia(['check', '-c', file], box.env);
    expect(await checked.ended()).toBe(2);
    expect(checked.stderr).toMatch(
      /^vigia: models\.mine\.external: .* wants pictures of 16384×16384, sides up to 4096 /,
    );
  });

  test('that wants other pictures than was said is not used, and the results say why', async () => {
    const { box, file } = await sandbox('{ external: { input: { width: 300, height: 300 } } }');
    await startedByHand(box);
    const vigia = run(box, file);
    const told = await vigia.until('a result that says so', () =>
      vigia.results.find((r) => r.error?.message.includes('wants')),
    );
    expect(told).toMatchObject({ status: 'unavailable', error: { code: 'not_ready' } });
    expect(told.error?.message).toContain('it wants pictures of 64×48, it is sent 300×300');
  });

  test('is not ready because its socket accepts', async () => {
    const { box, file } = await sandbox('{ external: {} }');
    const container = await startedByHand(box);
    container.state = 'starting';
    const vigia = run(box, file);
    await vigia.until('a result that says so', () =>
      vigia.results.find((r) => r.error?.message.includes('it is loading its model')),
    );
    expect(container.counts.infers).toBe(0);
    container.state = 'ready';
    await vigia.until('an ok result', () => vigia.results.some((r) => r.status === 'ok'));
  });
});

describe('a container of the node’s own', { tags: 'full' }, () => {
  test('that grows beyond its memory is started again, and the reason is told', async () => {
    const { box, file } = await sandbox('{ use: ssdlite-mobilenet-v2, memory_mib: 64 }');
    const vigia = run(box, file);
    await vigia.until('the sentence', () =>
      /model:mine uses \d+ MiB of memory, 64 MiB are allowed, killed/.test(vigia.stderr),
    );
    const state = await vigia.until('the state', () =>
      vigia.lines.find((l) => l.type === 'model_state' && l.state === 'failing'),
    );
    expect(state).toMatchObject({ reason: expect.stringMatching(/^uses \d+ MiB of memory/) });
  });

  test.each([
    ['openvino', /provider "openvino" is not part of this ONNX Runtime \(it has cpu,.*; for OpenVINO run/],
    ['tensorrt', /provider "tensorrt" does not start on this machine: .*`provider: cpu` always works/],
  ])('a provider that is not there is one sentence: %s', async (provider, sentence) => {
    const { box, file } = await sandbox(`{ use: ssdlite-mobilenet-v2, provider: ${provider} }`);
    const checked = new Vigia(['check', '-c', file], box.env);
    expect(await checked.ended()).toBe(2);
    expect(checked.stdout).toBe('');
    expect(checked.stderr).toMatch(sentence);
    expect(checked.stderr).toMatch(/^vigia: models\.mine\.provider: [^\n]*\n$/);
    if (provider !== 'openvino') return;
    const vigia = run(box, file);
    await vigia.until('the sentence', () => sentence.test(vigia.stderr));
    const told = await vigia.until('a result', () => vigia.results[0]);
    expect(told).toMatchObject({ status: 'unavailable', detections: null });
  });

  test('a model with neither `use` nor `external` is a sentence', async () => {
    const { box, file } = await sandbox('{ threads: 2 }');
    const vigia = run(box, file);
    expect(await vigia.ended()).toBe(2);
    expect(vigia.stderr).toContain('a model has `use` (an id from `vigia models list`) or `external`');
  });
});
