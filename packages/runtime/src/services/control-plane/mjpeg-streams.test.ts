import { createServer, get, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { codeOf, FakeClock, VigiaError } from '@vigia/base';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MjpegStreams } from './mjpeg-streams.ts';

let clock: FakeClock;
let server: Server;
let picture: () => Promise<Uint8Array>;
/** What the viewer has: the bytes of each part. */
let parts: Buffer[];
let over: boolean;
let leave: () => void;
/** Open in the server. */
let connections: number;
/** Streams that have ended, and why others were refused. */
let served: number;
let refused: (string | undefined)[];
let answers: Promise<void>[];
/** Further viewers. */
let others: Socket[];

beforeEach(async () => {
  clock = new FakeClock();
  picture = () => Promise.resolve(Buffer.from('first'));
  const streams = new MjpegStreams(clock);
  server = createServer((_, response) => {
    const wish = { fps: 2, picture: () => picture() };
    const answered = streams
      .first(wish)
      .then((first) => streams.serve(response, first, wish))
      .then(
        () => void (served += 1),
        (error: unknown) => {
          refused.push(codeOf(error));
          response.destroy();
        },
      );
    answers.push(answered);
  });
  [served, refused, answers, others, connections] = [0, [], [], [], 0];
  server.on('connection', (socket: Socket) => {
    connections += 1;
    socket.on('close', () => (connections -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  [parts, over] = [[], false];
  const asked = get({ port: (server.address() as AddressInfo).port }, (response) => {
    expect(response.headers['content-type']).toBe('multipart/x-mixed-replace; boundary=picture');
    let held = Buffer.alloc(0);
    response.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      for (;;) {
        const [head = '', length = ''] =
          /^(?:\r\n)?--picture\r\nContent-Type: image\/jpeg\r\nContent-Length: (\d+)\r\n\r\n/.exec(
            held.toString('latin1'),
          ) ?? [];
        const end = head.length + Number(length);
        // With the next boundary.
        if (head === '' || held.byteLength < end + '\r\n--picture\r\n'.length) return;
        parts.push(held.subarray(head.length, end));
        held = held.subarray(end);
      }
    });
    response.on('close', () => {
      over = true;
    });
  });
  asked.on('error', () => undefined);
  leave = () => asked.destroy();
});
afterEach(async () => {
  for (const other of others) other.destroy();
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await Promise.all(answers);
});

/**
 * Lets the test's clock go on. Each step takes a real millisecond: the kernel needs real time for what is sent, and what it
 * has not taken after 30 s of the test's clock ends a stream.
 */
async function step(ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise((resolve) => void setTimeout(resolve, 1));
}
/** Viewers who read no more than their machine takes by itself. */
function comeMore(count: number): void {
  const { port } = server.address() as AddressInfo;
  for (let n = 0; n < count; n += 1) {
    const other = connect(port, '127.0.0.1').on('error', () => undefined);
    other.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    others.push(other);
  }
}
async function until(holds: () => boolean, stepMs = 0): Promise<void> {
  for (let steps = 0; !holds(); steps += 1) {
    if (steps === 10_000) throw new Error('watchdog: it did not happen');
    await step(stepMs);
  }
}
const texts = (): string[] => parts.map((part) => (part.byteLength > 100 ? 'no picture' : part.toString()));

test('pictures come at the rate that was asked for, at most', async () => {
  await until(() => parts.length === 1, 20);
  let count = 0;
  picture = () => Promise.resolve(Buffer.from(`number ${(count += 1)}`));
  const beganMs = clock.nowMs();
  await until(() => parts.length === 4, 20);
  expect(texts()).toEqual(['first', 'number 1', 'number 2', 'number 3']);
  expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(3 * 500 - 80);
  leave();
  await until(() => clock.pendingTimers === 0);
});

test('without pictures a viewer sees that there is none, once, and the next one when it comes', async () => {
  await until(() => parts.length === 1, 20);
  const beganMs = clock.nowMs();
  picture = () => Promise.reject(new VigiaError('camera_not_live', 'no picture'));
  await until(() => parts.length === 2, 20);
  expect(texts()[1]).toBe('no picture');
  expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(2_900);
  for (let i = 0; i < 200; i += 1) await step(50);
  expect(parts).toHaveLength(2);
  picture = () => Promise.resolve(Buffer.from('again'));
  await until(() => parts.length === 3, 20);
  expect(texts()[2]).toBe('again');
  leave();
  await until(() => clock.pendingTimers === 0);
});

test('a viewer who may not look any more is cut off', async () => {
  await until(() => parts.length === 1, 20);
  picture = () => Promise.reject(new VigiaError('not_logged_in', 'the login is not valid any more'));
  await until(() => over, 20);
  expect(clock.pendingTimers).toBe(0);
});

test('who asks while the first pictures of others are made counts them; one without a first picture holds no place', async () => {
  await until(() => parts.length === 1, 20);
  let fail: (error: Error) => void = () => undefined;
  const made = new Promise<Uint8Array>((_, reject) => (fail = reject));
  picture = () => made;
  comeMore(20);
  await until(() => refused.length === 5);
  expect(new Set(refused)).toEqual(new Set(['busy']));
  fail(new VigiaError('camera_not_live', 'no picture'));
  await until(() => refused.length === 20, 20);
  picture = () => Promise.resolve(Buffer.from('again'));
  comeMore(15);
  await until(() => others.slice(-15).every(({ bytesRead }) => bytesRead > 200), 20);
  expect(refused).toHaveLength(20);
});

test('viewers who leave while their first picture is made hold no place', async () => {
  await until(() => parts.length === 1, 20);
  leave();
  await until(() => served === 1, 20);
  for (let round = 1; round <= 3; round += 1) {
    let made: (jpeg: Uint8Array) => void = () => undefined;
    const first = new Promise<Uint8Array>((resolve) => (made = resolve));
    let asked = 0;
    picture = () => {
      asked += 1;
      return first;
    };
    comeMore(16);
    await until(() => asked === 16);
    for (const other of others.splice(0)) other.destroy();
    await until(() => connections === 0);
    made(Buffer.from('first'));
    await until(() => served === 1 + 16 * round, 20);
  }
  expect([refused, clock.pendingTimers]).toEqual([[], 0]);
});

test('a viewer who takes nothing for 30 s is cut off, and its place is free', async () => {
  await until(() => parts.length === 1, 20);
  leave();
  await until(() => served === 1, 20);
  // More than kernels hold.
  picture = () => Promise.resolve(Buffer.alloc(64 * 1024 * 1024));
  comeMore(1);
  await until(() => clock.pendingTimers === 1);
  const beganMs = clock.nowMs();
  await until(() => served === 2, 50);
  expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(29_000);
  await until(() => connections === 0);
});
