import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BundleManifest, contentOf, currentBundle, stampOf } from './bundle.ts';

const INPUTS = ['../base.info', '../zod.json'];
let root: string;
let dir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vigia-bundle-'));
  dir = join(root, 'bundle');
  mkdirSync(dir);
  writeFileSync(join(root, 'base.info'), 'one');
  writeFileSync(join(root, 'zod.json'), '4.6.7');
  writeManifest();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** As the build does. `../lock` is not there: another package manager installed. */
function writeManifest(): void {
  const stamps = Object.fromEntries(['../base.info', '../lock'].map((path) => [path, stampOf(join(dir, path))]));
  const manifest: BundleManifest = { folder: 'abc', stamps, inputs: INPUTS, content: contentOf(dir, INPUTS) };
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
}

test('an untouched build has its bundle', () => {
  expect(currentBundle(dir)).toBe(join(dir, 'abc'));
});

test('a copy of a build has other times and its bundle', () => {
  utimesSync(join(root, 'base.info'), 1, 1);
  writeFileSync(join(root, 'lock'), 'of npm');
  expect(currentBundle(dir)).toBe(join(dir, 'abc'));
});

test('other code has no bundle', () => {
  writeFileSync(join(root, 'base.info'), 'two, longer');
  expect(currentBundle(dir)).toBeUndefined();
});

test('another version of a package has no bundle, once npm has installed it', () => {
  writeFileSync(join(root, 'zod.json'), '4.6.8');
  writeFileSync(join(root, 'lock'), 'of npm');
  expect(currentBundle(dir)).toBeUndefined();
});

test('without a build, or with a manifest that is none, there is no bundle', () => {
  rmSync(join(root, 'base.info'));
  expect(currentBundle(dir)).toBeUndefined();
  writeFileSync(join(root, 'base.info'), 'one');
  writeFileSync(join(dir, 'manifest.json'), '{');
  expect(currentBundle(dir)).toBeUndefined();
  rmSync(join(dir, 'manifest.json'));
  expect(currentBundle(dir)).toBeUndefined();
});
