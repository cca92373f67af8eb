import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { API, API_NAMES, type ApiName, type ApiRoute, LIVE_API, RECORDINGS_API } from '@vigia/contracts/api';
import { nodeEventSchema, resultMessageSchema } from '@vigia/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { ApiNode } from './support/api-node.ts';
import { CutProxy } from './support/cut-proxy.ts';
import { type Program, startProgram } from './support/programs.ts';

const SCRIPT = fileURLToPath(new URL('./support/api_client.py', import.meta.url));

interface Line {
  readonly entrance: string;
  readonly name: string;
  readonly answer: unknown;
}

let node: ApiNode;
let proxy: CutProxy;
let python: Program;
const lines: Line[] = [];

const answerTo = (name: string, entrance = 'tcp'): unknown =>
  lines.find((line) => line.name === name && line.entrance === entrance)?.answer;

beforeAll(async () => {
  node = await ApiNode.start();
  const socket = join(node.box.runDir, 'control.sock');
  proxy = await CutProxy.start(socket);
  const url = `http://127.0.0.1:${node.port}`;
  const given = { url, socket, proxy: `http://127.0.0.1:${proxy.port}`, document: node.document(1) };
  python = startProgram('/usr/bin/python3', [SCRIPT, JSON.stringify(given)], 'pipe');
  await python.line(/"name": "connected"/);
  proxy.cut();
  python.process.stdin?.write('cut\n');
  await python.line(/"name": "stop"/);
  await python.stop();
  for (const line of python.output().trimEnd().split('\n')) lines.push(JSON.parse(line) as Line);
});

afterAll(async () => {
  await python.stop();
  await proxy.close();
  expect(await node.vigia.ended()).toBe(0);
  await node.close();
});

const wasCalled = (name: string): boolean => lines.some((line) => line.name === name);

test.each(['socket', 'tcp'])('the Python client over %s: answers are what their schemas say', (entrance) => {
  const own = lines.filter((line) => line.entrance === entrance && line.name in API);
  for (const { name, answer } of own) {
    const { answer: schema } = API[name as ApiName] as ApiRoute;
    if (schema instanceof z.ZodType) schema.parse(answer ?? {});
  }
  expect(own.length).toBeGreaterThan(20);
});

test('every route has been called', () => {
  expect(API_NAMES.filter((name) => !wasCalled(name))).toEqual([...Object.keys(LIVE_API), 'eventStream', 'stream']);
  expect(answerTo('snapshot', 'socket')).toMatch(/^ffd8ff/);
  const ofRecordings = Object.keys(RECORDINGS_API).filter((name) => name !== 'markRecording');
  for (const name of ofRecordings)
    expect([name, answerTo(name, 'no recordings')]).toEqual([name, [409, 'no_recordings']]);
  expect(answerTo('markRecording', 'no recordings')).toEqual([404, 'not_found']);
  expect(answerTo('breakDemo', 'no demo')).toEqual([404, 'not_found']);
  expect(answerTo('metrics')).toMatch(/# EOF\n$/);
  expect(answerTo('openapi')).toMatchObject({ openapi: '3.1.0' });
});

test('a repeated key has the answer of the first request; an old revision is refused with what has changed', () => {
  expect(answerTo('repeated')).toEqual(answerTo('removeCamera'));
  expect(answerTo('refused')).toMatchObject([412, 'conflict', { changes: expect.any(Array) }]);
});

test('a session is that of its user, until it ends', () => {
  expect(answerTo('login')).toMatchObject({ user: 'anna', role: 'admin' });
  expect(answerTo('logged out')).toEqual([401, 'not_logged_in']);
  expect(answerTo('me', 'socket')).toMatchObject({ user: null });
  expect(answerTo('me')).toMatchObject({ user: 'anna', csrf: null });
});

test('events over a connection that was cut: each once', () => {
  expect(answerTo('connected', 'proxy')).toBe(true);
  expect(answerTo('followed', 'proxy')).toEqual({ complete: true, lost: ['lost'] });
});

test('results and events of one camera', () => {
  const { result, event } = answerTo('watched') as {
    readonly result: { readonly result: unknown };
    readonly event: { readonly event: unknown };
  };
  expect(resultMessageSchema.parse(result.result).camera).toBe('hall');
  expect(nodeEventSchema.parse(event.event).camera).toBe('hall');
});
