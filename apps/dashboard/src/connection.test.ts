import { describe, expect, test } from 'vitest';
import { type Browser, Connection, type Listener, type Reply, type SocketHandlers } from './connection.ts';
import { TestTime } from './test-time.ts';

const ME: Reply = { status: 200, body: { user: 'anna', role: 'operator', csrf: 'token' } };
const STATUS: Reply = { status: 200, body: { node: 'ward-3', cameras: {}, alarms: [] } };
const REFUSED: Reply = { status: 401, body: { error: { code: 'not_logged_in', message: 'log in' } } };

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly csrf: string | null | undefined;
  readonly body: unknown;
}

/** A browser whose time the test moves. Replies are those of `answers`, by path; a missing one is no answer. */
class TestBrowser extends TestTime implements Browser {
  seen = true;
  answers: Record<string, Reply | Promise<Reply>> = { '/api/v1/me': ME, '/api/v1/status': STATUS };
  readonly asked: Asked[] = [];
  readonly sockets: (SocketHandlers & { readonly path: string; closedByUs: boolean })[] = [];

  async request(
    method: string,
    path: string,
    { csrf, body }: { csrf?: string | null; body?: unknown },
  ): Promise<Reply> {
    this.asked.push({ method, path, csrf, body });
    const answer = this.answers[path];
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }

  openSocket(path: string, handlers: SocketHandlers): { close(): void } {
    const socket = { ...handlers, path, closedByUs: false };
    this.sockets.push(socket);
    return {
      close() {
        socket.closedByUs = true;
      },
    };
  }

  hidden(): boolean {
    return !this.seen;
  }

  count(path: string): number {
    return this.asked.filter((one) => one.path === path).length;
  }
}

function started(who = ME): { browser: TestBrowser; connection: Connection; heard: string[] } {
  const browser = new TestBrowser();
  browser.answers['/api/v1/me'] = who;
  const heard: string[] = [];
  const listener: Listener = {
    session: (state, me) => heard.push(`session ${state} ${me?.user ?? '-'}`),
    stream: (open) => heard.push(`stream ${open}`),
    now: (at) => heard.push(`now ${at}`),
    status: () => heard.push('status'),
    result: ({ camera }) => heard.push(`result ${camera}`),
    summary: ({ camera }) => heard.push(`summary ${camera}`),
    event: ({ kind }) => heard.push(`event ${kind}`),
    lost: () => heard.push('lost'),
    picture: ({ header }) => heard.push(`picture ${header.camera}`),
  };
  const connection = new Connection(browser, listener);
  void connection.start();
  return { browser, connection, heard };
}

const NOW = '{"type":"now","at":"2026-11-22T03:14:00Z","monotonic_ms":1}';

describe('a connection', () => {
  test('asks who is logged in, then opens the stream and asks for the status every second', async () => {
    const { browser, heard } = started();
    await browser.pass(3000);
    expect(heard[0]).toBe('session running anna');
    expect(browser.sockets).toHaveLength(1);
    expect(browser.count('/api/v1/status')).toBe(4);
  });

  test('asks for pictures only with a login that may see them', async () => {
    const { browser } = started();
    const screen = started({ status: 200, body: { user: 'corridor', role: 'screen', csrf: 'token' } });
    await browser.pass(0);
    await screen.browser.pass(0);
    expect(browser.sockets[0]!.path).toContain(',picture&');
    expect(screen.browser.sockets[0]!.path).not.toContain('picture');
  });

  test('has one request for the status in flight, and none while nobody sees the page', async () => {
    const { browser } = started();
    browser.answers['/api/v1/status'] = new Promise(() => {});
    await browser.pass(5000);
    expect(browser.count('/api/v1/status')).toBe(1);
    const other = started();
    other.browser.seen = false;
    await other.browser.pass(5000);
    expect(other.browser.count('/api/v1/status')).toBe(0);
    other.connection.wake();
    expect(other.browser.count('/api/v1/status')).toBe(1);
  });

  test('asks again until the node answers', async () => {
    const { browser, heard } = started();
    browser.answers = {};
    await browser.pass(0);
    await browser.pass(20_000);
    // 0.5, 1, 2, 4, 5, 5 s.
    expect(browser.count('/api/v1/me')).toBeLessThanOrEqual(7);
    browser.answers = { '/api/v1/me': ME };
    await browser.pass(5000);
    expect(heard).toContain('session running anna');
  });

  test('passes messages on', async () => {
    const { browser, heard } = started();
    await browser.pass(0);
    const [socket] = browser.sockets;
    socket!.opened();
    for (const message of [
      NOW,
      '{"type":"result","result":{"camera":"hall"}}',
      '{"type":"event","event":{"kind":"fall"}}',
      '{"type":"lost","samples":3}',
      '{"type":"position","id":"x"}',
      '{"type":"something newer"}',
    ])
      socket!.text(message);
    expect(heard.slice(-5)).toEqual(['stream true', 'now 2026-11-22T03:14:00Z', 'result hall', 'event fall', 'lost']);
  });

  test('drops and counts what breaks the protocol', async () => {
    const { browser, connection, heard } = started();
    await browser.pass(0);
    const before = heard.length;
    const hostile = [
      '',
      '{',
      'null',
      '7',
      '[]',
      '{"type":"now"}',
      '{"type":"result","result":null}',
      '{"type":"event"}',
    ];
    for (const message of hostile) browser.sockets[0]!.text(message);
    browser.sockets[0]!.binary(new ArrayBuffer(9));
    expect(connection.dropped).toBe(hostile.length + 1);
    expect(heard).toHaveLength(before);
  });

  test('opens the stream again after 0.5 to 5 s, and soon after one that worked', async () => {
    const { browser, heard } = started();
    await browser.pass(0);
    browser.sockets[0]!.opened();
    browser.sockets[0]!.text(NOW);
    browser.sockets[0]!.closed();
    expect(heard.at(-1)).toBe('stream false');
    for (const waitMs of [500, 1000, 2000, 4000, 5000, 5000]) {
      const before = browser.sockets.length;
      await browser.pass(waitMs - 1);
      expect(browser.sockets).toHaveLength(before);
      await browser.pass(1);
      expect(browser.sockets).toHaveLength(before + 1);
      browser.sockets.at(-1)!.closed();
    }
    await browser.pass(5000);
    browser.sockets.at(-1)!.text(NOW);
    browser.sockets.at(-1)!.closed();
    const before = browser.sockets.length;
    await browser.pass(500);
    expect(browser.sockets).toHaveLength(before + 1);
  });

  test('gives a stream up that has no heartbeat for 4 s, and ignores what still comes of it', async () => {
    const { browser, heard } = started();
    await browser.pass(0);
    browser.sockets[0]!.opened();
    await browser.pass(4000);
    expect(browser.sockets[0]!.closedByUs).toBe(false);
    await browser.pass(2000);
    expect(browser.sockets[0]!.closedByUs).toBe(true);
    expect(heard).toContain('stream false');
    expect(browser.sockets).toHaveLength(2);
    browser.sockets[0]!.text(NOW);
    expect(heard.filter((one) => one.startsWith('now'))).toEqual([]);
  });

  test('asks for a login when the node wants one, also in the middle of a session', async () => {
    const { browser, heard } = started();
    await browser.pass(0);
    browser.answers['/api/v1/status'] = REFUSED;
    await browser.pass(1000);
    expect(heard.at(-1)).toBe('session login -');
    expect(browser.sockets[0]!.closedByUs).toBe(true);
    const asked = browser.asked.length;
    await browser.pass(10_000);
    expect(browser.asked).toHaveLength(asked);
  });
});

describe('a stream that ends', () => {
  const SCREEN: Reply = { status: 200, body: { user: 'anna', role: 'screen', csrf: 'token' } };

  test('is opened again with what its login may see by then', async () => {
    const { browser, heard } = started();
    await browser.pass(0);
    browser.answers['/api/v1/me'] = SCREEN;
    browser.sockets[0]!.closed();
    await browser.pass(1000);
    expect(browser.sockets).toHaveLength(2);
    expect(browser.sockets[1]!.path).not.toContain('picture');
    expect(heard.filter((one) => one.startsWith('session'))).toHaveLength(2);
  });

  test('leads to the login when nobody is logged in any more', async () => {
    const { browser, heard } = started();
    await browser.pass(0);
    browser.answers['/api/v1/me'] = REFUSED;
    browser.sockets[0]!.closed();
    await browser.pass(600);
    expect(heard.at(-1)).toBe('session login -');
    expect(browser.sockets).toHaveLength(1);
  });

  test('is asked for again until somebody answers', async () => {
    const { browser } = started();
    await browser.pass(0);
    delete browser.answers['/api/v1/me'];
    browser.sockets[0]!.closed();
    await browser.pass(4000);
    expect(browser.sockets).toHaveLength(1);
    browser.answers['/api/v1/me'] = ME;
    await browser.pass(5000);
    expect(browser.sockets).toHaveLength(2);
  });

  test('because the page slept is opened at once', async () => {
    const { browser, connection } = started();
    await browser.pass(0);
    connection.restart();
    await browser.pass(0);
    expect([browser.sockets.length, browser.sockets[0]!.closedByUs]).toEqual([2, true]);
  });
});

describe('a logout', () => {
  test.each([
    [{ status: 200, body: {} }, null],
    [REFUSED, null],
    [{ status: 403, body: { error: { message: 'no token' } } }, 'no token'],
    [undefined, 'no answer'],
  ])('that the node answers with %j', async (reply, refused) => {
    const { browser, connection, heard } = started();
    await browser.pass(0);
    if (reply !== undefined) browser.answers['/api/v1/logout'] = reply;
    expect(await connection.logout()).toBe(refused);
    expect(heard.includes('session login -')).toBe(refused === null);
  });

  test('makes answers to the login before nobody’s', async () => {
    const { browser, connection, heard } = started();
    let answer: (reply: Reply) => void = () => undefined;
    browser.answers['/api/v1/status'] = new Promise<Reply>((resolve) => (answer = resolve));
    browser.answers['/api/v1/logout'] = { status: 200, body: {} };
    await browser.pass(0);
    await connection.logout();
    browser.answers['/api/v1/login'] = ME;
    const late = browser.answers['/api/v1/status'] as Promise<Reply>;
    browser.answers['/api/v1/status'] = STATUS;
    await connection.login('vera', 'secret');
    await browser.pass(0);
    expect(heard.filter((one) => one === 'status')).toHaveLength(1);
    answer(REFUSED);
    await late;
    await browser.pass(0);
    expect(heard.at(-1)).not.toBe('session login -');
  });
});

describe('a login', () => {
  test('begins the session', async () => {
    const { browser, connection, heard } = started();
    browser.answers = { '/api/v1/me': REFUSED, '/api/v1/login': ME, '/api/v1/status': STATUS };
    await browser.pass(0);
    expect(await connection.login('anna', 'secret')).toEqual({ kind: 'done' });
    expect(heard).toContain('session running anna');
  });

  test('says what went wrong', async () => {
    const { browser, connection } = started();
    browser.answers['/api/v1/login'] = REFUSED;
    expect(await connection.login('anna', 'x')).toEqual({ kind: 'wrong' });
    browser.answers['/api/v1/login'] = { status: 429, body: { error: { message: 'wait', retry_after_s: 8 } } };
    expect(await connection.login('anna', 'x')).toEqual({ kind: 'many', afterS: 8 });
    browser.answers['/api/v1/login'] = { status: 503, body: null };
    expect(await connection.login('anna', 'x')).toEqual({ kind: 'failed', why: 'HTTP 503' });
    delete browser.answers['/api/v1/login'];
    expect(await connection.login('anna', 'x')).toEqual({ kind: 'failed', why: 'no answer' });
  });
});

describe('an acknowledgement', () => {
  test('goes to the node with the token of the session', async () => {
    const { browser, connection } = started();
    await browser.pass(0);
    browser.answers['/api/v1/events/E1/acknowledge'] = { status: 200, body: {} };
    expect(await connection.acknowledge('E1', null)).toBeNull();
    expect(browser.asked.at(-1)).toMatchObject({ method: 'POST', csrf: 'token', body: {} });
    expect(await connection.acknowledge('E1', 'no_pain')).toBeNull();
    expect(browser.asked.at(-1)).toMatchObject({ body: { outcome: 'no_pain' } });
  });

  test('is not taken unless the node says so', async () => {
    const { browser, connection } = started();
    await browser.pass(0);
    expect(await connection.acknowledge('E1', null)).toBe('no answer');
    browser.answers['/api/v1/events/E1/acknowledge'] = { status: 409, body: { error: { message: 'no alarm' } } };
    expect(await connection.acknowledge('E1', null)).toBe('no alarm');
  });
});
