import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'vigia-modules-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const LOG = fileURLToPath(new URL('agents/module-log.mjs', import.meta.url));

/** Every module that an entry loads before it does anything, as `runtime/camera/camera.js` or `npm:zod`. */
function modulesOf(entry: string): string[] {
  const file = join(dir, 'modules');
  rmSync(file, { force: true });
  const url = import.meta.resolve(entry);
  const code = `await import(${JSON.stringify(url)}); process.exit(0);`;
  const env = { ...process.env, MODULES_FILE: file };
  const args = ['--import', LOG, '--input-type=module', '-e', code];
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8', timeout: 60_000 });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return [...new Set(readFileSync(file, 'utf8').trim().split('\n').flatMap(nameOf))];
}

function nameOf(url: string): string[] {
  const ours = /\/packages\/([^/]+)\/dist\/(.+)$/.exec(url);
  if (ours) return [`${ours[1]}/${ours[2]}`];
  const theirs = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  return theirs === undefined ? [] : [`npm:${theirs}`];
}

const ours = (modules: readonly string[]): string[] => modules.filter((name) => !name.startsWith('npm:'));

/** What each process loads: at most so many modules of ours, and nothing that belongs to another process. */
const PROCESSES = {
  'a camera process': {
    entry: '@vigia/runtime/dist/camera/camera-process.js',
    most: 252,
    never:
      /^runtime\/(?:node|cli|main)|^model-container\/|^npm:(?:yaml|pacote|tar|fastify|mqtt|aedes|libsql|sharp|onnxruntime-node)$/,
  },
  'the node': {
    entry: '@vigia/runtime/dist/node/index.js',
    most: 344,
    never:
      /^runtime\/(?:camera|cli|services\/tracing)\/|^runtime\/core\/media\/(?:libav|rtsp|sources)\/|^npm:(?:node-av|sharp|aedes|libsql|onnxruntime-node)$/,
  },
  'the api process': {
    entry: '@vigia/runtime/dist/api/api-process.js',
    most: 150,
    never:
      /^runtime\/(?:node|camera|ingest|footage|cli|main|services\/(?!control-plane)|core\/media)|^model-container\/|^frame-supplier\/|^npm:(?:yaml|pacote|tar|mqtt|aedes|libsql|sharp|onnxruntime-node|node-av)$/,
  },
  'the live process': {
    entry: '@vigia/runtime/dist/live/live-process.js',
    most: 90,
    never:
      /^runtime\/(?:node|camera|ingest|footage|api|cli|main|services|core\/media\/(?:libav|rtsp|sources))|^model-container\/|^frame-supplier\/|^npm:(?:yaml|pacote|tar|fastify|mqtt|aedes|libsql|sharp|onnxruntime-node|node-av)$/,
  },
  'the footage process': {
    entry: '@vigia/runtime/dist/footage/footage-process.js',
    most: 150,
    never:
      /^runtime\/(?:node|camera|ingest|cli|main|core\/media\/(?:rtsp|sources))|^model-container\/|^npm:(?:yaml|pacote|tar|fastify|mqtt|aedes|onnxruntime-node)$/,
  },
  'an ingest process': {
    entry: '@vigia/runtime/dist/ingest/ingest-process.js',
    most: 195,
    never:
      /^runtime\/(?:node|camera|footage|cli|main|services\/(?:inference|workers|playback|footage))|^model-container\/|^npm:(?:yaml|pacote|tar|fastify|mqtt|aedes|libsql|sharp|onnxruntime-node)$/,
  },
  'a model container': {
    entry: '@vigia/model-container/dist/container.js',
    most: 92,
    never: /^runtime\/|^model-container\/(?:model-store|onboarding|conversion)\/|^npm:(?:pacote|tar)$/,
  },
};

test.each(Object.entries(PROCESSES))(
  '%s loads what it needs, and nothing of the others',
  (_, { entry, most, never }) => {
    const modules = modulesOf(entry);
    expect(modules.filter((name) => never.test(name))).toEqual([]);
    expect(ours(modules).length).toBeGreaterThan(40);
    expect(ours(modules).length).toBeLessThanOrEqual(most);
  },
);
