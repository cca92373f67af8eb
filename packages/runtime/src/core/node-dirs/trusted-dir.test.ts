import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkTrusted } from './trusted-dir.ts';

const OTHER = 54_321;
const isRoot = process.getuid?.() === 0;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-trust-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function folder(name: string, mode = 0o700): string {
  const path = join(dir, name);
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

test('a folder of our own, in ours, in a sticky one, and one that is not there yet', () => {
  checkTrusted(dir);
  checkTrusted(folder('run', 0o755));
  checkTrusted(join(dir, 'run', 'not', 'there'));
  mkdirSync(join(folder('tmp', 0o1777), 'run'), { mode: 0o700 });
  checkTrusted(join(dir, 'tmp', 'run'));
});

test.each([0o777, 0o770, 0o702, 0o1777])('a folder that others may change (mode %o) is refused', (mode) => {
  expect(() => checkTrusted(folder('run', mode))).toThrow(/run can be changed by other users \(mode \d+; `chmod go-w/);
});

test('a folder below one in which others may rename it is refused', () => {
  mkdirSync(join(folder('open', 0o777), 'run'), { mode: 0o700 });
  expect(() => checkTrusted(join(dir, 'open', 'run'))).toThrow(/open can be changed by other users \(mode 777/);
});

test('a link counts with what it leads to', () => {
  symlinkSync(folder('real', 0o777), join(dir, 'link'));
  expect(() => checkTrusted(join(dir, 'link'))).toThrow('real can be changed by other users');
});

test.runIf(isRoot)('a folder or a link of another user is refused, and so is anything below it', () => {
  const theirs = folder('theirs');
  chownSync(theirs, OTHER, OTHER);
  expect(() => checkTrusted(theirs)).toThrow(`theirs belongs to user ${OTHER}, not to user 0`);
  expect(() => checkTrusted(join(theirs, 'run'))).not.toThrow('run can');
  mkdirSync(join(theirs, 'run'), { mode: 0o700 });
  expect(() => checkTrusted(join(theirs, 'run'))).toThrow('theirs belongs to');
  // Their own node is theirs to start, and root may ask it.
  chownSync(join(theirs, 'run'), OTHER, OTHER);
  expect(() => checkTrusted(join(theirs, 'run'), OTHER)).not.toThrow();
});
