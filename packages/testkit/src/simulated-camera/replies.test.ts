import { FakeClock } from '@vigia/base';
import { describe, expect, it } from 'vitest';
import { FOOTAGE } from '../../test/clips.ts';
import type { RtspClient } from '../../test/rtsp-client.ts';
import { camera, client, counting } from '../../test/rig.ts';
import { digestResponse, parseAuthParameters } from './rtsp/index.ts';

describe('session description', () => {
  it('describes the footage with its parameter sets', async () => {
    const cam = await camera({ clip: FOOTAGE });
    const rtsp = await client(cam);
    const reply = await rtsp.request('DESCRIBE', cam.url, { Accept: 'application/sdp' });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-base')).toBe(`${cam.url}/`);
    expect(reply.headers.get('content-type')).toBe('application/sdp');
    expect(reply.body.split('\r\n').slice(7)).toEqual([
      'm=video 0 RTP/AVP 96',
      'a=rtpmap:96 H264/90000',
      'a=fmtp:96 packetization-mode=1;profile-level-id=4D401F;sprop-parameter-sets=Z01AH9mAwBJoQAAAAwBAAAAFA8YMmg==,aOlzLIA=',
      'a=framerate:10',
      'a=control:trackID=0',
      'a=recvonly',
      '',
    ]);
  });

  it('can advertise what it does not send', async () => {
    const cam = await camera({ advertisedCodec: 'H265' });
    const reply = await (await client(cam)).request('DESCRIBE', cam.url);
    expect(reply.body).toContain('a=rtpmap:96 H265/90000\r\n');
    expect(reply.body).not.toContain('fmtp');
  });

  it('names itself as the client called it, without credentials', async () => {
    const cam = await camera();
    const reply = await (await client(cam)).request('DESCRIBE', `rtsp://u:p@camera.test:${cam.port}/stream/`);
    expect(reply.headers.get('content-base')).toBe(`rtsp://camera.test:${cam.port}/stream/`);
  });
});

describe('replies', () => {
  it('follows the states of RFC 2326', async () => {
    const cam = await camera({
      clock: new FakeClock(),
      random32: counting(),
      path: '/cam?channel=1',
      transports: ['tcp'],
    });
    const rtsp = await client(cam);
    const url = cam.url;
    const tcp = { Transport: 'RTP/AVP/UDP;unicast;client_port=4-5,RTP/AVP/TCP;unicast;interleaved=4-5' };
    const status = async (...request: Parameters<RtspClient['request']>): Promise<number> =>
      (await rtsp.request(...request)).status;

    expect((await rtsp.request('OPTIONS', '*')).headers.get('public')).toContain('DESCRIBE');
    expect(await status('DESCRIBE', `rtsp://127.0.0.1:${cam.port}/cam`)).toBe(404);
    expect(await status('SETUP', url, tcp)).toBe(459);
    expect(await status('SETUP', `${url}/trackID=1`, tcp)).toBe(404);
    expect(await status('SETUP', `${url}/trackID=0`, { Transport: 'RTP/AVP;unicast;client_port=4-5' })).toBe(461);
    expect(await status('SETUP', `${url}/trackID=0`, { Transport: 'RTP/AVP/TCP;interleaved=300-301' })).toBe(461);
    expect(await status('PLAY', url)).toBe(454);
    const setup = await rtsp.request('SETUP', `${url}/trackID=0`, tcp);
    expect(setup.headers.get('transport')).toMatch(/^RTP\/AVP\/TCP;unicast;interleaved=4-5;ssrc=[0-9A-F]{8}$/);
    const session = setup.headers.get('session') ?? '';
    expect(session).toMatch(/^[0-9A-F]{8};timeout=60$/);
    expect(await status('PLAY', url, { Session: 'other' })).toBe(454);
    expect(await status('PLAY', `${url}/trackID=0`, { Session: session })).toBe(460);
    rtsp.rtpChannel = 4;
    expect(await status('PLAY', url, { Session: session })).toBe(200);
    expect(await status('PLAY', url, { Session: session })).toBe(200);
    expect(await status('SETUP', `${url}/trackID=0`, { ...tcp, Session: session })).toBe(455);
    expect(await status('GET_PARAMETER', url, { Session: session })).toBe(200);
    expect(await status('SET_PARAMETER', url, { Session: 'other' })).toBe(454);
    expect(await status('ANNOUNCE', url)).toBe(501);
    expect(await status('PAUSE', url, { Session: session })).toBe(200);
    expect(await status('TEARDOWN', url, { Session: session })).toBe(200);
    await rtsp.closed;
    expect(cam.stats()).toMatchObject({ playing: 0, sessionsTotal: 1, unitsSent: 1 });
  });

  it('refuses other versions and requests without CSeq, and hangs up on garbage', async () => {
    const cam = await camera();
    const rtsp = await client(cam);
    rtsp.socket.write('DESCRIBE rtsp://h/stream RTSP/2.0\r\nCSeq: 1\r\n\r\n');
    expect((await rtsp.replies.next()).status).toBe(505);
    rtsp.socket.write('DESCRIBE rtsp://h/stream RTSP/1.0\r\n\r\n');
    expect((await rtsp.replies.next()).status).toBe(400);
    rtsp.socket.write('GET / HTTP/1.1\r\n\r\n');
    expect((await rtsp.replies.next()).status).toBe(400);
    await rtsp.closed;
  });

  it('can be worded differently', async () => {
    const cam = await camera({ manners: { options: () => ({ status: 200, headers: [['Server', 'Vendor']] }) } });
    expect((await (await client(cam)).request('OPTIONS', cam.url)).headers.get('server')).toBe('Vendor');
  });
});

describe('authentication', () => {
  it('requires Digest and accepts a client that computes it per request', async () => {
    const auth = { scheme: 'digest', user: 'u', password: 'secret' } as const;
    const cam = await camera({ auth });
    const rtsp = await client(cam);
    expect((await rtsp.request('OPTIONS', cam.url)).status).toBe(200);
    const refused = await rtsp.request('DESCRIBE', cam.url);
    expect(refused.status).toBe(401);
    const challenge = parseAuthParameters((refused.headers.get('www-authenticate') ?? '').slice(7));
    const realm = challenge.get('realm') ?? '';
    const nonce = challenge.get('nonce') ?? '';
    const authorization = (method: string): string => {
      const response = digestResponse({
        ...auth,
        realm,
        nonce,
        method,
        uri: cam.url,
        qop: { nc: '00000001', cnonce: 'x' },
      });
      const fields = `username="u", realm="${realm}", nonce="${nonce}", uri="${cam.url}", response="${response}"`;
      return `Digest ${fields}, qop=auth, nc=00000001, cnonce="x"`;
    };
    expect((await rtsp.request('DESCRIBE', cam.url, { Authorization: authorization('DESCRIBE') })).status).toBe(200);
    expect((await rtsp.request('DESCRIBE', cam.url, { Authorization: authorization('SETUP') })).status).toBe(401);
    expect(cam.stats().replies).toEqual({ 200: 2, 401: 2 });
    expect(cam.url).not.toContain('secret');
  });

  it('asks for Basic', async () => {
    const cam = await camera({ auth: { scheme: 'basic', user: 'u', password: 'p', realm: 'hall' } });
    const rtsp = await client(cam);
    expect((await rtsp.request('DESCRIBE', cam.url)).headers.get('www-authenticate')).toBe('Basic realm="hall"');
    const Authorization = `Basic ${Buffer.from('u:p').toString('base64')}`;
    expect((await rtsp.request('DESCRIBE', cam.url, { Authorization })).status).toBe(200);
  });
});
