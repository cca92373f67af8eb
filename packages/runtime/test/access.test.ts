import { once } from 'node:events';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { API, API_NAMES, type ApiName, type ApiRoute } from '@vigia/contracts/api';
import { type Role, ROLES } from '@vigia/contracts/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { AccessNode, type Holder, PASSWORD } from './support/access-node.ts';

let node: AccessNode;
const holders = new Map<string, Holder>();
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const JSON_BODY = { 'content-type': 'application/json' };

beforeAll(async () => {
  node = await AccessNode.start();
  for (const role of ROLES)
    for (const [grant, cameras] of [
      ['all', 'all'],
      ['hall', ['hall']],
    ] as const)
      holders.set(`${role} of ${grant}`, await node.holder(`${role}-${grant}`, role, cameras));
});

afterAll(async () => {
  const { vigia } = node;
  expect(await node.close()).toBe(0);
  expect(vigia.stderr).not.toContain('internal');
  expect(vigia.stderr + vigia.stdout).not.toContain(PASSWORD);
  for (const { token } of holders.values()) expect(vigia.stderr + vigia.stdout).not.toContain(token);
});

interface Session {
  readonly cookie: string;
  readonly csrf: string;
  readonly setCookie: string;
}

async function login(user: string): Promise<Session> {
  const { status, headers, text } = await node.raw(
    'POST',
    '/api/v1/login',
    JSON_BODY,
    JSON.stringify({ user, password: PASSWORD }),
  );
  expect(status).toBe(200);
  const [setCookie = ''] = headers['set-cookie'] as string[];
  return { cookie: setCookie.split(';')[0] ?? '', csrf: (JSON.parse(text) as { csrf: string }).csrf, setCookie };
}

/** The status of a request that is allowed: it has a parameter that no route has, so that it does nothing. */
const REFUSED_LATER = 400;

/** What a role and its cameras get, by the table alone. */
function expected(
  { role: least, scope }: ApiRoute,
  role: Role | undefined,
  cameras: Holder['cameras'],
  camera: string,
): number {
  if (least === 'anyone') return REFUSED_LATER;
  if (role === undefined) return 401;
  if (ROLES.indexOf(role) < ROLES.indexOf(least)) return 403;
  if (scope === 'node' && cameras !== 'all') return 403;
  if (scope === 'camera' && cameras !== 'all' && !cameras.includes(camera)) return 404;
  return REFUSED_LATER;
}

/** A request to a route about a camera. `login` and `logout` have no parameters. */
const asked = API_NAMES.filter((name) => name !== 'login' && name !== 'logout').flatMap(
  (name): (readonly [ApiName, string])[] =>
    API[name].path.includes('{camera}')
      ? [
          [name, 'hall'],
          [name, 'yard'],
        ]
      : [[name, 'hall']],
);

function pathOf(name: ApiName, camera: string): string {
  const filled = {
    camera,
    consumer: 'people',
    event: '0'.repeat(26),
    session: 'x'.repeat(22),
    user: 'nobody',
    token: '0'.repeat(12),
  } as const;
  return `${API[name].path.replaceAll(/\{(\w+)\}/g, (_, word: string) => filled[word as keyof typeof filled])}?nonsense=1`;
}

describe('every role × route × grant', () => {
  const who = [undefined, ...ROLES.flatMap((role) => [`${role} of all`, `${role} of hall`])];
  test.each(who)('%s', async (name) => {
    const holder = name === undefined ? undefined : holders.get(name);
    const cells = await Promise.all(
      asked.map(async ([route, camera]) => {
        const headers = holder ? bearer(holder.token) : {};
        const { status } = await node.raw(API[route].method, pathOf(route, camera), headers);
        return [`${route} ${camera}`, status];
      }),
    );
    const table = asked.map(([route, camera]) => [
      `${route} ${camera}`,
      expected(API[route], holder?.role, holder?.cameras ?? [], camera),
    ]);
    expect(Object.fromEntries(cells)).toEqual(Object.fromEntries(table));
  });

  test('the same in a session, which needs its CSRF token for every change', async () => {
    const { cookie, csrf } = await login('operator-hall');
    for (const [route, camera] of asked) {
      const { method } = API[route];
      const wanted = expected(API[route], 'operator', ['hall'], camera);
      const without = await node.raw(method, pathOf(route, camera), { cookie });
      // Without the token a change is that of nobody, and of nobody's page.
      expect(`${route} ${camera} ${without.status}`).toBe(`${route} ${camera} ${method === 'GET' ? wanted : 403}`);
      const { status } = await node.raw(method, pathOf(route, camera), { cookie, 'x-csrf-token': csrf });
      expect(`${route} ${camera} ${status}`).toBe(`${route} ${camera} ${wanted}`);
    }
  });
});

describe('what somebody with one camera sees', () => {
  const get = async (path: string): Promise<unknown> => {
    const { status, text } = await node.raw('GET', path, bearer(holders.get('viewer of hall')?.token ?? ''));
    expect(status).toBe(200);
    return JSON.parse(text);
  };

  test('of cameras, status and report', async () => {
    expect(Object.keys((await get('/api/v1/cameras')) as object)).toEqual(['hall']);
    const status = (await get('/api/v1/status')) as { cameras: object };
    expect(Object.keys(status.cameras)).toEqual(['hall']);
    const report = await get('/api/v1/report');
    expect(JSON.stringify(report)).not.toContain('yard');
  });

  test('of events: those of the camera, none of the node', async () => {
    const all = (await node.local.events({ query: { limit: 1_000 } })).events;
    expect(new Set(all.map(({ camera }) => camera))).toEqual(new Set([null, 'hall', 'yard']));
    const { events } = (await get('/api/v1/events?limit=1000')) as { events: typeof all };
    expect(new Set(events.map(({ camera }) => camera))).toEqual(new Set(['hall']));
    expect(await get('/api/v1/events?camera=yard&count=1')).toMatchObject({ events: [], count: { events: 0 } });
    const { count } = (await get('/api/v1/events?limit=1&count=1')) as { count: { events: number } };
    expect(count.events).toBeGreaterThanOrEqual(events.length);
    const whole = await node.local.events({ query: { limit: 1, count: '1' } });
    expect(count.events).toBeLessThan(whole.count?.events ?? 0);
  });

  test('of a stream: the same', async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${node.port}/api/v1/stream?after=${'0'.repeat(26)}`, {
      headers: bearer(holders.get('viewer of hall')?.token ?? ''),
      rejectUnauthorized: false,
    });
    const cameras = new Set<string | null>();
    socket.on('message', (data: Buffer) => {
      const item = JSON.parse(data.toString()) as { event?: { camera: string | null } };
      if (item.event) cameras.add(item.event.camera);
    });
    await node.local.restartCamera({ params: { camera: 'yard' } });
    await node.local.restartCamera({ params: { camera: 'hall' } });
    while (cameras.size === 0) await once(socket, 'message');
    expect([...cameras]).toEqual(['hall']);
    socket.terminate();
  });

  test('a screen follows what happens, without pictures', async () => {
    const opened = (types: string): Promise<number> => {
      const socket = new WebSocket(`wss://127.0.0.1:${node.port}/api/v1/stream?types=${types}`, {
        headers: bearer(holders.get('screen of all')?.token ?? ''),
        rejectUnauthorized: false,
      });
      return new Promise((resolve) => {
        socket.once('error', () => undefined);
        socket.once('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode));
        socket.once('open', () => resolve(101));
      }).finally(() => socket.terminate()) as Promise<number>;
    };
    expect([await opened('result,event,now,summary'), await opened('result,picture')]).toEqual([101, 403]);
  });

  test('an admin of one camera changes that one, and no other', async () => {
    const own = bearer(holders.get('admin of hall')?.token ?? '');
    const headers = { ...JSON_BODY, ...own };
    const body = JSON.stringify({ source: 'rtsp://127.0.0.1:1/other' });
    expect((await node.raw('PUT', '/api/v1/cameras/hall', headers, body)).status).toBe(200);
    expect((await node.raw('PUT', '/api/v1/cameras/yard', headers, body)).status).toBe(404);
    expect((await node.raw('PUT', '/api/v1/cameras/new', headers, body)).status).toBe(404);
    expect((await node.raw('DELETE', '/api/v1/cameras/yard', own)).status).toBe(404);
    const late = await node.raw('PATCH', '/api/v1/cameras/hall', { ...headers, 'if-match': '"1"' }, '{}');
    expect([late.status, late.text]).toEqual([412, expect.not.stringContaining('yard')]);
  });
});

describe('sessions', () => {
  test('the cookie is out of reach for scripts and for pages of other sites', async () => {
    expect((await login('anna')).setCookie).toMatch(
      /^vigia_session=vigia_[0-9a-f]{12}_[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure$/,
    );
  });

  test('the logout ends it, and its streams', async () => {
    const { cookie, csrf } = await login('anna');
    const socket = new WebSocket(`wss://127.0.0.1:${node.port}/api/v1/stream`, {
      headers: { cookie },
      rejectUnauthorized: false,
    });
    await once(socket, 'open');
    const closed = once(socket, 'close');
    expect((await node.raw('POST', '/api/v1/logout', { cookie, 'x-csrf-token': csrf })).status).toBe(200);
    await closed;
    expect((await node.raw('GET', '/api/v1/me', { cookie })).status).toBe(401);
    // An old cookie is no obstacle to what needs none.
    expect((await node.raw('GET', '/healthz', { cookie })).status).toBeLessThan(504);
    expect(
      (
        await node.raw(
          'POST',
          '/api/v1/login',
          { ...JSON_BODY, cookie },
          JSON.stringify({ user: 'anna', password: PASSWORD }),
        )
      ).status,
    ).toBe(200);
  });

  test('the text of a cookie is no token, and a token is no cookie', async () => {
    const { cookie } = await login('anna');
    const text = cookie.slice('vigia_session='.length);
    expect((await node.raw('GET', '/api/v1/me', bearer(text))).status).toBe(401);
    const token = holders.get('admin of all')?.token ?? '';
    expect((await node.raw('GET', '/api/v1/me', { cookie: `vigia_session=${token}` })).status).toBe(401);
  });

  test('a user who is removed or changed is out at once', async () => {
    const { token } = await node.holder('gone', 'viewer', 'all');
    const socket = new WebSocket(`wss://127.0.0.1:${node.port}/api/v1/stream`, {
      headers: bearer(token),
      rejectUnauthorized: false,
    });
    await once(socket, 'open');
    const closed = once(socket, 'close');
    expect(node.command(['users', 'change', 'gone', '--cameras', 'hall', '--node', node.box.node]).stdout).toBe(
      'user gone: viewer of hall\n',
    );
    await closed;
    expect((await node.raw('GET', '/api/v1/me', bearer(token))).text).toContain('"cameras":["hall"]');
    await node.local.removeUser({ params: { user: 'gone' } });
    expect((await node.raw('GET', '/api/v1/me', bearer(token))).status).toBe(401);
  });

  test('wrong passwords: 401, then 429 with the time to wait; each is an event of kind audit', async () => {
    const guess = () =>
      node.raw('POST', '/api/v1/login', JSON_BODY, JSON.stringify({ user: 'viewer-all', password: 'wrong' }));
    // At the same time: one by one they might take so long that another one is allowed.
    const answers = await Promise.all(Array.from({ length: 12 }, guess));
    const statuses = answers.map(({ status }) => status);
    expect([...statuses].sort((a, b) => a - b)).toEqual([...Array<number>(10).fill(401), 429, 429]);
    expect(answers[statuses.indexOf(429)]?.headers['retry-after']).toMatch(/^\d+$/);
    const { events } = await node.local.events({ query: { kind: 'audit', severity: 'warning', limit: 1_000 } });
    expect(events.map(({ data }) => data)).toContainEqual({
      by: 'somebody (127.0.0.1)',
      action: 'login',
      target: 'viewer-all',
      outcome: 'refused',
      reason: 'login_failed',
    });
  });
});

describe('tokens', () => {
  test('of oneself: made in a session, listed and removed; of others only by an admin', async () => {
    const { cookie, csrf } = await login('operator-hall');
    const own = { cookie, 'x-csrf-token': csrf };
    const mine = { ...JSON_BODY, ...own };
    const made = await node.raw('POST', '/api/v1/tokens', mine, '{"name":"mine"}');
    const { id, token } = JSON.parse(made.text) as { id: string; token: string };
    expect((await node.raw('GET', '/api/v1/me', bearer(token))).text).toContain('"user":"operator-hall"');
    expect((await node.raw('GET', '/api/v1/tokens', mine)).text).not.toContain('anna');
    expect((await node.raw('POST', '/api/v1/tokens', mine, '{"name":"x","user":"anna"}')).status).toBe(403);
    const other = bearer(holders.get('operator of all')?.token ?? '');
    expect((await node.raw('DELETE', `/api/v1/tokens/${id}`, other)).status).toBe(404);
    expect((await node.raw('DELETE', `/api/v1/tokens/${id}`, own)).status).toBe(200);
    expect((await node.raw('GET', '/api/v1/me', bearer(token))).status).toBe(401);
  });

  test('a token makes no tokens: one with less would make one with more', async () => {
    const less = await node.local.addToken({ body: { user: 'anna', name: 'less', role: 'viewer' } });
    const more = await node.raw('POST', '/api/v1/tokens', { ...JSON_BODY, ...bearer(less.token) }, '{"name":"more"}');
    expect([more.status, more.text]).toEqual([403, expect.stringContaining('a token makes no tokens')]);
  });

  test('a right that is taken while the body is on its way is gone', async () => {
    const { token } = await node.holder('slow', 'admin', 'all');
    const socket = connectTls({ host: '127.0.0.1', port: node.port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const body = '{"name":"ghost","role":"admin"}';
    const head = `POST /api/v1/users HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nAuthorization: Bearer ${token}\r\n`;
    socket.write(`${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`);
    await node.raw('GET', '/readyz');
    await node.local.removeUser({ params: { user: 'slow' } });
    socket.write(body.slice(5));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
    expect(JSON.stringify(await node.local.users())).not.toContain('ghost');
  });

  test('who speaks HTTP without TLS is sent to the https address, or hears it; TLS that arrives bit by bit is TLS', async () => {
    const plain = async (request: string): Promise<string> => {
      const socket = connect(node.port, '127.0.0.1').end(request);
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    };
    const moved = await plain('GET /wall?x=1 HTTP/1.1\r\nAccept: */*\r\nHost: box.lan:8470\r\n\r\n');
    expect(moved).toMatch(/^HTTP\/1\.1 307 Temporary Redirect\r\n/);
    expect(moved).toContain('\r\nLocation: https://box.lan:8470/wall?x=1\r\n');
    for (const request of [
      'POST /api/v1/login HTTP/1.1\r\nHost: box.lan\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: box.lan/@evil\r\n\r\n',
      'GET //evil HTTP/1.1\r\n\r\n',
      'no HTTP',
    ]) {
      const answer = await plain(request);
      expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
      expect(answer).toMatch(
        /\r\n\r\n\{"error":\{"code":"bad_request","message":"this port speaks TLS: use https:\/\/"\}\}$/,
      );
    }
    expect(await plain('')).toBe('');
    const socket = connect(node.port, '127.0.0.1');
    const slow = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _, done) => {
        for (const byte of chunk.subarray(0, 7)) socket.write(Buffer.of(byte));
        socket.write(chunk.subarray(7), done);
      },
    });
    socket.on('data', (chunk) => slow.push(chunk)).setNoDelay(true);
    const secure = connectTls({ socket: slow, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    secure.write(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n\r\n`);
    const [answer] = (await once(secure, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  test('what is done once for a key is audited once, with its user and address', async () => {
    const headers = { ...JSON_BODY, ...bearer(holders.get('admin of all')?.token ?? ''), 'idempotency-key': 'once' };
    // A body that the route does not read is not recorded: it may be long.
    const reload = () => node.raw('POST', '/api/v1/reload', headers, JSON.stringify({ name: 'x'.repeat(100_000) }));
    for (let n = 0; n < 3; n += 1) expect((await reload()).status).toBe(200);
    const { events } = await node.local.events({ query: { kind: 'audit', limit: 1_000 } });
    const entries = events.map(({ data }) => data as { action: string; outcome: string });
    expect(entries.filter(({ action, outcome }) => action === 'reload' && outcome === 'done')).toEqual([
      { by: 'user admin-all (127.0.0.1)', action: 'reload', target: null, outcome: 'done', reason: null },
    ]);
  });
});
