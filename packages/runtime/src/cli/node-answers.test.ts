import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askStatus } from './node-answers.ts';

const FOREIGN = 'a\u001b[2J\u202e\u009bb';
const SHOWN = 'a\ufffd[2J\ufffd\ufffdb';

let dir: string;
let server: Server;
let answer: unknown;
let code: number;

beforeEach(async () => {
  code = 200;
  dir = mkdtempSync(join(tmpdir(), 'vigia-answers-'));
  server = createServer((_request, response) => response.writeHead(code).end(JSON.stringify(answer)));
  await new Promise<void>((resolve) => void server.listen(join(dir, 'control.sock'), resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

const status = (name: string): object => ({
  version: 1,
  node: name,
  vigia: '0.1.0',
  pid: 7,
  up_ms: 1,
  shm_bytes: 0,
  mqtt: 'off',
  problems: [],
  alarms: [],
  cameras: {},
  models: {
    [name]: {
      state: 'ready',
      reason: name,
      requests: 1,
      batches: 1,
      inference_ms: { p50: 1, p99: 1 },
      restarts: 0,
    },
  },
});

test('every text of an answer is printable, names included', async () => {
  answer = status(FOREIGN);
  const { node, models } = await askStatus(join(dir, 'control.sock'));
  expect(node).toBe(SHOWN);
  expect(Object.keys(models)).toEqual([SHOWN]);
  expect(models[SHOWN]?.reason).toBe(SHOWN);
});

test('so is the sentence about an answer that is not understood', async () => {
  answer = { ...status('n'), models: { [FOREIGN]: 7 } };
  const failure: unknown = await askStatus(join(dir, 'control.sock')).catch((error: unknown) => error);
  expect(String(failure)).toContain(`models.${SHOWN}`);
});

test('an error without words is not understood', async () => {
  [code, answer] = [409, { error: { code: 'x', message: ' \n' } }];
  await expect(askStatus(join(dir, 'control.sock'))).rejects.toThrow('something that is not understood');
});
