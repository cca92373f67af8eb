import { createServer } from 'node:net';
import { createLog, FakeClock, systemClock } from '@vigia/base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ACCEPTS, HANGS, OtlpCollector } from '../../../test/support/otlp-collector.ts';
import { OK_RESULT } from '../../../test/support/traced-result.ts';
import { BATCH_LIMIT, BATCH_MS, QUEUE_LIMIT, REQUEST_MS } from './trace-exporter.ts';
import { Tracer, type TracerOptions } from './tracer.ts';

let clock: FakeClock;
let collector: OtlpCollector;
let logged: string[];
let tracer: Tracer;

beforeEach(async () => {
  clock = new FakeClock();
  logged = [];
  collector = await OtlpCollector.start();
  tracer = tracerOf();
});
afterEach(async () => {
  await Promise.all([ended(tracer), collector.close()]);
});

function tracerOf(more: Partial<TracerOptions> = {}): Tracer {
  const { node, boot } = OK_RESULT;
  const log = createLog('test', ({ level, message }) => logged.push(`${level}: ${message}`));
  const settings = { url: collector.url, headers: {}, node, boot, version: '0.1.0', sample: 1, perSecond: 10_000 };
  return new Tracer({ ...settings, clock, log, ...more });
}

/** Ends a tracer although nobody moves its clock. */
async function ended(one: Tracer): Promise<void> {
  const end = one.close();
  clock.advance(1_000);
  await end;
}

function take(count: number, from = 1): void {
  for (let seq = from; seq < from + count; seq += 1) tracer.take({ ...OK_RESULT, seq });
}

/** Waits until the counters fit: what a request leads to happens in turns of the loop. */
async function counted(expected: Partial<Tracer['counts']>): Promise<void> {
  const fits = (): boolean =>
    Object.entries(expected).every(([k, n]) => tracer.counts[k as keyof typeof expected] === n);
  while (!fits()) await new Promise((resolve) => setImmediate(resolve));
}

const seqs = (): unknown[] =>
  collector.received.flatMap(({ spans }) => spans.flatMap(({ attributes }) => attributes['vigia.seq'] ?? []));

test('what is sampled arrives in one request, after a while', async () => {
  take(3);
  clock.advance(BATCH_MS - 1);
  expect(collector.received).toEqual([]);
  clock.advance(1);
  await counted({ sent: 3 });
  expect(seqs()).toEqual(['1', '2', '3']);
  expect(collector.received[0]).toMatchObject({
    path: '/v1/traces',
    headers: { 'content-type': 'application/json', 'user-agent': 'vigia/0.1.0' },
  });
  expect(clock.pendingTimers).toBe(0);
  expect(logged).toEqual([]);
});

test('headers, and a login in the address, which no line of the log repeats', async () => {
  const url = collector.url.replace('http://', 'http://care:p%40ss-word@');
  tracer = tracerOf({ url, headers: { 'x-key': 'hush-hush' } });
  collector.manner = (response) => response.writeHead(401).end('hush-hush');
  take(1);
  clock.advance(BATCH_MS);
  await counted({ failed: 1 });
  const login = Buffer.from('care:p@ss-word').toString('base64');
  expect(collector.received[0]?.headers).toMatchObject({ 'x-key': 'hush-hush', authorization: `Basic ${login}` });
  expect(logged).toEqual([
    `warn: ${new URL(collector.url).origin} takes no traces (HTTP 401): they are dropped until it does`,
  ]);
});

test('a share, and at most so many per second', async () => {
  tracer = tracerOf({ sample: 0.1, perSecond: 5 });
  take(1_000);
  const { limited } = tracer.counts;
  expect(limited).toBeGreaterThan(50);
  expect(limited).toBeLessThan(150);
  clock.advance(BATCH_MS);
  await counted({ sent: 5 });
});

test('many at once: requests of a bounded size, one after another', async () => {
  take(2 * BATCH_LIMIT + 1);
  clock.advance(BATCH_MS);
  await counted({ sent: 2 * BATCH_LIMIT });
  clock.advance(BATCH_MS);
  await counted({ sent: 2 * BATCH_LIMIT + 1 });
  expect(collector.received.map(({ spans }) => spans.length / 8)).toEqual([BATCH_LIMIT, BATCH_LIMIT, 1]);
});

describe('a collector that', () => {
  test('hangs: the newest wait, the others are counted; one warning; then it goes on', async () => {
    collector.manner = HANGS;
    take(1);
    clock.advance(BATCH_MS);
    await collector.requests(1);
    take(QUEUE_LIMIT + 10, 2);
    expect(tracer.counts.dropped).toBe(10);
    clock.advance(REQUEST_MS);
    await counted({ failed: 1 });
    collector.manner = ACCEPTS;
    clock.advance(2_000);
    await counted({ sent: QUEUE_LIMIT });
    expect(seqs().slice(1)).toEqual(Array.from({ length: QUEUE_LIMIT }, (_, i) => String(i + 12)));
    const place = new URL(collector.url).origin;
    expect(logged).toEqual([
      `warn: ${place} takes no traces (no answer in 5 s): they are dropped until it does`,
      `info: ${place} takes traces again; 11 were lost`,
    ]);
  });

  test.each([400, 404, 503, 302])('answers %d again and again: one warning, and longer waits', async (status) => {
    collector.manner = (response) => response.writeHead(status, { location: '/elsewhere' }).end();
    for (const [n, waitMs] of [BATCH_MS, 2_000, 4_000, 8_000, 16_000].entries()) {
      take(1, n + 1);
      clock.advance(waitMs);
      await counted({ failed: n + 1 });
    }
    expect(collector.received).toHaveLength(5);
    expect(logged).toHaveLength(1);
    take(1, 6);
    clock.advance(20_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(collector.received).toHaveLength(5);
  });

  test('is away', async () => {
    await collector.close();
    take(2);
    clock.advance(BATCH_MS);
    await counted({ failed: 2 });
    expect(logged).toEqual([expect.stringMatching(/takes no traces \(ECONNREFUSED\)/)]);
    collector = await OtlpCollector.start();
  });

  test('sends an endless answer, or cuts it: it has taken the traces', async () => {
    collector.manner = (response) => {
      const more = (): void => void (response.write('x'.repeat(10_000)) && setImmediate(more));
      response.on('drain', more).on('error', () => undefined);
      more();
    };
    take(1);
    clock.advance(BATCH_MS);
    await counted({ sent: 1 });
  });

  test('speaks no HTTP', async () => {
    const server = createServer((socket) => void socket.on('error', () => undefined).end('SSH-2.0-x\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    tracer = tracerOf({ url: `http://127.0.0.1:${(server.address() as { port: number }).port}/` });
    take(1);
    clock.advance(BATCH_MS);
    await counted({ failed: 1 });
    server.close();
  });

  test('rejects some spans says so once', async () => {
    collector.manner = (response) =>
      response.end('{"partialSuccess":{"rejectedSpans":"4","errorMessage":"\\u001b[2J"}}');
    for (let n = 1; n <= 2; n += 1) {
      take(2, n);
      clock.advance(BATCH_MS);
      await counted({ sent: 2 * n });
    }
    expect(logged).toEqual([expect.stringMatching(/rejected 4 spans of 2 traces$/)]);
  });
});

describe('at the end', () => {
  test('what waits is sent; then nothing is taken', async () => {
    take(BATCH_LIMIT + 1);
    await Promise.all([tracer.close(), tracer.close()]);
    expect(tracer.counts).toEqual({ sent: BATCH_LIMIT + 1, failed: 0, dropped: 0, limited: 0 });
    take(QUEUE_LIMIT + 1);
    expect(clock.pendingTimers).toBe(0);
    expect(tracer.counts.dropped).toBe(0);
  });

  test('a collector that hangs holds it up for a second', async () => {
    collector.manner = HANGS;
    take(1);
    clock.advance(BATCH_MS);
    await collector.requests(1);
    take(5, 2);
    await ended(tracer);
    expect(tracer.counts).toEqual({ sent: 0, failed: 1, dropped: 5, limited: 0 });
    expect(clock.pendingTimers).toBe(0);
    expect(logged).toEqual([]);
  });

  test('after an outage nothing is tried', async () => {
    collector.manner = (response) => response.writeHead(503).end();
    take(1);
    clock.advance(BATCH_MS);
    await counted({ failed: 1 });
    take(1);
    await tracer.close();
    expect(tracer.counts).toEqual({ sent: 0, failed: 1, dropped: 1, limited: 0 });
    expect(collector.received).toHaveLength(1);
  });

  test('with the machine’s clock: within a second and a reserve', async () => {
    collector.manner = HANGS;
    tracer = tracerOf({ clock: systemClock });
    take(1);
    await tracer.close();
    expect(tracer.counts.failed).toBe(1);
  });
});
