import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLES, currentBundle } from '@vigia/runtime/dist/bundle.js';
import { SimulatedCamera } from '@vigia/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from './support/programs.ts';
import { nameOf, PROCESSES } from './support/process-walls.ts';
import { CLIP, Sandbox, Vigia } from './support/vigia.ts';

/** What `scripts/bundle.mjs` says of a bundle: paths of modules, and names of packages outside. */
interface Bundled {
  readonly loads: readonly string[];
  readonly later: readonly string[];
}

/** Folders of the runtime whose code runs in one process only, and in which bundles they may be. */
const OWNERS: Readonly<Record<string, string>> = {
  api: 'api/api-process.js',
  camera: 'camera/camera-process.js',
  cli: 'command/command.js',
  footage: 'footage/footage-process.js',
  ingest: 'ingest/ingest-process.js',
  live: 'live/live-process.js',
  node: 'command/command.js',
  rehearsal: 'command/command.js',
};

const folder = currentBundle(BUNDLES);
if (folder === undefined) throw new Error('the bundles are not of the present build: npm run build');
const bundles = JSON.parse(readFileSync(join(folder, 'modules.json'), 'utf8')) as Readonly<Record<string, Bundled>>;

const namesOf = (modules: readonly string[]): string[] =>
  modules.flatMap((path) =>
    /^(?:packages|node_modules)\//.test(path) ? nameOf(path) : nameOf(`node_modules/${path}/`),
  );

describe('a bundle', () => {
  test.each(Object.entries(bundles))('%s holds no code of another process', (place, { loads, later }) => {
    const strange = namesOf([...loads, ...later]).filter((name) => {
      const owner = OWNERS[/^runtime\/([^/]+)\//.exec(name)?.[1] ?? ''];
      return owner !== undefined && owner !== place;
    });
    expect(strange).toEqual([]);
  });

  test('is there for each folder that only one process runs', () => {
    for (const [name, place] of Object.entries(OWNERS)) {
      const { loads = [], later = [] } = bundles[place] ?? {};
      expect(namesOf([...loads, ...later]).some((module) => module.startsWith(`runtime/${name}/`))).toBe(true);
    }
  });

  const walls = Object.entries(PROCESSES).flatMap(([name, { bundle, never }]) =>
    bundle === undefined ? [] : [[name, bundle, never] as const],
  );
  test.each(walls)('of %s loads at once what its modules load', (_, place, never) => {
    const names = namesOf(bundles[place]?.loads ?? []);
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name) => never.test(name))).toEqual([]);
  });

  test('of the command leaves every command, the schemas and the node for later', () => {
    const { loads = [] } = bundles['command/command.js'] ?? {};
    const early = namesOf(loads).filter((name) =>
      /^runtime\/(?:node|services)\/|^contracts\/|^npm:(?!koffi$)/.test(name),
    );
    expect(early).toEqual([]);
  });
});

describe('the command', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-bundles-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** Files of ours that `vigia --help` loads. */
  function loaded(bundle: string): string[] {
    const file = join(dir, `modules${bundle}`);
    const log = fileURLToPath(new URL('agents/module-log.mjs', import.meta.url));
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    const env = { ...process.env, MODULES_FILE: file, VIGIA_BUNDLE: bundle };
    const { status } = spawnSync(process.execPath, ['--import', log, main, '--help'], { env, timeout: 60_000 });
    expect(status).toBe(0);
    return readFileSync(file, 'utf8').split('\n').flatMap(nameOf);
  }

  test('runs as a bundle', () => {
    const modules = loaded('');
    expect(modules.slice(0, 2)).toEqual(['runtime/main.js', 'runtime/bundle.js']);
    const more = modules.slice(2).filter((name) => !name.startsWith('npm:'));
    expect(more.length).toBeGreaterThan(0);
    expect(more.filter((name) => !name.startsWith('runtime/bundle/'))).toEqual([]);
  });

  test('runs as modules with VIGIA_BUNDLE=off', () => {
    const modules = loaded('off');
    expect(modules).toContain('runtime/cli/cli.js');
    expect(modules.filter((name) => name.startsWith('runtime/bundle/'))).toEqual([]);
  });
});

describe('the processes of a node', () => {
  let camera: SimulatedCamera;
  beforeAll(async () => {
    camera = await SimulatedCamera.start({ clip: CLIP });
  });
  afterAll(() => camera.close());

  test.each(['', 'off'])('run all as bundles or all as modules: VIGIA_BUNDLE=%s', async (bundle) => {
    const box = new Sandbox();
    const config = box.file(
      'vigia.yml',
      `version: 1
node: ${box.node}
http: { listen: "127.0.0.1:${await freePort()}" }
models: { people: { use: ssdlite-mobilenet-v2 } }
cameras:
  hall: { source: "${camera.url}", record: { mode: always }, consumers: { people: { model: people } } }
`,
    );
    const env = { ...box.env, VIGIA_DATA_DIR: join(box.dir, 'data'), VIGIA_BUNDLE: bundle };
    const vigia = new Vigia(['run', '-c', config, '--json'], env);
    try {
      await vigia.until('a result', () => vigia.results.some(({ status }) => status === 'ok'));
      const entries = vigia.children().map(({ command }) => command.split(' ')[1] ?? '');
      const names = ['api-process', 'camera-process', 'footage-process', 'ingest-process', 'model-container'];
      for (const name of names) expect(entries.filter((entry) => entry.includes(name))).toHaveLength(1);
      expect(entries).toHaveLength(names.length);
      const bundled = entries.filter((entry) => entry.startsWith(`${folder}/`));
      expect(bundled).toHaveLength(bundle === 'off' ? 0 : names.length);
    } finally {
      vigia.process.kill('SIGTERM');
      expect(await vigia.ended()).toBe(0);
    }
    expect(box.leftovers()).toEqual([]);
    box.remove();
  });
});
