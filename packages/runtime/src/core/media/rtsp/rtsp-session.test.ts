import type { Socket } from 'node:net';
import { FakeClock } from '@vigia/base';
import { afterEach, describe, expect, test } from 'vitest';
import type { SourceOptions } from '#core/media';
import type { RtspClient } from './rtsp-client.ts';
import { turnsOfTheLoop } from '../../../../test/support/event-loop.ts';
import { type Answer, ok, openClient, scriptedCamera, usual } from '../../../../test/support/scripted-camera.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const scripted = (answer: Answer): ReturnType<typeof scriptedCamera> => scriptedCamera(closers, answer);

const open = (url: string, more: Partial<SourceOptions> = {}): Promise<RtspClient> => openClient(closers, url, more);

describe('a login', () => {
  const digest = (nonce: string, more = ''): string =>
    `WWW-Authenticate: Digest realm="r", nonce="${nonce}"${more}\r\n`;
  const denied = (cseq: string, challenges: string): string => `RTSP/1.0 401 No\r\nCSeq: ${cseq}\r\n${challenges}\r\n`;
  /** A server that grants what carries `granted`, and answers everything else with the next of its challenges. */
  function guarded(granted: string, challenges: readonly string[]): ReturnType<typeof scripted> {
    const left = [...challenges];
    return scripted((method, cseq, _socket, request) =>
      request.includes(granted)
        ? usual(method, cseq)
        : denied(cseq, left.length > 1 ? (left.shift() ?? '') : (left[0] ?? '')),
    );
  }
  const loginsOf = (requests: readonly string[]): (string | undefined)[] =>
    requests.map((request) =>
      /Authorization: (Basic|Digest .*nonce="[^"]*")/.exec(request)?.[1]?.replace(/username.*realm="r", /, ''),
    );

  test.each([
    [
      'the first challenge is called stale',
      [digest('a', ', stale=true')],
      ['nonce="a"', undefined, 'Digest nonce="a"'],
    ],
    [
      'the first nonce is stale at once',
      [digest('a'), digest('b', ', stale=TRUE')],
      ['nonce="b"', undefined, 'Digest nonce="a"', 'Digest nonce="b"'],
    ],
    [
      'Digest is offered and not understood',
      [`${digest('a')}WWW-Authenticate: Basic realm="r"\r\n`],
      ['Basic dTpw', undefined, 'Digest nonce="a"', 'Basic'],
    ],
  ])('%s: it is answered', async (_name, challenges, [granted = '', ...logins]) => {
    const { url, requests } = await guarded(granted, challenges as string[]);
    await open(url.replace('rtsp://', 'rtsp://u:p@'));
    expect(loginsOf(requests).slice(0, logins.length)).toEqual(logins);
  });

  test.each([
    ['stale for ever', [digest('a', ', stale=true')], 4],
    ['Digest only: Basic is never sent', [digest('a')], 2],
    ['Basic is no longer offered', [`${digest('a')}WWW-Authenticate: Basic realm="r"\r\n`, digest('b')], 2],
    ['both are refused', [`${digest('a')}WWW-Authenticate: Basic realm="r"\r\n`], 3],
  ])('%s: it is refused after a few tries', async (_name, challenges, tries) => {
    const { url, requests } = await guarded('never', challenges);
    await expect(open(url.replace('rtsp://', 'rtsp://u:p@'))).rejects.toMatchObject({ code: 'unauthorized' });
    expect(requests).toHaveLength(tries);
    expect(requests.some((request) => request.includes('Basic'))).toBe(tries === 3);
  });
});

describe('keep-alive', () => {
  const PUBLIC = 'Public: OPTIONS, GET_PARAMETER\r\n';
  const NEVER_MS = 1e9;
  /** Opens with a clock that the test moves, so that nothing is overdue. */
  async function playing(
    answer: (method: string, cseq: string, request: string) => string | undefined,
    login = '',
  ): Promise<{
    clock: FakeClock;
    url: string;
    requests: string[];
    sockets: readonly Socket[];
    again: () => Promise<void>;
  }> {
    const clock = new FakeClock();
    const { url, requests, sockets } = await scripted((method, cseq, _socket, request) =>
      answer(method, cseq, request),
    );
    const again = async (): Promise<void> => {
      await open(url.replace('rtsp://', `rtsp://${login}`), {
        clock,
        timeouts: { firstUnitMs: NEVER_MS, responseMs: NEVER_MS },
        onEnd: () => ended.push(clock.nowMs()),
      });
    };
    const ended: number[] = [];
    await again();
    return { clock, url, requests, sockets, again };
  }
  /** The keep-alive requests, after as many have come. */
  async function keptAlive(requests: readonly string[], count: number): Promise<string[]> {
    const sent = (): string[] => requests.slice(requests.findIndex((r) => r.startsWith('PLAY')) + 1);
    while (sent().length < count) await turnsOfTheLoop();
    await turnsOfTheLoop();
    return sent();
  }
  const methodsOf = (requests: readonly string[]): string[] => requests.map((r) => r.split(' ', 1)[0] ?? '');
  const sessionOf = (request: string | undefined): string | undefined =>
    /Session: (.*)/.exec(request ?? '')?.[1]?.trim();
  const offersParameters = (method: string, cseq: string): string =>
    method === 'OPTIONS' ? ok(cseq, PUBLIC) : usual(method, cseq);

  test.each(['', ', stale=true'])('a new nonce%s is used at once, in the same session', async (stale) => {
    let nonce = 'a';
    const { clock, requests } = await playing((method, cseq, request) => {
      if (method === 'GET_PARAMETER' && request.includes('nonce="a"')) nonce = 'b';
      if (request.includes(`nonce="${nonce}"`)) return offersParameters(method, cseq);
      return `RTSP/1.0 401 No\r\nCSeq: ${cseq}\r\nWWW-Authenticate: Digest realm="r", nonce="${nonce}"${stale}\r\n\r\n`;
    }, 'u:p@');
    clock.advance(31_000);
    const sent = await keptAlive(requests, 2);
    expect(methodsOf(sent)).toEqual(['GET_PARAMETER', 'GET_PARAMETER']);
    expect(sent[1]).toMatch(/nonce="b"[^]*Session: 12/);
    clock.advance(31_000);
    expect((await keptAlive(requests, 3)).at(-1)).toMatch(/nonce="b"/);
  });

  test.each([405, 451, 501, 551])(
    '%d to GET_PARAMETER: OPTIONS keeps the session alive from then on',
    async (status) => {
      const { clock, requests } = await playing((method, cseq) =>
        method === 'GET_PARAMETER' ? `RTSP/1.0 ${status} No\r\nCSeq: ${cseq}\r\n\r\n` : offersParameters(method, cseq),
      );
      clock.advance(31_000);
      await keptAlive(requests, 2);
      clock.advance(31_000);
      expect(methodsOf(await keptAlive(requests, 3))).toEqual(['GET_PARAMETER', 'OPTIONS', 'OPTIONS']);
    },
  );

  test('another session id is followed after two answers with it, but not one that changes each time', async () => {
    let told = '99';
    const { clock, requests } = await playing((method, cseq) =>
      method === 'OPTIONS' || method === 'PLAY' ? ok(cseq, `Session: ${told}\r\n`) : usual(method, cseq),
    );
    for (const next of ['99', '99', 'x', 'y', '99', 'z']) {
      told = next;
      clock.advance(31_000);
      await keptAlive(requests, requests.length - 4 + 1);
    }
    const sent = await keptAlive(requests, 6);
    expect(sent.map(sessionOf)).toEqual(['12', '99', '99', '99', '99', '99']);
  });

  test('a session that is gone: the id that the camera named last is tried at once', async () => {
    const { clock, requests } = await playing((method, cseq, request) => {
      if (method === 'PLAY') return ok(cseq, 'Session: 99;timeout=60\r\n');
      if (sessionOf(request) !== '12' || method !== 'OPTIONS') return usual(method, cseq);
      return `RTSP/1.0 454 Session Not Found\r\nCSeq: ${cseq}\r\n\r\n`;
    });
    clock.advance(31_000);
    expect((await keptAlive(requests, 2)).map(sessionOf)).toEqual(['12', '99']);
  });

  test('a session that is gone for good: the method of the keep-alive is not to blame', async () => {
    const { clock, requests } = await playing((method, cseq) =>
      method === 'GET_PARAMETER' ? `RTSP/1.0 454 No\r\nCSeq: ${cseq}\r\n\r\n` : offersParameters(method, cseq),
    );
    for (const count of [1, 2]) {
      clock.advance(31_000);
      expect(methodsOf(await keptAlive(requests, count))).toEqual(Array.from({ length: count }, () => 'GET_PARAMETER'));
    }
  });

  test('a camera that ends sessions after an unannounced 10 s is asked more often from then on', async () => {
    const { clock, requests, sockets, again } = await playing(usual);
    clock.advance(10_000);
    expect(methodsOf(await keptAlive(requests, 0))).toEqual([]);
    sockets[0]?.destroy();
    await turnsOfTheLoop();
    requests.splice(0);
    await again();
    for (let n = 0; n < 4; n += 1) {
      clock.advance(5_500);
      await keptAlive(requests, n + 1);
    }
    expect(methodsOf(await keptAlive(requests, 4))).toEqual(['OPTIONS', 'OPTIONS', 'OPTIONS', 'OPTIONS']);
  });
});
