import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, systemClock } from '@vigia/base';
import type { NodeEvent } from '@vigia/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodeStore } from '@vigia/runtime/dist/services/store/node-store.js';

let dir: string;
let stores: NodeStore[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-store-'));
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  rmSync(dir, { recursive: true });
});

async function open(path = join(dir, 'state/node.db')): Promise<NodeStore> {
  const log = createLog('test', () => undefined);
  const store = await NodeStore.open({ path, durability: 'process', clock: systemClock, log });
  stores.push(store);
  return store;
}

const idOf = (n: number): string => `01J${String(n).padStart(23, '0')}`;
const event = (n: number): NodeEvent => ({
  v: 1,
  id: idOf(n),
  node: 'n',
  boot: idOf(0),
  at: '2026-11-22T03:00:00.000Z',
  camera: null,
  consumer: null,
  kind: 'config',
  phase: null,
  severity: 'notice',
  subject: null,
  data: { revision: n, by: 'test', changes: [] },
});
const all = { limit: 1_000 };

test('what was stored is there after a restart, in order', async () => {
  const first = await open();
  expect(first.lastId).toBeUndefined();
  await Promise.all(Array.from({ length: 1_000 }, (_, i) => first.append(event(i + 1))));
  await first.close();
  const second = await open();
  expect(second.lastId).toBe(idOf(1_000));
  expect((await second.read(all)).map(({ id }) => id)).toEqual(Array.from({ length: 1_000 }, (_, i) => idOf(i + 1)));
  expect(await second.read({ limit: 1, after: idOf(999) })).toEqual([event(1_000)]);
});

test('closing waits for what is being stored', async () => {
  const first = await open();
  const stored = Array.from({ length: 600 }, (_, i) => first.append(event(i + 1)));
  await first.close();
  await Promise.all(stored);
  expect(await (await open()).read(all)).toHaveLength(600);
});

test('a reader goes on where it was', async () => {
  const first = await open();
  await first.begin('mqtt');
  await first.append(event(1));
  await first.append(event(2));
  expect((await first.unread('mqtt', 10)).map(({ id }) => id)).toEqual([idOf(1), idOf(2)]);
  await first.advance('mqtt', idOf(1));
  await first.close();
  const second = await open();
  await second.begin('mqtt');
  expect((await second.unread('mqtt', 10)).map(({ id }) => id)).toEqual([idOf(2)]);
  expect(await second.prune({ ageMs: 1e15, count: 0 })).toEqual({ removed: 2, unread: { mqtt: 1 } });
});

test('a place where no file can be is one sentence', async () => {
  writeFileSync(join(dir, 'file'), '');
  await expect(open(join(dir, 'file/node.db'))).rejects.toMatchObject({
    code: 'store_failed',
    message: expect.stringMatching(/^the store .*node\.db cannot be used: (?:EEXIST|ENOTDIR)/),
  });
});

test('a store that was closed rejects', async () => {
  const store = await open();
  await store.close();
  await expect(store.append(event(1))).rejects.toMatchObject({ code: 'store_full' });
  await expect(store.read(all)).rejects.toMatchObject({ code: 'channel_closed' });
});
