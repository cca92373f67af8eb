import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { createSharedFile, mapSharedFile, SHM_DIR } from './shared-memory.ts';

const path = `${SHM_DIR}/vigia_test_${process.pid}`;
afterEach(() => {
  for (const file of [path, `${path}_link`]) rmSync(file, { force: true });
});

test('a reader sees what the writer wrote, without a copy', () => {
  const writer = createSharedFile(path, 8192);
  const reader = mapSharedFile(path);
  writer.bytes.write('newest', 4096);
  expect(reader.bytes.toString('latin1', 4096, 4102)).toBe('newest');
  expect(reader.bytes.byteLength).toBe(8192);
  writer.retire();
  reader.retire();
});

test('a view kept across a retirement reads zeros instead of crashing', () => {
  const writer = createSharedFile(path, 8192);
  const kept = mapSharedFile(path);
  writer.bytes.fill(7);
  expect(kept.bytes[5000]).toBe(7);
  kept.retire();
  kept.retire();
  expect(kept.bytes[5000]).toBe(0);
  expect(writer.bytes[5000]).toBe(7);
  writer.retire();
});

test('an existing file, a missing one, a link and an empty one are typed errors', () => {
  expect(() => mapSharedFile(path)).toThrow(expect.objectContaining({ code: 'frame_not_found' }));
  writeFileSync(path, '');
  expect(() => mapSharedFile(path)).toThrow(expect.objectContaining({ code: 'frame_invalid' }));
  expect(() => createSharedFile(path, 4096)).toThrow(expect.objectContaining({ code: 'shm_exists' }));
  symlinkSync(path, `${path}_link`);
  expect(() => mapSharedFile(`${path}_link`)).toThrow(expect.objectContaining({ code: 'frame_invalid' }));
});

test('a size that does not fit is refused and leaves nothing behind', () => {
  expect(() => createSharedFile(path, 2 ** 45)).toThrow(expect.objectContaining({ code: 'shm_full' }));
  expect(existsSync(path)).toBe(false);
});
