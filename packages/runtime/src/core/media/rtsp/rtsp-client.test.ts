import { SimulatedCamera } from '@vigia/testkit';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import type { SourceError, SourceOptions } from '#core/media';
import type { RtspClient } from './rtsp-client.ts';
import {
  type Answer,
  bye,
  ok,
  openClient,
  scriptedCamera,
  SDP,
  usual,
} from '../../../../test/support/scripted-camera.ts';

const CLIP = fileURLToPath(new URL('../../../../assets/pedestrians.mp4', import.meta.url));
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const scripted = (answer: Answer): ReturnType<typeof scriptedCamera> => scriptedCamera(closers, answer);

const open = (url: string, more: Partial<SourceOptions> = {}): Promise<RtspClient> => openClient(closers, url, more);

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
    const opening = openClient(closers, url, {}, abort.signal);
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

describe('sender reports', () => {
  const interleaved = (channel: number, packet: Buffer): string =>
    `$${String.fromCharCode(channel, packet.byteLength >> 8, packet.byteLength & 0xff)}${packet.toString('latin1')}`;
  /** A picture of one packet. */
  const picture = (ssrc: number, sequence: number): string => {
    const packet = Buffer.from('80e0000000000000000000006588', 'hex');
    packet.writeUInt16BE(sequence, 2);
    packet.writeUInt32BE(sequence * 9000, 4);
    packet.writeUInt32BE(ssrc, 8);
    return interleaved(0, packet);
  };
  const report = (ssrc: number, wallS: number): string => {
    const packet = Buffer.alloc(28);
    packet.writeUInt32BE(0x80c80006, 0);
    packet.writeUInt32BE(ssrc, 4);
    packet.writeUInt32BE(2_208_988_800 + wallS, 8);
    return interleaved(1, packet);
  };
  /** The wall times of the reports that count, seconds, when this follows the answer to PLAY. */
  const counted = async (sent: string, announced = 'ssrc=00000007'): Promise<number[]> => {
    const walls: number[] = [];
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const { url } = await scripted((method, cseq) => {
      if (method === 'SETUP') return usual(method, cseq).replace('ssrc=00000007', announced);
      return method === 'PLAY' ? `${ok(cseq)}${sent}${picture(7, 90)}` : usual(method, cseq);
    });
    await open(url, {
      onReport: ({ wallMs }) => walls.push(wallMs / 1000),
      onUnit: ({ ptsMs }) => ptsMs > 0 && end(),
      onEnd: end,
    });
    await ended;
    return walls;
  };

  test('of another sender than that of the pictures count for nothing', async () => {
    expect(await counted(`${picture(7, 1)}${report(8, 10)}${report(7, 20)}${report(8, 30)}`)).toEqual([20]);
  });

  test('that come before the first picture count when they are of its sender', async () => {
    expect(await counted(`${report(8, 10)}${report(7, 20)}${report(8, 30)}`)).toEqual([20]);
    expect(await counted(report(8, 30), 'mode=play')).toEqual([]);
    expect(await counted(report(7, 30), 'mode=play')).toEqual([30]);
  });
});

describe('what a camera says', () => {
  const EVIL = `\u001b[2J\u009b\u202e rtsp://u:hush/hush@h ${'x'.repeat(9_000)}`;

  test.each([
    ['a status line', (_: string, cseq: string) => `RTSP/1.0 418 ${EVIL}\r\nCSeq: ${cseq}\r\n\r\n`],
    ['an answer without a status', () => `RTSP/1.0 ${EVIL}\r\n\r\n`],
    [
      'an encoding',
      (m: string, cseq: string) =>
        m === 'DESCRIBE' ? ok(cseq, '', SDP.replace('H264', EVIL.replaceAll(/[ /]/g, '_'))) : usual(m, cseq),
    ],
    [
      'many encodings',
      (m: string, cseq: string) =>
        m === 'DESCRIBE'
          ? ok(cseq, '', SDP.replace('H264', 'VP8') + 'm=video 0 RTP/AVP 97\r\n'.repeat(900))
          : usual(m, cseq),
    ],
    ['a length', (_: string, cseq: string) => `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\nContent-Length: ${EVIL}\r\n\r\n`],
  ])('%s: the message quotes it printably, shortly and without logins', async (_name, answer) => {
    const { url } = await scripted(answer as (method: string, cseq: string) => string);
    const error = (await open(url).catch((reason: unknown) => reason)) as Error;
    expect(error.message).toMatch(/^rtsp:\/\/127|^the camera/);
    expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]|hush/u);
    expect(error.message.length).toBeLessThanOrEqual(300);
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
