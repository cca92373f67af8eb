import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeClock } from '@vigia/base';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KserveClient } from './kserve-client.ts';

let server: Server;
let client: KserveClient;
let clock: FakeClock;
let asked: (response: ServerResponse) => void;

beforeEach(async () => {
  clock = new FakeClock();
  server = createServer((_request, response) => asked(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  client = new KserveClient({ remote: { url: `http://127.0.0.1:${port}`, model: 'm' }, clock, timeoutMs: 1_000 });
});
afterEach(async () => {
  client.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  expect(clock.pendingTimers).toBe(0);
});

/** The next incoming request. */
function request(): Promise<ServerResponse> {
  return new Promise((resolve) => (asked = resolve));
}

test('a request that is made once more has what is left of the time, not as much again', async () => {
  const first = request();
  const metadata = client.metadata();
  (await first).end('{}');
  expect(await metadata).toEqual({});

  const second = request();
  const failed = client.metadata();
  const kept = await second;
  clock.advance(600);
  const third = request();
  kept.destroy();
  await third;
  clock.advance(399);
  expect(clock.pendingTimers).toBe(1);
  clock.advance(1);
  await expect(failed).rejects.toMatchObject({ code: 'deadline_exceeded' });
});
