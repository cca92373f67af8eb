import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFile } from './file-lock.ts';

const BASE = fileURLToPath(new URL('../dist/index.js', import.meta.url));

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-lock-'));
  path = join(dir, 'lock');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('one holder; what it wrote stays readable; released, the file is gone and free', () => {
  const lock = lockFile(path, { text: 'first\n' });
  expect(lock).toBeDefined();
  expect(lockFile(path, { text: 'second\n' })).toBeUndefined();
  expect(readFileSync(path, 'utf8')).toBe('first\n');
  lock?.release();
  lock?.release();
  expect(existsSync(path)).toBe(false);
  expect(lockFile(path)).toBeDefined();
});

test('a file that a dead process left is no lock, whatever it says', () => {
  writeFileSync(path, '1 1 another\n');
  expect(lockFile(path, { text: 'mine\n' })).toBeDefined();
  expect(readFileSync(path, 'utf8')).toBe('mine\n');
});

test('without a file there is nothing to lock, if it must not be made', () => {
  expect(() => lockFile(path, { create: false })).toThrow('ENOENT');
});

test('of many processes that start and die at the same moment, never two hold it', { timeout: 30_000 }, async () => {
  // Each holder owns a second file, exclusively, while it holds the lock.
  const program = `
    import { lockFile } from ${JSON.stringify(BASE)};
    import { closeSync, openSync, unlinkSync } from 'node:fs';
    let held = 0;
    for (const end = Date.now() + 1500; Date.now() < end; ) {
      const lock = lockFile(${JSON.stringify(path)}, { text: process.pid + '\\n' });
      if (!lock) continue;
      closeSync(openSync(${JSON.stringify(join(dir, 'held'))}, 'wx'));
      held += 1;
      unlinkSync(${JSON.stringify(join(dir, 'held'))});
      lock.release();
    }
    process.stdout.write(String(held));
  `;
  const runs = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise<{ code: number | null; out: string }>((resolve) => {
          const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
            stdio: ['ignore', 'pipe', 'inherit'],
          });
          let out = '';
          child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
          child.once('close', (code) => resolve({ code, out }));
        }),
    ),
  );
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(runs.reduce((sum, { out }) => sum + Number(out), 0)).toBeGreaterThan(100);
});
