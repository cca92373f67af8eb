/** @module-tag full */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { systemClock, VigiaError } from '@vigia/base';
import { addModel, ModelStore, parseAddress } from '@vigia/model-container';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadNpmOptions } from '../src/model-store/npm-settings.ts';
import { endlessOnnx } from './support/endless-onnx.ts';
import { FakeRegistry } from './support/fake-registry.ts';
import { type RawEntry, rawPackage } from './support/raw-tar.ts';
import { tinyPose } from './support/tiny-pose.ts';

const MAIN = fileURLToPath(new URL('../../runtime/dist/main.js', import.meta.url));

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-onboard-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const write = (name: string, content: Uint8Array | string): string => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};
const kept = (): string[] => (existsSync(join(dir, 'cache/models')) ? readdirSync(join(dir, 'cache/models')) : []);

describe('a hostile npm package', () => {
  let registry: FakeRegistry;

  async function adding(entries: readonly RawEntry[]): Promise<unknown> {
    registry = await FakeRegistry.start(rawPackage(entries));
    const env = {
      HOME: dir,
      PATH: process.env['PATH'],
      npm_config_registry: registry.url,
      npm_config_cache: join(dir, 'npm'),
      npm_config_fetch_retries: '0',
    };
    const store = new ModelStore({ cacheDir: join(dir, 'cache'), npmOptions: () => loadNpmOptions(env, dir) });
    return addModel({
      store,
      id: 'poses',
      address: parseAddress('npm:tiny-model@1.0.0'),
      wishes: {},
      tell: () => undefined,
      confirm: () => Promise.resolve(true),
      clock: systemClock,
    }).catch((error: unknown) => error);
  }
  afterEach(() => registry.close());

  const local = (): string => write('local.onnx', tinyPose());
  const up = (path: string): string => `package/${'../'.repeat(16)}${path.slice(1)}`;
  const content = Buffer.from('not a model');

  test.each<[name: string, entries: (path: string) => RawEntry[]]>([
    ['a path that climbs', (path) => [{ path: up(path), content }]],
    ['a path that climbs in its middle', (path) => [{ path: up(path).replace('package/', 'package/a/'), content }]],
    ['an absolute path', (path) => [{ path, content }]],
    ['a symbolic link', (path) => [{ path: 'package/m.onnx', type: 'SymbolicLink', linkpath: path }]],
    ['a hard link', (path) => [{ path: 'package/m.onnx', type: 'Link', linkpath: path }]],
    [
      'a file below a link',
      (path) => [
        { path: 'package/d', type: 'SymbolicLink', linkpath: join(path, '..') },
        { path: 'package/d/local.onnx', content },
      ],
    ],
  ])('%s: nothing outside is read or written, and nothing stays', async (_name, entries) => {
    const path = local();
    const before = readFileSync(path);
    const failure = await adding(entries(path));
    expect(failure).toBeInstanceOf(VigiaError);
    expect(String(failure)).toMatch(/holds no \.onnx file|this is no ONNX model/);
    expect(readFileSync(path)).toEqual(before);
    expect(kept()).toEqual([]);
  });

  test('one that unpacks to much more than weights do is refused before it is unpacked', async () => {
    const failure = await adding([{ path: 'package/m.onnx', content: Buffer.alloc(100 * 1024 * 1024) }]);
    expect(failure).toMatchObject({ code: 'model_unsuitable', message: expect.stringContaining('more than 64 MiB') });
    expect(kept()).toEqual([]);
  });
});

test('a file whose graph names an output that does not exist: one line', async () => {
  const bytes = Buffer.from(tinyPose());
  const at = bytes.lastIndexOf('points');
  bytes.write('paints', at, 'latin1');
  const failure: unknown = await addModel({
    store: new ModelStore({ cacheDir: join(dir, 'cache') }),
    id: 'poses',
    address: parseAddress(write('m.onnx', bytes)),
    wishes: {},
    tell: () => undefined,
    confirm: () => Promise.resolve(true),
    clock: systemClock,
  }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(VigiaError);
  expect((failure as VigiaError).message).toMatch(/^this is no ONNX model that can be loaded: .*\S$/);
  expect(kept()).toEqual([]);
});

const ENDLESS = {
  'a graph that never ends': { file: () => endlessOnnx(), decoder: undefined, after: 'inputs:' },
  'a decoder that never ends': {
    file: () => tinyPose([1, 51]),
    decoder: 'export const decode = () => { for (;;); };',
    after: 'pictures:',
  },
  'a decoder that never loads': { file: () => tinyPose([1, 51]), decoder: 'for (;;);', after: 'inputs:' },
};

test.each(
  Object.entries(ENDLESS).flatMap(([name, what]) =>
    (['SIGINT', 'SIGTERM'] as const).map((by) => [name, by, what] as const),
  ),
)('%s: %s ends it at once, with a sentence, and nothing stays', async (_name, signal, { file, decoder, after }) => {
  const args = ['models', 'add', write('m.onnx', file()), '--id', 'poses', '--yes'];
  if (decoder !== undefined) args.push('--decoder', write('decode.mjs', decoder), '--classes', 'thing');
  const env = { ...process.env, VIGIA_CACHE_DIR: join(dir, 'cache'), VIGIA_RUN_DIR: dir };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(child, 'close');
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  while (!stderr.includes(after)) await setTimeout(20);
  await setTimeout(300);
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number);
  const beganMs = Date.now();
  child.kill(signal);
  const late = setTimeout(5_000, undefined, { ref: false }).then(() => child.kill('SIGKILL'));
  await closed;
  expect(Date.now() - beganMs).toBeLessThan(3_000);
  void late;
  expect(stderr.trim().split('\n').at(-1)).toMatch(/vigia models add was stopped/);
  expect(children.filter((pid) => pid > 0 && existsSync(`/proc/${pid}`))).toEqual([]);
  expect(kept()).toEqual([]);
});
