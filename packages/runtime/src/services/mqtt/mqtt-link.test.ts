import { createServer, type Socket } from 'node:net';
import { createLog, FakeClock } from '@vigia/base';
import { afterEach, describe, expect, test } from 'vitest';
import { turnsOfTheLoop } from '../../../test/support/event-loop.ts';
import { MqttLink } from './mqtt-link.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const [MQTT_311, MQTT_5] = [4, 5];

/** Acknowledges each PUBLISH of QoS 1 in these bytes, with a reason code of MQTT 5. */
function acknowledge(socket: Socket, data: Buffer, code: () => number): void {
  for (let at = 0; at < data.length; at += 2 + (data[at + 1] ?? 0)) {
    const isPublish = ((data[at] ?? 0) & 0xf6) === 0x32;
    const id = at + 4 + data.readUInt16BE(Math.min(at + 2, data.length - 2));
    if (isPublish) socket.write(Buffer.from([0x40, 3, data[id] ?? 0, data[id + 1] ?? 0, code()]));
  }
}

/** A broker that answers each CONNECT with the next code, and with the last one from then on; 0 accepts. */
async function broker(
  codes: readonly number[],
  acknowledgement?: () => number,
): Promise<{
  port: number;
  versions: number[];
  sockets: Set<Socket>;
  published: string[];
}> {
  const left = [...codes];
  const versions: number[] = [];
  const sockets = new Set<Socket>();
  const published: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      // What is delivered is a small object; it is never acknowledged.
      published.push(...(data.toString('latin1').match(/\{"n":\d\}/g) ?? []));
      if (acknowledgement) acknowledge(socket, data, acknowledgement);
      if (data[0] !== 0x10) return;
      const version = data[data.indexOf('MQTT') + 4] ?? 0;
      versions.push(version);
      const code = (left.length > 1 ? left.shift() : left[0]) ?? 0;
      socket.write(Buffer.from(version === MQTT_5 ? [0x20, 3, 0, code, 0] : [0x20, 2, 0, code]));
      if (code !== 0) socket.end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => void server.close(resolve));
  });
  const address = server.address();
  return { port: typeof address === 'object' && address ? address.port : 0, versions, sockets, published };
}

function linkTo(port: number): { link: MqttLink; clock: FakeClock; logged: string[] } {
  const clock = new FakeClock();
  const logged: string[] = [];
  const log = createLog('mqtt', ({ message }) => void logged.push(message));
  const link = new MqttLink({ url: `mqtt://127.0.0.1:${port}`, node: 'ward', clock, log, onCommand: undefined });
  closers.push(async () => {
    let closed = false;
    void link.close().then(() => (closed = true));
    await until(() => {
      clock.advance(500);
      return closed;
    });
    expect(clock.pendingTimers).toBe(0);
  });
  link.start();
  return { link, clock, logged };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await turnsOfTheLoop();
  await turnsOfTheLoop();
}

describe('a refused connection', () => {
  test.each([
    ['server unavailable', 136, false],
    ['server busy', 137, false],
    ['quota exceeded', 151, false],
    ['unspecified', 128, false],
    ['a code that does not exist', 250, false],
    ['bad user name or password', 134, true],
    ['not authorized', 135, true],
    ['client identifier not valid', 133, true],
    ['banned', 138, true],
  ])(
    '%s (%d): it is tried again until the broker accepts; only a lasting one is a problem at once: %s',
    async (_name, code, lasting) => {
      const { port, versions } = await broker([code, code, 0]);
      const { link, clock } = linkTo(port);
      await until(() => versions.length === 1);
      expect(link.connected).toBe(false);
      expect(link.problem !== undefined).toBe(lasting);
      clock.advance(2_000);
      await until(() => versions.length === 2);
      clock.advance(4_000);
      await until(() => link.connected);
      expect([versions.length, link.problem]).toEqual([3, undefined]);
    },
  );

  test.each([
    [3, 30_000],
    [5, 60_000],
  ])(
    'the waits after code %d of version 3.1.1 grow up to %d ms, and it becomes a problem',
    async (code, most) => {
      // 132: only version 3.1.1 is spoken.
      const { port, versions } = await broker([132, code]);
      const { link, clock } = linkTo(port);
      await until(() => versions.length === 2);
      const waits: number[] = [];
      for (let n = 3; n < 11; n += 1) {
        const from = clock.nowMs();
        while (versions.length < n && clock.nowMs() - from < 100_000) {
          clock.advance(500);
          await turnsOfTheLoop();
        }
        waits.push(clock.nowMs() - from);
        await turnsOfTheLoop();
      }
      expect(waits[0]).toBeLessThanOrEqual(2_500);
      expect(Math.max(...waits)).toBeLessThanOrEqual(most + 500);
      expect(Math.min(...waits.slice(-2))).toBeGreaterThanOrEqual(most * 0.7 - 500);
      expect(link.problem).toMatch(/^the MQTT broker 127\.0\.0\.1:\d+ refuses the connection: /);
    },
    30_000,
  );

  test('a broker that refuses version 5, and one that refuses both versions', async () => {
    const old = await broker([132, 0]);
    const { link } = linkTo(old.port);
    await until(() => link.connected);
    expect(old.versions).toEqual([MQTT_5, MQTT_311]);
    const neither = await broker([132, 1]);
    const { link: other, clock } = linkTo(neither.port);
    await until(() => neither.versions.length === 2);
    expect(other.problem).toMatch(/version of the protocol/);
    clock.advance(2_000);
    await until(() => neither.versions.length >= 3);
    expect(neither.versions.slice(0, 3)).toEqual([MQTT_5, MQTT_311, MQTT_5]);
  });

  test('a broker that goes away after a refusal and comes back is found', async () => {
    const { port, versions, sockets } = await broker([136, 0]);
    const { link, clock } = linkTo(port);
    await until(() => versions.length === 1);
    clock.advance(2_000);
    await until(() => link.connected);
    for (const socket of sockets) socket.destroy();
    await until(() => !link.connected);
    clock.advance(2_000);
    await until(() => link.connected);
    expect(versions).toHaveLength(3);
  });

  test('after a connection the waits begin anew', async () => {
    const { port, versions, sockets } = await broker([136, 136, 136, 0, 136]);
    const { link, clock } = linkTo(port);
    for (const waitMs of [2_000, 4_000, 8_000]) {
      const seen = versions.length;
      await until(() => versions.length > seen || versions.length === 1);
      clock.advance(waitMs);
    }
    await until(() => link.connected);
    for (const socket of sockets) socket.destroy();
    await until(() => !link.connected);
    for (const count of [5, 6]) {
      clock.advance(2_000);
      await until(() => versions.length === count);
    }
  });

  test('a message that was not acknowledged is delivered over the next connection', async () => {
    const { port, sockets, published } = await broker([0]);
    const { link, clock } = linkTo(port);
    await until(() => link.connected);
    const delivered = link.deliver('a/topic', { n: 1 });
    await until(() => published.length === 1);
    for (const socket of sockets) socket.destroy();
    await until(() => !link.connected);
    clock.advance(2_000);
    await until(() => published.length === 2);
    expect(published).toEqual(['{"n":1}', '{"n":1}']);
    void link.close();
    clock.advance(500);
    expect(await delivered).toBe(false);
  });

  test('closing during a wait ends it', async () => {
    const { port, versions } = await broker([136]);
    const { link, clock } = linkTo(port);
    await until(() => versions.length === 1);
    await link.close();
    await link.close();
    clock.advance(60_000);
    await turnsOfTheLoop();
    expect(versions).toHaveLength(1);
  });
});

test('a broker that is away for 10 s is said to be, from the loss on; while it is there, and in a short pause, nothing is', async () => {
  const { port, sockets } = await broker([0]);
  const { link, clock } = linkTo(port);
  await until(() => link.connected);
  clock.advance(60_000);
  expect(link.away).toBeUndefined();
  for (const socket of sockets) socket.destroy();
  await until(() => !link.connected);
  await turnsOfTheLoop();
  clock.advance(2_500);
  expect(link.away).toBeUndefined();
  await until(() => link.connected);
  expect(link.away).toBeUndefined();
  const nobody = linkTo(1);
  nobody.clock.advance(9_999);
  expect(nobody.link.away).toBeUndefined();
  nobody.clock.advance(2_001);
  expect(nobody.link.away).toBe('the MQTT broker 127.0.0.1:1 has been away for 12 s');
});

describe('a broker that takes nothing although it accepts the connection', () => {
  test('ends each connection at once: the waits grow, it is a problem, and the log stays short', async () => {
    const { port, versions, sockets } = await broker([0]);
    const { link, clock, logged } = linkTo(port);
    const waits: number[] = [];
    for (let n = 1; n <= 6; n += 1) {
      await until(() => link.connected);
      for (const socket of sockets) socket.destroy();
      await until(() => !link.connected);
      expect(link.problem !== undefined).toBe(n >= 3);
      const from = clock.nowMs();
      while (versions.length === n) {
        clock.advance(500);
        await turnsOfTheLoop();
      }
      waits.push(clock.nowMs() - from);
    }
    expect(waits[0]).toBeLessThanOrEqual(2_500);
    expect(Math.min(...waits.slice(-2))).toBeGreaterThan(5_000);
    expect(link.problem).toMatch(/ends each connection soon after it accepted it/);
    expect(logged.filter((line) => line.startsWith('no connection')).length).toBeLessThan(4);
    await until(() => link.connected);
    clock.advance(10_000);
    expect(link.problem).toBeUndefined();
  });

  test('refuses each message (MQTT 5, 135): a problem until it accepts one', async () => {
    let code = 135;
    const { port } = await broker([0], () => code);
    const { link } = linkTo(port);
    await until(() => link.connected);
    expect(await link.deliver('vigia/ward/x', { n: 1 })).toBe(true);
    expect([link.dropped, link.problem]).toEqual([
      1,
      expect.stringMatching(
        /^the MQTT broker 127\.0\.0\.1:\d+ refuses vigia\/ward\/x \(.*\): see the rights of this user$/,
      ),
    ]);
    code = 0;
    expect(await link.deliver('vigia/ward/x', { n: 2 })).toBe(true);
    expect([link.dropped, link.problem]).toEqual([1, undefined]);
  });
});

describe('a broker that sends what nobody can hold', () => {
  test.each<[name: string, bytes: number[], why: RegExp]>([
    ['one packet of 256 MB', [0x30, 0xff, 0xff, 0xff, 0x7f], /sends a packet of more than 262144 bytes; trying again/],
    ['messages of QoS 2', [0x34, 8, 0, 1, 0x61, 0, 1, 0, 1, 2], /sends messages of QoS 2/],
  ])('%s: the connection ends with a sentence, and the next one is tried', async (_name, bytes, why) => {
    const { port, sockets, versions } = await broker([0]);
    const { link, clock, logged } = linkTo(port);
    await until(() => link.connected);
    const [socket] = sockets;
    socket?.write(Buffer.from(bytes));
    await until(() => !link.connected);
    expect(logged.join('\n')).toMatch(why);
    clock.advance(2_000);
    await until(() => versions.length === 2 && link.connected);
  });
});

test('a broker that keeps its side open, and sends on, is cut off when the link closes', async () => {
  const { port, sockets } = await broker([0]);
  const { link, clock } = linkTo(port);
  await until(() => link.connected);
  const [socket] = [...sockets];
  // It does not end when the link does.
  if (socket) socket.allowHalfOpen = true;
  let closed = false;
  void link.close().then(() => (closed = true));
  await until(() => {
    clock.advance(500);
    return closed;
  });
  await until(() => {
    socket?.write(Buffer.from([0xd0, 0]));
    return socket?.destroyed ?? false;
  });
});
