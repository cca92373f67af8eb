import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { socketSender } from './socket-sender.ts';

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

test('a kept connection serves many requests, and gains no listeners', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'vigia-sender-'));
  let connections = 0;
  const server = createServer((_, response) => response.end('{}')).on('connection', () => (connections += 1));
  const path = join(dir, 's.sock');
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  closers.push(
    () => rmSync(dir, { recursive: true }),
    () => server.close(),
    () => server.closeAllConnections(),
    () => process.off('warning', onWarning),
  );
  const send = socketSender(path);
  for (let n = 0; n < 30; n += 1) {
    const { status, body } = await send({ method: 'GET', path: '/', headers: {}, body: undefined, signal: undefined });
    expect(status).toBe(200);
    for await (const _ of body);
  }
  await new Promise(setImmediate);
  expect([connections, warnings]).toEqual([1, []]);
});
