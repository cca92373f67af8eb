import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Validator } from '@seriousme/openapi-schema-validator';
import { type ApiClient, ApiError, createClient } from '@vigia/client';
import type { NodeEvent } from '@vigia/contracts';
import { ACCESS_API, API, API_NAMES, type ApiRoute, LIVE_API, RECORDINGS_API } from '@vigia/contracts/api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { ApiNode } from './support/api-node.ts';
import { CutProxy } from './support/cut-proxy.ts';
import { OtlpCollector } from './support/otlp-collector.ts';
import { refusedRequests } from './support/refused-requests.ts';

let node: ApiNode;
let overTcp: ApiClient;
let overSocket: ApiClient;
const raw: ApiNode['raw'] = (...request) => node.raw(...request);

beforeAll(async () => {
  node = await ApiNode.start();
  ({ overTcp, overSocket } = node);
});

afterAll(async () => {
  const { vigia } = node;
  // A client that never answers, and a stream that is open: neither holds up the end.
  const deaf = connect(node.port, '127.0.0.1');
  deaf.on('error', () => undefined);
  deaf.write(
    `GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await once(deaf, 'data');
  expect(await node.close()).toBe(0);
  deaf.destroy();
  expect(vigia.stderr).not.toContain('not everything stopped');
  expect(vigia.stderr).not.toContain('internal');
});

/** A camera that nobody answers for. */
const nobody = (n = 1): { source: string } => ({ source: `rtsp://127.0.0.1:1/${n}` });

describe.each([
  ['TCP', (): ApiClient => overTcp],
  ['the control socket', (): ApiClient => overSocket],
])('the typed client over %s', (_, client) => {
  test('every route answers what its schema says', async () => {
    const api = client();
    const { light } = (await api.report()).cameras['hall']?.consumers ?? {};
    expect(light?.worker).toBe('bright');
    const before = (await api.config()).revision;
    const answers: Record<string, unknown> = {
      health: await api.health(),
      ready: await api.ready(),
      report: await api.report(),
      status: await api.status(),
      problems: await api.problems(),
      budget: await api.budget(),
      alarms: await api.alarms(),
      logs: await api.logs({ query: { limit: 5 } }),
      cameras: await api.cameras(),
      camera: await api.camera({ params: { camera: 'hall' } }),
      probe: await api.probe({ body: nobody() }),
      putCamera: await api.putCamera({ params: { camera: 'new' }, body: nobody(), ifMatch: before }),
      patchCamera: await api.patchCamera({ params: { camera: 'new' }, body: { on_loss: 'conceal' } }),
      patchConsumer: await api.patchConsumer({ params: { camera: 'hall', consumer: 'light' }, body: { fps: 2 } }),
      removeCamera: await api.removeCamera({ params: { camera: 'new' }, ifMatch: before + 2 }),
      restartConsumer: await api.restartConsumer({ params: { camera: 'hall', consumer: 'light' } }),
      models: await api.models(),
      events: await api.events({ query: { kind: 'config,node', limit: 5 } }),
      config: await api.config(),
      putConfig: await api.putConfig({ query: { dry_run: '1' }, body: node.document(1) }),
      revisions: await api.revisions(),
      rollBack: await api.rollBack({ body: { revision: before } }),
      reload: await api.reload(),
      restartCamera: await api.restartCamera({ params: { camera: 'hall' } }),
    };
    for (const [name, answer] of Object.entries(answers)) {
      const { answer: schema } = API[name as keyof typeof API] as ApiRoute;
      if (schema instanceof z.ZodType) schema.parse(answer);
    }
    expect(Object.keys(answers).sort()).toEqual(
      API_NAMES.filter(
        (name) =>
          !(name in ACCESS_API) &&
          // See recordings.test.ts.
          !(name in RECORDINGS_API) &&
          !(name in LIVE_API) &&
          !['acknowledge', 'breakDemo', 'openapi', 'metrics', 'snapshot', 'stop', 'eventStream', 'stream'].includes(
            name,
          ),
      ).sort(),
    );
  });

  test('OpenAPI is valid, and has every route', async () => {
    const document = await client().openapi();
    const result = await new Validator().validate(structuredClone(document) as Record<string, unknown>);
    expect(result).toMatchObject({ valid: true });
    const { paths } = document as { paths: Record<string, Record<string, { operationId: string }>> };
    const operations = Object.values(paths).flatMap((path) => Object.values(path).map((one) => one.operationId));
    expect(operations.sort()).toEqual([...API_NAMES].sort());
  });
});

test('a picture', async () => {
  const jpeg = await until(() => overTcp.snapshot({ params: { camera: 'hall' } }));
  expect([...jpeg.subarray(0, 2)]).toEqual([0xff, 0xd8]);
});

/** Repeats while the camera is starting. */
async function until<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'camera_not_live') throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

describe('refusals', () => {
  test.each(refusedRequests(raw))('%s', async (_what, ask, status, sentence) => {
    const [found, text] = await ask();
    expect(text).toMatch(sentence);
    expect(found).toBe(status);
    expect(JSON.parse(text)).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } });
  });

  test('of two that change the same revision one is refused, and hears what changed', async () => {
    const { revision } = await overTcp.config();
    const put = (n: number) => overTcp.putCamera({ params: { camera: 'both' }, body: nobody(n), ifMatch: revision });
    const outcomes = await Promise.allSettled([put(1), put(2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    const body = JSON.stringify(nobody(2));
    const [status, text] = await raw(
      'PUT',
      '/api/v1/cameras/both',
      { 'content-type': 'application/json', 'if-match': `"${revision}"` },
      body,
    );
    expect(status).toBe(412);
    expect(JSON.parse(text).error).toMatchObject({
      code: 'conflict',
      revision: revision + 1,
      changes: ['cameras.both: added'],
    });
    await overTcp.removeCamera({ params: { camera: 'both' } });
  });

  test('before its body was read: the answer arrives, even if the client reads it only when all was sent', async () => {
    const socket = connect(node.port, '127.0.0.1').pause();
    const body = Buffer.alloc(1024 * 1024, ' ');
    const head = `PUT /api/v1/nothing HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Length: ${body.length}`;
    const lost: Error[] = [];
    socket.on('error', (error) => lost.push(error)).write(`${head}\r\n\r\n`);
    // Other connections are answered meanwhile, so the server has long seen this one.
    for (let at = 0; at < body.length; at += body.length / 16) {
      await raw('GET', '/healthz');
      socket.write(body.subarray(at, at + body.length / 16));
    }
    expect(lost).toEqual([]);
    const [answer] = await once(socket.resume(), 'data');
    expect(String(answer)).toMatch(/^HTTP\/1.1 403/);
    socket.destroy();
  });

  test('a repeated key does nothing twice, and is refused for anything else', async () => {
    const put = (n: number) =>
      overTcp.putCamera({ params: { camera: 'once' }, body: nobody(n) }, { idempotencyKey: 'k1' });
    const [first, second] = await Promise.all([put(1), put(1)]);
    expect(second).toEqual(first);
    await overTcp.removeCamera({ params: { camera: 'once' } });
    expect(await put(1)).toEqual(first);
    expect(Object.keys(await overTcp.cameras())).toEqual(['hall']);
    await expect(put(2)).rejects.toMatchObject({ status: 422, code: 'key_reused' });
  });

  test('whatever is sent to any route: an answer, and never 5xx but for what is not well', {
    timeout: 60_000,
  }, async () => {
    const part = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('street', '..', '%00', 'a'.repeat(200), '{"a":1}', '-1'),
    );
    const asked = fc.record({
      name: fc.constantFrom(
        ...API_NAMES.filter(
          (name) =>
            name !== 'eventStream' &&
            name !== 'stream' &&
            !name.startsWith('restart') &&
            !['snapshot', 'stop', 'metrics'].includes(name),
        ),
      ),
      id: part,
      query: fc.dictionary(part, part, { maxKeys: 3 }),
      body: fc.option(part),
      type: fc.constantFrom('application/json', 'application/yaml', 'text/plain', 'text/xml', ''),
    });
    await fc.assert(
      fc.asyncProperty(asked, async ({ name, id, query, body, type }) => {
        const { method, path } = API[name];
        const at = path.replaceAll(/\{\w+\}/g, encodeURIComponent(id));
        const [status, text] = await raw(
          method,
          `${at}?${new URLSearchParams(query).toString()}`,
          type === '' ? {} : { 'content-type': type },
          body ?? undefined,
        );
        expect(status === 503 ? 'not well' : status).not.toBeGreaterThanOrEqual(500);
        expect(JSON.parse(text)).toBeTypeOf('object');
      }),
      { numRuns: 300 },
    );
    expect(Object.keys(await overTcp.cameras())).toEqual(['hall']);
  });
});

describe('events as they happen', () => {
  let changes = 0;
  /** Each change of the document is an event. */
  async function change(times: number): Promise<void> {
    for (let n = 0; n < times; n += 1) await overTcp.putConfig({ body: node.document((changes += 1)) });
  }

  async function recorded(after: string): Promise<NodeEvent[]> {
    const all: NodeEvent[] = [];
    for (let last: string | undefined = after; last !== undefined; ) {
      const { events } = await overTcp.events({ query: { after: last, limit: 1000 } });
      all.push(...events);
      last = events.at(-1)?.id;
    }
    return all;
  }

  test('a client whose connection is cut again and again gets each event once, in order', {
    timeout: 60_000,
  }, async () => {
    const proxy = await CutProxy.start(node.port);
    try {
      const api = createClient({ send: proxy.sender });
      const end = new AbortController();
      const got: NodeEvent[] = [];
      let lost = 0;
      const [first] = (await overTcp.events({ query: { after: '0'.repeat(26), limit: 1 } })).events;
      const reading = (async () => {
        const options = { after: first?.id, signal: end.signal, retryMs: 1, onLost: () => (lost += 1) };
        for await (const event of api.follow(options)) {
          got.push(event);
          if (got.length % 3 === 0) proxy.cut();
          if (event.kind === 'config' && event.data.changes.some((line) => line.startsWith('cameras.hall.consumers')))
            end.abort();
        }
      })();
      await change(80);
      await overTcp.putConfig({ body: node.document(0).replace('fps: 2', 'fps: 3') });
      await reading;
      const all = await recorded(first?.id ?? '');
      const ids = all.map(({ id }) => id);
      expect(got.map(({ id }) => id)).toEqual(ids.slice(0, got.length));
      expect(got.length).toBeGreaterThan(80);
      expect(lost).toBeGreaterThan(20);
    } finally {
      await proxy.close();
    }
  });

  test('over the control socket, from now on; a client that reads nothing costs the node nothing', async () => {
    const deaf: Socket = connect(node.port, '127.0.0.1');
    deaf.pause();
    deaf.write(`GET /api/v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n\r\n`);
    const end = new AbortController();
    const following = overSocket.follow({ signal: end.signal });
    const next = following.next();
    // The stream is open when it is in the table of connections: ask until the event arrives.
    const seen: unknown[] = [];
    void next.then(({ value }) => seen.push(value));
    while (seen.length === 0) await change(1);
    expect(seen).toMatchObject([{ kind: expect.stringMatching(/^config|_state$/) }]);
    await change(10);
    end.abort();
    expect((await overTcp.health()).status).toBe('ok');
    deaf.destroy();
  });
});

describe('everything as it happens', () => {
  test('results and events of one camera, over Server-Sent Events', async () => {
    const end = new AbortController();
    const seen = new Set<string>();
    const watching = overTcp.watch({ camera: 'hall', types: ['event', 'result'], signal: end.signal });
    const restarted = overTcp.restartCamera({ params: { camera: 'hall' } });
    for await (const item of watching) {
      seen.add(item.type);
      if (item.type === 'result') expect(item.result.camera).toBe('hall');
      if (seen.size === 2) end.abort();
    }
    await restarted;
    expect([...seen].sort()).toEqual(['event', 'result']);
  });

  test('over a WebSocket: what is wanted, resumed after an event; what a client sends is not read', async () => {
    const events = (await overTcp.events({ query: { limit: 3 } })).events.toReversed();
    const socket = new WebSocket(`ws://127.0.0.1:${node.port}/api/v1/stream?types=event,result&after=${events[0]?.id}`);
    socket.once('open', () => socket.send('{"hello":1}'));
    const messages: { type: string; id?: string; event?: NodeEvent }[] = [];
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (data: Buffer) => {
        messages.push(JSON.parse(data.toString('utf8')) as (typeof messages)[number]);
        if (messages.at(-1)?.type === 'result') resolve();
      });
    });
    socket.close();
    expect(messages[0]).toEqual({ type: 'position', id: events[0]?.id });
    expect(messages.slice(1, 3).map(({ event }) => event?.id)).toEqual([events[1]?.id, events[2]?.id]);
  });

  test.each([
    ['a foreign page', '/api/v1/stream', { origin: 'http://evil.example' }, 403],
    ['a wrong type', '/api/v1/stream?types=video', {}, 400],
    ['another route', '/api/v1/report', {}, 404],
  ])('a WebSocket is refused: %s', async (_, path, headers, status) => {
    const socket = new WebSocket(`ws://127.0.0.1:${node.port}${path}`, { headers });
    const found = await new Promise((resolve) => {
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.once('open', () => resolve('open'));
      socket.on('error', () => undefined);
    });
    socket.terminate();
    expect(found).toBe(status);
  });

  test('a refused upgrade closes its connection', async () => {
    const [closed, answer] = await new Promise<[boolean, string]>((resolve) => {
      const socket = connect(node.port, '127.0.0.1');
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      socket.on('end', () => resolve([true, text]));
      socket.setTimeout(5_000, () => resolve([false, text]));
      socket.write(
        `GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      );
    });
    expect(answer).toMatch(/^HTTP\/1\.1 404/);
    expect(closed).toBe(true);
  });

  test('a message that is too long ends its own connection only', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${node.port}/api/v1/stream`);
    const code = await new Promise((resolve) => {
      socket.once('open', () => socket.send('x'.repeat(2_000)));
      socket.once('close', resolve).on('error', () => undefined);
    });
    expect([1006, 1009]).toContain(code);
    expect((await overTcp.health()).status).toBe('ok');
  });
});

test('a reload starts and ends traces; the camera goes on; no output has a secret', async () => {
  const collector = await OtlpCollector.start();
  try {
    const camera = node.vigia.child('camera-process');
    expect(await overTcp.metrics()).not.toMatch(/tracing|vigia_traces_total/);
    const headers = `{ authorization: "Bearer \${file:${node.box.file('token', 'hush-by-file')}}", x-tenant: hush-in-file }`;
    const tracing = `tracing: { url: "${collector.url}", sample: 1, headers: ${headers} }\n`;
    const on = await overSocket.putConfig({ body: node.document(0) + tracing });
    const steps = ['arrive', 'decode', 'wait', 'render', 'send', 'answer', 'decide'];
    // The first frames may be some that were never sent: the worker was busy.
    const spans = await collector.until((all, at) => steps.every((name, i) => all[at + 1 + i]?.name === name));
    const shown: unknown[] = [on, await overTcp.config(), await overTcp.metrics()];
    const [{ headers: sent, resource } = { headers: {}, resource: {} }] = collector.received;
    expect(sent).toMatchObject({ authorization: 'Bearer hush-by-file', 'x-tenant': 'hush-in-file' });
    expect(resource).toMatchObject({ 'service.name': 'vigia' });
    expect(spans[0]).toMatchObject({ name: 'frame', attributes: { 'vigia.camera': 'hall', 'vigia.worker': 'bright' } });
    expect(shown[2]).toMatch(/vigia_subscriber_queued{subscriber="tracing"}[^]*vigia_traces_total{outcome="sent"}/);
    shown.push(await overSocket.putConfig({ body: node.document(0) + tracing.replace('hush-in', 'hush-again-in') }));
    shown.push(
      await overSocket.putConfig({ body: node.document(0) }),
      await overTcp.metrics(),
      await overTcp.revisions(),
    );
    expect(shown[5]).not.toMatch(/subscriber="tracing"|vigia_traces_total/);
    expect(JSON.stringify(shown) + node.vigia.stderr + node.vigia.stdout).not.toContain('hush-');
    expect(on).toMatchObject({ cameras: { changed: [], untouched: 1 } });
    expect(node.vigia.child('camera-process')).toBe(camera);
  } finally {
    await collector.close();
  }
});
