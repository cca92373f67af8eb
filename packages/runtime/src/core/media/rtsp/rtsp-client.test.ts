import { createServer, type Server, type Socket } from 'node:net';
import { FakeClock, systemClock } from '@vigia/base';
import { SimulatedCamera } from '@vigia/testkit';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import type { SourceError, SourceOptions } from '#core/media';
import { RtspClient } from './rtsp-client.ts';

const CLIP = fileURLToPath(new URL('../../../../assets/pedestrians.mp4', import.meta.url));
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server that answers each request as scripted; `undefined` sends no answer. */
async function scripted(
  answer: (method: string, cseq: string, socket: Socket, request: string) => string | undefined,
): Promise<{ url: string; requests: string[]; sockets: Socket[] }> {
  const requests: string[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const request of text.split('\r\n\r\n').filter((part) => part.includes('RTSP/1.0'))) {
        requests.push(request);
        const method = /^\$?.*?([A-Z_]+) rtsp/s.exec(request)?.[1] ?? '';
        const reply = answer(method, /CSeq: (\d+)/.exec(request)?.[1] ?? '', socket, request);
        if (reply !== undefined) socket.write(reply, 'latin1');
      }
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  const address = server.address();
  return { url: `rtsp://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/s`, requests, sockets };
}

const SDP = 'v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n';
const ok = (cseq: string, more = '', body = ''): string =>
  `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n${more}${body ? `Content-Length: ${body.length}\r\n` : ''}\r\n${body}`;
/** A goodbye on the channel of RTCP. */
const bye = (ssrc: string): string => `$\x01\x00\x08\x81\xcb\x00\x01${ssrc}`;
/** The answers of a well-behaved camera. */
function usual(method: string, cseq: string): string {
  if (method === 'DESCRIBE') return ok(cseq, 'Content-Type: application/sdp\r\n', SDP);
  if (method === 'SETUP')
    return ok(cseq, 'Session: 12;timeout=60\r\nTransport: RTP/AVP/TCP;interleaved=0-1;ssrc=00000007\r\n');
  return ok(cseq);
}

const QUIET = {
  clock: systemClock,
  onFormat: () => undefined,
  onUnit: () => undefined,
  onEnd: () => undefined,
};

function open(url: string, more: Partial<SourceOptions> = {}): Promise<RtspClient> {
  return RtspClient.open({ ...QUIET, url, ...more }).then((client) => {
    closers.push(() => client.close());
    return client;
  });
}

describe('opening', () => {
  test.each([
    [
      '401 for ever',
      () => 'RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm="a", nonce="b"\r\n\r\n',
      'unauthorized',
    ],
    ['404', (_: string, cseq: string) => `RTSP/1.0 404 No\r\nCSeq: ${cseq}\r\n\r\n`, 'not_found'],
    [
      'an audio track only',
      (m: string, cseq: string) => (m === 'DESCRIBE' ? ok(cseq, '', SDP.replace('video', 'audio')) : usual(m, cseq)),
      'no_video',
    ],
    [
      'VP8',
      (m: string, cseq: string) => (m === 'DESCRIBE' ? ok(cseq, '', SDP.replace('H264', 'VP8')) : usual(m, cseq)),
      'unsupported_codec',
    ],
    [
      'no further viewer',
      (m: string, cseq: string) => (m === 'SETUP' ? `RTSP/1.0 453 No\r\nCSeq: ${cseq}\r\n\r\n` : usual(m, cseq)),
      'refused',
    ],
    [
      '500 to SETUP',
      (m: string, cseq: string) => (m === 'SETUP' ? `RTSP/1.0 500 Oh\r\nCSeq: ${cseq}\r\n\r\n` : usual(m, cseq)),
      'corrupt',
    ],
    ['an endless header', () => `RTSP/1.0 200 OK\r\nX: ${'a'.repeat(20_000)}`, 'corrupt'],
  ])('%s is %s', async (_name, answer, code) => {
    const { url } = await scripted(answer as (method: string, cseq: string) => string);
    await expect(open(url.replace('rtsp://', 'rtsp://u:p@'))).rejects.toMatchObject({ code });
  });

  test('a camera that accepts and sends nothing causes a timeout, and no resource is left open', async () => {
    const { url } = await scripted(() => undefined);
    await expect(open(url, { timeouts: { responseMs: 50 } })).rejects.toMatchObject({ code: 'timeout' });
  });

  test('a camera that disconnects while opening causes `ended`', async () => {
    const { url } = await scripted((method, cseq, socket) => {
      if (method !== 'SETUP') return usual(method, cseq);
      socket.destroy();
      return undefined;
    });
    await expect(open(url)).rejects.toMatchObject({ code: 'ended' });
  });

  test('a camera that sends requests without reading the answers is disconnected before they pile up', async () => {
    const questions = 'OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n'.repeat(5_000);
    const { url } = await scripted((method, _cseq, socket) => {
      if (method !== 'OPTIONS') return undefined;
      socket.pause();
      const ask = (): boolean => socket.destroyed || !socket.write(questions) || ask();
      socket.on('drain', ask);
      ask();
      return undefined;
    });
    await expect(open(url)).rejects.toMatchObject({ code: 'corrupt', message: expect.stringMatching(/reads nothing/) });
  });

  test('an invalid server_port leaves no socket open', async () => {
    const { url } = await scripted((method, cseq) =>
      method === 'SETUP'
        ? ok(cseq, 'Session: 12\r\nTransport: RTP/AVP;unicast;server_port=65535\r\n')
        : usual(method, cseq),
    );
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length;
    const before = sockets();
    const client = await open(url, { transport: 'udp' });
    expect(sockets()).toBe(before + 2);
    client.close();
    client.close();
    while (sockets() > before) await new Promise((resolve) => setImmediate(resolve));
  });

  test('an abort ends it at once', async () => {
    const { url } = await scripted(() => undefined);
    const abort = new AbortController();
    const opening = RtspClient.open({ ...QUIET, url }, abort.signal);
    setImmediate(() => abort.abort());
    await expect(opening).rejects.toMatchObject({ code: 'ended' });
  });

  test('cameras without OPTIONS or without CSeq are accepted', async () => {
    const { url } = await scripted((method, cseq) =>
      method === 'OPTIONS' ? `RTSP/1.0 501 No\r\nCSeq: ${cseq}\r\n\r\n` : usual(method, cseq),
    );
    await open(url);
    const { url: other } = await scripted((method, cseq) => usual(method, cseq).replace(/CSeq: \d+\r\n/, ''));
    await open(other);
  });

  test('the answer to PLAY and a BYE in one read: opening fails and does not hang', async () => {
    const { url } = await scripted((method, cseq) =>
      method === 'PLAY' ? `${ok(cseq)}${bye('\x00\x00\x00\x07')}` : usual(method, cseq),
    );
    await expect(open(url)).rejects.toMatchObject({ code: 'ended' });
  });

  test('a BYE of somebody else, and one that names nobody, end nothing', async () => {
    const { url } = await scripted((method, cseq) =>
      method === 'PLAY' ? `${ok(cseq)}${bye('\x00\x00\x00\x08')}$\x01\x00\x04\x80\xcb\x00\x00` : usual(method, cseq),
    );
    await open(url);
  });
});

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
  ): Promise<{ clock: FakeClock; url: string; requests: string[]; sockets: Socket[]; again: () => Promise<void> }> {
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
    while (sent().length < count) await settled();
    await settled();
    return sent();
  }
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
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

  test('a camera that ends sessions after an unannounced 10 s is asked more often from then on', async () => {
    const { clock, requests, sockets, again } = await playing(usual);
    clock.advance(10_000);
    expect(methodsOf(await keptAlive(requests, 0))).toEqual([]);
    sockets[0]?.destroy();
    await settled();
    requests.splice(0);
    await again();
    for (let n = 0; n < 4; n += 1) {
      clock.advance(5_500);
      await keptAlive(requests, n + 1);
    }
    expect(methodsOf(await keptAlive(requests, 4))).toEqual(['OPTIONS', 'OPTIONS', 'OPTIONS', 'OPTIONS']);
  });
});

describe('playing', () => {
  test('a real server delivers units; TEARDOWN goes to the aggregate URL with the session', async () => {
    const camera = await SimulatedCamera.start({ clip: CLIP, pacing: 'lock-step' });
    closers.push(() => camera.close());
    const keyframes: boolean[] = [];
    let wake: () => void = () => undefined;
    const client = await open(camera.url, {
      onUnit: (unit) => {
        keyframes.push(unit.keyframe);
        wake();
      },
    });
    for (let n = 0; n < 3; n += 1) {
      const came = new Promise<void>((resolve) => (wake = resolve));
      camera.step();
      await came;
    }
    expect(keyframes).toEqual([true, false, false]);
    client.close();
    client.close();
    const { url, requests } = await scripted(usual);
    const other = await open(url);
    const asked = requests.length;
    other.close();
    while (requests.length === asked) await new Promise((resolve) => setImmediate(resolve));
    expect(requests.at(-1)).toMatch(/^TEARDOWN rtsp:\/\/127\.0\.0\.1:\d+\/s RTSP\/1\.0\r\nCSeq: \d+\r\n.*Session: 12/s);
  });

  test('a camera that never sends a picture, and one that disconnects, end once', async () => {
    const ended = async (url: string, timeouts: SourceOptions['timeouts']): Promise<SourceError> =>
      new Promise((resolve, reject) => {
        open(url, { ...(timeouts ? { timeouts } : {}), onEnd: resolve }).catch(reject);
      });
    const { url } = await scripted(usual);
    expect(await ended(url, { firstUnitMs: 10 })).toMatchObject({ code: 'timeout' });
    const { url: leaving } = await scripted((method, cseq, socket) => {
      if (method === 'PLAY') setImmediate(() => setImmediate(() => socket.end()));
      return usual(method, cseq);
    });
    expect(await ended(leaving, undefined)).toMatchObject({ code: 'ended' });
  });
});
