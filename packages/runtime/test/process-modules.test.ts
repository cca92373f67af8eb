import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { nameOf, PROCESSES } from './support/process-walls.ts';

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

const ours = (modules: readonly string[]): string[] => modules.filter((name) => !name.startsWith('npm:'));

test.each(Object.entries(PROCESSES))(
  '%s loads what it needs, and nothing of the others',
  (_, { entry, most, never }) => {
    const modules = modulesOf(entry);
    expect(modules.filter((name) => never.test(name))).toEqual([]);
    expect(ours(modules).length).toBeGreaterThan(40);
    expect(ours(modules).length).toBeLessThanOrEqual(most);
  },
);
