import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Clock, FakeClock, systemClock } from '@vigia/base';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { parseSourceUrl, type Source, SourceError, type SourceFormat, type SourceOptions } from '#core/media';
import { MultipartSplitter } from './multipart-splitter.ts';
import { connectSource } from './connect-source.ts';

const CLIP = fileURLToPath(new URL('../../../../assets/pedestrians.mp4', import.meta.url));
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('addresses of sources', () => {
  test.each([
    ['RTSPS://h/x', 'rtsps', 'RTSPS://h/x', false],
    ['file:clip.mp4', 'file', 'clip.mp4', false],
    ['file:/a/b.mp4?loop', 'file', '/a/b.mp4', true],
    ['file:///a/b.mp4', 'file', '/a/b.mp4', false],
    ['v4l2:/dev/video0', 'v4l2', '/dev/video0', false],
    ['http://h/mjpeg', 'http', 'http://h/mjpeg', false],
  ])('%s', (text, kind, target, loop) => {
    expect(parseSourceUrl(text)).toEqual({ kind, target, loop });
  });

  test.each(['ftp://h/x', 'clip.mp4', 'file:', 'file:?loop', 'v4l2:video0', 'rtsp:h', ''])('%j is none', (text) => {
    expect(() => parseSourceUrl(text)).toThrow(expect.objectContaining({ code: 'not_found' }));
  });
});

describe('the multipart splitter', () => {
  function split(stream: string, step: number): string[] {
    const parts: string[] = [];
    const splitter = new MultipartSplitter('frame', (body) => parts.push(body.toString('latin1')));
    const bytes = Buffer.from(stream, 'latin1');
    for (let at = 0; at < bytes.byteLength; at += step) splitter.push(bytes.subarray(at, at + step), at);
    return parts;
  }
  const part = (body: string, length = true): string =>
    `--frame\r\nContent-Type: image/jpeg\r\n${length ? `Content-Length: ${body.length}\r\n` : ''}\r\n${body}\r\n`;

  test.each([1, 3, 7, 1000])('with lengths a part is whole with its last byte (read by %d)', (step) => {
    expect(split(part('one') + part('two--frame!').trimEnd(), step)).toEqual(['one', 'two--frame!']);
  });

  test.each([1, 3, 7, 1000])('without lengths, when the next boundary came (read by %d)', (step) => {
    expect(split(part('one', false) + part('two', false) + part('three', false), step)).toEqual(['one', 'two']);
  });

  test('a part without a length arrives with its last byte, not with the next boundary', () => {
    const times: number[] = [];
    const splitter = new MultipartSplitter('frame', (_body, readMs) => times.push(readMs));
    const head = '--frame\r\n\r\n';
    splitter.push(Buffer.from(`${head}one`), 100);
    splitter.push(Buffer.from(`\r\n${head}tw`), 200);
    splitter.push(Buffer.from('o'), 210);
    splitter.push(Buffer.from(`\r\n${head}`), 300);
    expect(times).toEqual([100, 210]);
    const told: number[] = [];
    const withLength = new MultipartSplitter('frame', (_body, readMs) => told.push(readMs));
    withLength.push(Buffer.from('--frame\r\nContent-Length: 3\r\n\r\non'), 100);
    withLength.push(Buffer.from('e\r\n'), 150);
    expect(told).toEqual([150]);
  });

  test('an endless head and an endless part are errors and use no memory', () => {
    expect(() => split('x'.repeat(20_000), 1000)).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(() => split('--frame\r\nContent-Length: 99999999\r\n\r\n', 1000)).toThrow(/99999999/);
    expect(() => split(`--frame\r\n\r\n${'x'.repeat(9_000_000)}`, 100_000)).toThrow(
      expect.objectContaining({ code: 'corrupt' }),
    );
  });

  test('throws only typed errors, for any bytes', () => {
    const piece = fc.oneof(fc.constantFrom('--frame', '\r\n', '\r\n\r\n', 'Content-Length: 3'), fc.string());
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), (pieces, step) => {
        try {
          split(pieces.join(''), step);
        } catch (error) {
          expect(error).toBeInstanceOf(SourceError);
        }
      }),
    );
  });
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(answer: Answer): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  const address = server.address();
  return `http://viewer:pa%20ss@127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/video?n=1`;
}

interface Opened {
  readonly source: Source;
  readonly formats: SourceFormat[];
  readonly units: { readonly bytes: number; readonly ptsMs: number; readonly keyframe: boolean }[];
  readonly ended: Promise<SourceError>;
}

async function open(
  url: string,
  onUnit: (count: number) => void = () => undefined,
  more: Partial<SourceOptions> & { readonly clock?: Clock } = {},
): Promise<Opened> {
  const formats: SourceFormat[] = [];
  const units: Opened['units'] = [];
  let end: (reason: SourceError) => void = () => undefined;
  const ended = new Promise<SourceError>((resolve) => (end = resolve));
  const source = await connectSource(
    {
      url,
      clock: systemClock,
      onFormat: (format) => formats.push(format),
      onUnit: ({ data, ptsMs, keyframe }) => {
        units.push({ bytes: data.byteLength, ptsMs, keyframe });
        onUnit(units.length);
      },
      onEnd: end,
      ...more,
    },
    new AbortController().signal,
  );
  closers.push(() => source.close());
  return { source, formats, units, ended };
}

/** Resolves when this many units have arrived. */
function counted(wanted: number): { readonly came: Promise<void>; readonly count: (n: number) => void } {
  let done: () => void = () => undefined;
  const came = new Promise<void>((resolve) => (done = resolve));
  return { came, count: (n) => n >= wanted && done() };
}

const stream: Answer = (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'multipart/x-mixed-replace; boundary="--frame"' });
  for (const body of ['aa', 'bbbb']) response.write(`--frame\r\nContent-Length: ${body.length}\r\n\r\n${body}\r\n`);
};

describe('MJPEG over HTTP', () => {
  test('delivers each picture as a keyframe; may be closed twice', async () => {
    const { came, count } = counted(2);
    const { source, formats, units } = await open(await serve(stream), count);
    await came;
    expect(formats).toMatchObject([{ kind: 'http', codec: 'mjpeg', live: false }]);
    expect(units.map((u) => [u.bytes, u.keyframe])).toEqual([
      [2, true],
      [4, true],
    ]);
    source.close();
    source.close();
  });

  test('answers Digest once, computed over the path with its query', async () => {
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
    const wanted = md5(`${md5('viewer:cam:pa ss')}:abc:${md5('GET:/video?n=1')}`);
    let asked = 0;
    const url = await serve((request, response) => {
      asked += 1;
      if (request.headers.authorization?.includes(`response="${wanted}"`)) stream(request, response);
      else response.writeHead(401, { 'WWW-Authenticate': 'Digest realm="cam", nonce="abc"' }).end();
    });
    const { came, count } = counted(1);
    await open(url, count);
    await came;
    expect(asked).toBe(2);
    await expect(open(url.replace('pa%20ss', 'wrong'))).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.not.stringMatching(/wrong|viewer/),
    });
  });

  test('answers the better of several challenges first, in any order, and then the other', async () => {
    const said: string[] = [];
    const url = await serve((request, response) => {
      said.push(request.headers.authorization ?? 'nothing');
      response.writeHead(401, [
        ['WWW-Authenticate', 'Basic realm="bas"'],
        ['WWW-Authenticate', 'Digest realm="dig", nonce="abc"'],
      ]);
      response.end();
    });
    await expect(open(url)).rejects.toMatchObject({ code: 'unauthorized' });
    expect(said).toEqual(['nothing', expect.stringMatching(/^Digest .*realm="dig"/), expect.stringMatching(/^Basic /)]);
  });

  test('accepts a percent sign in a password; refuses an invalid authority', async () => {
    const url = await serve(stream);
    const { came, count } = counted(1);
    await open(url.replace('pa%20ss', '100%'), count);
    await came;
    await expect(
      open(url.replace('http://', 'https://'), undefined, { tls: { verify: true, ca: '/nowhere.pem' } }),
    ).rejects.toMatchObject({ code: 'refused', message: expect.stringMatching(/tls\.ca: \/nowhere\.pem/) });
  });

  test.each<[string, Answer, string]>([
    ['404', (_q, response) => response.writeHead(404).end(), 'not_found'],
    ['503', (_q, response) => response.writeHead(503).end(), 'refused'],
    ['500', (_q, response) => response.writeHead(500).end(), 'corrupt'],
    ['one picture', (_q, response) => response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end('x'), 'no_video'],
    ['hanging up', (request) => request.socket.destroy(), 'ended'],
  ])('%s', async (_name, answer, code) => {
    await expect(open(await serve(answer))).rejects.toMatchObject({ code });
  });

  test('what a server says is quoted shortly, and nothing in it acts on a terminal', async () => {
    const type = `text/\u009b2J${'x'.repeat(9_000)}`;
    const url = await serve((_request, response) => response.writeHead(200, { 'Content-Type': type }).end());
    const error = (await open(url).catch((reason: unknown) => reason)) as Error;
    expect(error.message).toMatch(/answered with "text\/\ufffd2Jx+…"; a multipart/);
    expect(error.message.length).toBeLessThan(250);
  });

  test('a server without an answer causes a timeout; one that stalls or disconnects ends once', async () => {
    const silent = await serve(() => undefined);
    await expect(open(silent, undefined, { timeouts: { connectMs: 10, responseMs: 10 } })).rejects.toMatchObject({
      code: 'timeout',
    });
    const frozen = await open(await serve(stream), undefined, { timeouts: { silenceMs: 10 } });
    expect(await frozen.ended).toMatchObject({ code: 'stalled' });
    const over = await open(
      await serve((request, response) => {
        stream(request, response);
        response.end();
      }),
    );
    expect(await over.ended).toMatchObject({ code: 'ended' });
  });
});

describe('files', () => {
  test('play in real time: a unit arrives when it is due, and not before', async () => {
    // Opening waits only for the disk. From then on, only this clock advances time.
    const clock = new FakeClock();
    const first = counted(1);
    const { units, formats } = await open(`file:${CLIP}`, first.count, { clock });
    await first.came;
    expect(formats).toMatchObject([{ kind: 'file', codec: 'h264', live: true }]);
    const settle = async (): Promise<void> => {
      // Another thread reads the next packet. Its timer does not exist before.
      while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    };
    await settle();
    expect(units).toHaveLength(1);
    clock.advance(99);
    expect(units).toHaveLength(1);
    for (let n = 2; n <= 5; n += 1) {
      clock.advance(100);
      await settle();
      expect(units).toHaveLength(n);
    }
    expect(units.map((u) => Math.round(u.ptsMs))).toEqual([0, 100, 200, 300, 400]);
    expect(units.map((u) => u.keyframe)).toEqual([true, false, false, false, false]);
  });

  test.each([
    ['file:', 'is over'],
    ['file:', 'goes on, with time stamps that go on, when it is to loop'],
  ])('at its end %s%s', async (scheme, what) => {
    const loop = what.includes('loop');
    const clock = new FakeClock();
    // The clip has 200 units.
    const { came, count } = counted(loop ? 230 : 200);
    const { units, ended } = await open(`${scheme}${CLIP}${loop ? '?loop' : ''}`, count, { clock });
    const state = { done: false };
    void came.then(() => (state.done = true));
    while (!state.done) {
      clock.advance(100);
      await new Promise((resolve) => void setImmediate(resolve));
    }
    if (!loop) {
      expect(await ended).toMatchObject({ code: 'ended', message: `${CLIP}: is over` });
      expect(units).toHaveLength(200);
      return;
    }
    for (const [i, unit] of units.entries()) expect(Math.round(unit.ptsMs)).toBe(i * 100);
    expect(units[200]?.keyframe).toBe(true);
  });

  test.each([
    ['file:/nowhere.mp4', 'not_found'],
    [`file:${fileURLToPath(import.meta.url)}`, 'corrupt'],
    ['v4l2:/dev/video-none', 'not_found'],
  ])('%s', async (url, code) => {
    await expect(open(url)).rejects.toMatchObject({ code });
  });
});
