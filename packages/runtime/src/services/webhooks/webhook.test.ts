import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLog, FakeClock, systemClock } from '@vigia/base';
import type { NodeEvent } from '@vigia/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Webhook, type WebhookFilter, type WebhookOptions } from './webhook.ts';

const ALL: WebhookFilter = { severity: 'notice', kinds: undefined, cameras: undefined };
/** Real time, and hardly any wait. */
const QUICK = { clock: systemClock, retry: { firstMs: 1, maxMs: 1 } };
const event = (id: string, more: Partial<NodeEvent> = {}): NodeEvent =>
  ({ id, kind: 'fall', severity: 'alarm', camera: 'hall', ...more }) as unknown as NodeEvent;

interface Got {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
}

let server: Server;
let got: Got[];
/** What the next requests are answered with; then 200. `hang`: not at all. */
let answers: (number | 'hang' | 'cut')[];
let retryAfter: string | undefined;
let clock: FakeClock;
let logged: string[];
let refused: string[];
let hook: Webhook;

const webhook = (filter: Partial<WebhookFilter> = {}, its: Pick<WebhookOptions, 'clock' | 'retry'> = QUICK): Webhook =>
  new Webhook({
    ...ALL,
    ...filter,
    id: 'home',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=hush`,
    headers: { 'x-key': 'hush' },
    version: '1',
    ...its,
    log: createLog('test', ({ message }) => logged.push(message)),
    onRefused: (why) => refused.push(why),
  });

beforeEach(async () => {
  [got, answers, logged, refused, retryAfter] = [[], [], [], [], undefined];
  clock = new FakeClock();
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      got.push({ id: (JSON.parse(text) as { id: string }).id, headers: request.headers });
      const answer = answers.shift() ?? 200;
      if (answer === 'hang') return;
      if (answer === 'cut') request.socket.destroy();
      else response.writeHead(answer, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  hook = webhook();
});
afterEach(async () => {
  hook.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('posts the event with its id and the configured headers', async () => {
  expect(await hook.deliver(event('1'))).toBe(true);
  expect(got).toMatchObject([
    { id: '1', headers: { 'idempotency-key': '1', 'x-key': 'hush', 'content-type': 'application/json' } },
  ]);
});

test('one after another, in order, however the other side answers', async () => {
  answers = [500, 'cut', 200, 429, 200];
  const all = ['1', '2', '3'].map((id) => hook.deliver(event(id)));
  expect(await Promise.all(all)).toEqual([true, true, true]);
  expect(got.map(({ id }) => id)).toEqual(['1', '1', '1', '2', '2', '3']);
  expect(logged).toEqual([
    expect.stringMatching(/^webhook home: http:\/\/127\.0\.0\.1:\d+ takes no events \(HTTP 500\); they wait$/),
    expect.stringContaining('takes events again'),
    expect.stringContaining('(HTTP 429)'),
    expect.stringContaining('takes events again'),
  ]);
  expect(logged.join()).not.toContain('hush');
});

test.each([301, 401, 403, 404, 408, 409, 429, 500, 503])(
  'HTTP %i passes: the event is sent until it is taken',
  async (status) => {
    answers = Array<number>(6).fill(status);
    expect(await hook.deliver(event('1'))).toBe(true);
    expect([got.length, refused]).toEqual([7, []]);
  },
);

test.each([400, 413, 415, 422])(
  'HTTP %i three times: the event is left out, which is reported once in a row',
  async (status) => {
    answers = Array<number>(6).fill(status);
    expect(await hook.deliver(event('1'))).toBe(true);
    expect(await hook.deliver(event('2'))).toBe(true);
    expect(await hook.deliver(event('3'))).toBe(true);
    expect(got.map(({ id }) => id)).toEqual(['1', '1', '1', '2', '2', '2', '3']);
    expect(refused).toEqual([expect.stringContaining(`refused event 1 (HTTP ${status})`)]);
    answers = Array<number>(3).fill(status);
    await hook.deliver(event('4'));
    expect(refused).toHaveLength(2);
  },
);

test('waits as long as Retry-After says', async () => {
  hook = webhook({}, { clock });
  [answers, retryAfter] = [[503], '90'];
  const sent = hook.deliver(event('1'));
  while (clock.pendingTimers !== 1 || logged.length === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(89_999);
  // A request of the webhook would arrive before the second of two that follow it.
  for (const id of ['mark', 'mark']) await webhook().deliver(event(id));
  expect(got.map(({ id }) => id)).toEqual(['1', 'mark', 'mark']);
  clock.advance(1);
  expect(await sent).toBe(true);
  expect(got.map(({ id }) => id)).toEqual(['1', 'mark', 'mark', '1']);
});

test('a request that is not answered ends after 10 s', async () => {
  hook = webhook({}, { clock });
  answers = ['hang'];
  const sent = hook.deliver(event('1'));
  while (got.length === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(9_999);
  expect(logged).toEqual([]);
  clock.advance(1);
  while (logged.length === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(1_000);
  await sent;
  expect(logged[0]).toContain('no answer in 10 s');
});

test('the end gives up what is under way, and what waits', async () => {
  hook = webhook({}, { clock });
  answers = ['hang'];
  const all = Promise.all([hook.deliver(event('1')), hook.deliver(event('2'))]);
  while (got.length === 0) await new Promise((resolve) => setImmediate(resolve));
  hook.close();
  expect(await all).toEqual([false, false]);
  expect(await hook.deliver(event('3'))).toBe(false);
  expect([got.length, clock.pendingTimers]).toEqual([1, 0]);
});

test.each<[Partial<WebhookFilter>, string[]]>([
  [{}, ['alarm', 'notice', 'node']],
  [{ severity: 'alarm' }, ['alarm']],
  [{ kinds: ['node'] }, ['node']],
  [{ cameras: ['hall'] }, ['alarm', 'notice']],
  [{ cameras: ['yard'] }, []],
])('%j: %j', async (filter, ids) => {
  const some = webhook(filter);
  await some.deliver(event('alarm'));
  await some.deliver(event('notice', { severity: 'notice' }));
  await some.deliver(event('node', { severity: 'notice', camera: null, kind: 'node' } as Partial<NodeEvent>));
  await some.deliver(event('debug', { severity: 'info' }));
  expect(got.map(({ id }) => id)).toEqual(ids);
});
