import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));

/** Runs an example to its end and returns its output by line. */
async function run(program: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const child = spawn(program, [join(examples, file)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(0);
  return out.trim().split('\n');
}

const starting = (lines: readonly string[], word: string): string[] => lines.filter((line) => line.startsWith(word));

test('each example is shorter than 40 lines', () => {
  const files = readdirSync(examples).filter((name) => /\.(mjs|py)$/.test(name));
  expect(files.sort()).toEqual(['loop.mjs', 'process.mjs', 'process.py', 'thread.mjs']);
  const lengths = files.map((file) => readFileSync(join(examples, file), 'utf8').trimEnd().split('\n').length);
  expect(lengths.filter((length) => length >= 40)).toEqual([]);
});

test('loop.mjs: a slow consumer, a gated one, and one that gets all', async () => {
  const lines = await run(process.execPath, 'loop.mjs');
  const last = (id: string): { offered: number; delivered: number } =>
    JSON.parse(starting(lines, `${id} {`)[0]?.slice(id.length) ?? '') as { offered: number; delivered: number };
  expect(last('motion')).toMatchObject({ offered: 30, delivered: 30 });
  expect(last('pose').delivered).toBeLessThan(20);
  expect(last('people').delivered).toBeLessThan(10);
  expect(starting(lines, 'people frame').length).toBe(last('people').delivered);
});

test('thread.mjs: frames with their own pixels, and the end', async () => {
  const lines = await run(process.execPath, 'thread.mjs');
  const frames = starting(lines, 'frame');
  expect(frames.length).toBeGreaterThan(10);
  for (const line of frames) {
    const [seq = 0, grey] = line.match(/\d+/g)?.map(Number) ?? [];
    expect(grey).toBe(seq - 1);
  }
  expect(lines).toContain('the end: stopped');
});

test('process.mjs and process.py: two languages read the same frames', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-example-'));
  const socket = join(folder, 'frames.sock');
  // Watched before it can appear.
  const watcher = watch(folder);
  const node = run(process.execPath, 'process.mjs', { VIGIA_EXAMPLE_SOCKET: socket });
  while (!existsSync(socket)) await once(watcher, 'change');
  watcher.close();
  const python = await run('/usr/bin/python3', 'process.py', { VIGIA_EXAMPLE_SOCKET: socket });
  for (const lines of [await node, python]) {
    const frames = lines.filter((line) => /^(node {3}|python )frame/.test(line));
    expect(frames.length).toBeGreaterThan(10);
    for (const line of frames) {
      const [seq = 0, grey] = line.match(/\d+/g)?.map(Number) ?? [];
      expect(grey).toBe(seq - 1);
    }
    expect(lines.filter((line) => line.endsWith('the end: stopped')).length).toBe(1);
  }
  rmSync(folder, { recursive: true });
});
