import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { createLog, FakeClock } from '@vigia/base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { NodeStreams, type StreamWish } from './node-streams.ts';
import { type Outlet, sseOutlet, webSocketOutlet } from './outlet.ts';

let server = createServer();
let client = new Socket();
afterEach(() => {
  client.destroy();
  server.close();
});

/** A real stream over TCP, and its client. */
async function opened(): Promise<Outlet> {
  return sseOutlet(await asked());
}

/** A request over TCP, and its client. */
function asked(): Promise<ServerResponse> {
  return new Promise((resolve) => {
    server = createServer((_, response) => resolve(response)).listen(0, '127.0.0.1', () => {
      client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      client.on('error', () => undefined);
      client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    });
  });
}

/** Sends so much that it waits in the kernel, but not in Node. */
function send(outlet: Outlet, kibibytes: number): void {
  for (let n = 0; n < kibibytes; n += 1) void outlet.send({ event: 'x', data: 'y'.repeat(1_000) });
}

/** One beat, and something to take before the next. @returns beats without an answer. */
function beat(outlet: Outlet): number {
  outlet.beat();
  send(outlet, 1);
  return outlet.unanswered;
}

test('a client that reads nothing is found by what its kernel takes, long before Node has to wait', async () => {
  const outlet = await opened();
  client.pause();
  send(outlet, 3_000);
  await expect.poll(() => beat(outlet), { timeout: 10_000 }).toBeGreaterThan(3);
  client.resume();
  await expect.poll(() => beat(outlet), { timeout: 10_000 }).toBe(0);
});

test('one that reads answers: two beats without an answer, 30 s, are what counts', async () => {
  const outlet = await opened();
  let received = 0;
  client.on('data', (chunk: Buffer) => (received += chunk.byteLength));
  for (const before of [0, 1, 2, 3]) {
    send(outlet, 1_000);
    await expect.poll(() => received, { timeout: 10_000 }).toBeGreaterThan((before + 1) * 1_000_000);
    expect(beat(outlet)).toBeLessThan(2);
  }
});

test('a client that left before its stream began: nothing is left of it', async () => {
  const clock = new FakeClock();
  const log = createLog('test', () => undefined);
  const streams = new NodeStreams({ clock, log, node: { tile: () => Promise.reject(new Error('not asked')) } });
  const response = await asked();
  client.destroy();
  if (!response.closed) await once(response, 'close');
  const outlet = sseOutlet(response);
  expect(outlet.closed).toBe(true);
  for (let n = 0; n < 300; n += 1) streams.serve(outlet, { after: undefined, node: { position: '' } } as StreamWish);
  expect(() => streams.checkRoom()).not.toThrow();
  expect(clock.pendingTimers).toBe(0);
});

describe('pictures over a WebSocket', () => {
  const PICTURE = Buffer.alloc(20_000);
  let sockets: WebSocketServer;
  let reader: WebSocket;
  let received: number;
  /** To pings. */
  let answers: number;
  let outlet: Outlet;
  beforeEach(async () => {
    sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(sockets, 'listening');
    const connected = once(sockets, 'connection') as Promise<[WebSocket]>;
    reader = new WebSocket(`ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`);
    [received, answers] = [0, 0];
    reader.on('message', (_, isBinary) => (received += isBinary ? 1 : 0));
    await once(reader, 'open');
    const [socket] = await connected;
    outlet = webSocketOutlet(socket);
    socket.on('pong', () => (answers += 1));
  });
  afterEach(() => {
    reader.terminate();
    sockets.close();
  });
  /** Sends as many as are taken at once, of 100. */
  const sent = (): number => Array.from({ length: 100 }).filter(() => outlet.sendBytes?.(PICTURE)).length;

  test('what a client has not read is bounded, although the kernel would take megabytes', async () => {
    reader.pause();
    expect(sent()).toBe(4);
    outlet.beat();
    expect(outlet.sendBytes?.(PICTURE)).toBe(false);
    reader.resume();
    await expect.poll(() => received).toBe(4);
    await expect.poll(sent).toBe(4);
    await expect.poll(() => received).toBe(8);
  });

  test('one that reads gets all of them, with beats between, and beside texts', async () => {
    for (let n = 1; n <= 200; n += 1) {
      await expect.poll(() => outlet.sendBytes?.(PICTURE), { interval: 1 }).toBe(true);
      void outlet.send({ event: 'x', data: 'y'.repeat(2_000) });
      if (n % 7 === 0) outlet.beat();
    }
    await expect.poll(() => received).toBe(200);
  });

  test('what was sent behind the ping is confirmed too, without another picture or a beat', async () => {
    const took = [1_000, 60_000, 60_000, 1_000].map((bytes) => outlet.sendBytes?.(Buffer.alloc(bytes)));
    expect(took).toEqual([true, true, true, false]);
    await expect.poll(() => outlet.sendBytes?.(PICTURE)).toBe(true);
  });

  test('answers to a ping that was not sent yet free nothing; one answer may stand for several pings', async () => {
    reader.pause();
    expect(sent()).toBe(4);
    for (const text of ['80000000', 'all', '-1', '']) reader.pong(text);
    await expect.poll(() => answers).toBe(4);
    expect(sent()).toBe(0);
    outlet.beat();
    reader.pong('80000');
    await expect.poll(sent).toBe(4);
  });
});
