import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@vigia/base';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LiveSessions } from './live-sessions.ts';

let dir: string;
let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
/** Requests whose connection has ended. */
let ended: string[];
let clock: FakeClock;
let sessions: LiveSessions;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-live-'));
  ended = [];
  clock = new FakeClock();
  sessions = new LiveSessions(clock);
  server = createServer((request, response) => {
    response.on('close', () => ended.push(request.method ?? ''));
    request.resume().once('end', () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(join(dir, 's'), resolve));
  answer = (_, response) => {
    response.writeHead(201, { 'x-vigia-answer-bytes': 6, 'x-vigia-rtp-origin': '1@2' });
    response.write('v=0');
    setImmediate(() => response.write('\r\n.'));
  };
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  rmSync(dir, { recursive: true });
});

const open = (isStill = (): boolean => true): ReturnType<LiveSessions['open']> =>
  sessions.open({ socketPath: join(dir, 's'), camera: 'hall', isStill }, 'v=0');
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => void setImmediate(resolve));
}

test('a view lasts as long as its request; ending it ends the request, once', async () => {
  const { session, answer: sdp, origin } = await open();
  expect([session.length, sdp, origin]).toEqual([22, 'v=0\r\n.', '1@2']);
  expect(ended).toEqual([]);
  expect(() => sessions.end('yard', session)).toThrow(/no such live session of camera yard/);
  sessions.end('hall', session);
  await until(() => ended.length === 1);
  await until(() => clock.pendingTimers === 0);
  expect(() => sessions.end('hall', session)).toThrow(expect.objectContaining({ code: 'not_found' }) as Error);
});

test('a movie is a view too: it ends with its reader, and with the right to look', async () => {
  answer = (_, response) => {
    response.writeHead(200);
    response.write('abc');
  };
  let may = true;
  const ask = { socketPath: join(dir, 's'), camera: 'hall', isStill: () => may };
  const movie = await sessions.movie(ask);
  expect(String((await movie.iterator({ destroyOnReturn: false }).next()).value)).toBe('abc');
  movie.destroy();
  await until(() => ended.length === 1);
  const other = await sessions.movie(ask);
  other.resume().on('error', () => undefined);
  may = false;
  clock.advance(2_000);
  await until(() => ended.length === 2 && other.destroyed);
  answer = (_, response) => response.writeHead(409).end(JSON.stringify({ code: 'codec', message: 'no' }));
  await expect(sessions.movie(ask)).rejects.toMatchObject({ code: 'codec' });
});

test('who may not look any more is cut off within two seconds; others are not', async () => {
  let may = true;
  await open(() => may);
  const other = await open();
  clock.advance(2_000);
  await new Promise((resolve) => void setImmediate(resolve));
  expect(ended).toEqual([]);
  may = false;
  clock.advance(2_000);
  await until(() => ended.length === 1);
  sessions.end('hall', other.session);
  await until(() => clock.pendingTimers === 0);
});

test('a process that dies takes its views with it; a viewer whose view has ended may say so once', async () => {
  const { session } = await open();
  server.closeAllConnections();
  await until(() => clock.pendingTimers === 0);
  await expect(sessions.addCandidates('hall', session, '')).rejects.toMatchObject({ code: 'not_found' });
  expect(() => sessions.end('yard', session)).toThrow(/no such live session/);
  sessions.end('hall', session);
  expect(() => sessions.end('hall', session)).toThrow(/no such live session/);
});

test.each([
  ['camera_away', { code: 'camera_away' }],
  ['usage', { code: 'usage', message: 'a sentence' }],
])('a refusal is passed on: %s', async (code, expected) => {
  answer = (_, response) => void response.writeHead(409).end(JSON.stringify({ code, message: 'a sentence' }));
  await expect(open()).rejects.toMatchObject(expected);
  await until(() => clock.pendingTimers === 0);
});

test('no answer, half an answer, too long an answer: no view is left', async () => {
  answer = (_, response) => void response.destroy();
  await expect(open()).rejects.toMatchObject({ code: 'no_live' });
  answer = (_, response) => {
    response.writeHead(201, { 'x-vigia-answer-bytes': 6 });
    response.end('v=');
  };
  await expect(open()).rejects.toMatchObject({ code: 'no_live' });
  answer = (_, response) => {
    response.writeHead(201, { 'x-vigia-answer-bytes': 1e9 });
    response.write('v=');
  };
  await expect(open()).rejects.toMatchObject({ code: 'no_live' });
  await until(() => clock.pendingTimers === 0);
  await until(() => ended.length === 3);
});

test('further addresses go to the process of their session', async () => {
  const { session } = await open();
  const asked: string[] = [];
  answer = ({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.writeHead(204).end();
  };
  await sessions.addCandidates('hall', session, 'a=candidate:1');
  expect(asked).toEqual([`PATCH /hall/${session}`]);
  await expect(sessions.addCandidates('hall', 'x'.repeat(22), '')).rejects.toMatchObject({ code: 'not_found' });
  sessions.end('hall', session);
  await until(() => clock.pendingTimers === 0);
});
