import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '#simcam';
import { fakeClip } from '../../test/clips.ts';
import { RtspClient } from '../../test/rtsp-client.ts';
import { digestResponse, parseAuthParameters } from './rtsp/index.ts';
import { SimulatedCamera } from './simulated-camera.ts';

const tls = selfSignedCertificate();
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function camera(options: Partial<Parameters<typeof SimulatedCamera.start>[0]> = {}): Promise<SimulatedCamera> {
  const cam = await SimulatedCamera.start({ clip: fakeClip(), tls, ...options });
  open.push(cam);
  return cam;
}

describe('rtsps', () => {
  it('plays by TLS, under its own scheme', async () => {
    const cam = await camera({ pacing: 'lock-step' });
    expect(cam.url).toBe(`rtsps://127.0.0.1:${cam.port}/stream`);
    const rtsp = await RtspClient.connectTls(cam.port);
    const reply = await rtsp.request('DESCRIBE', cam.url);
    expect(reply.headers.get('content-base')).toBe(`${cam.url}/`);
    await rtsp.play(cam.url);
    const sent = cam.step();
    expect((await rtsp.units.next()).rtpTime).toBe(sent?.rtpTime);
    await cam.setFaults(['refuse']);
    await rtsp.closed;
    await expect(RtspClient.connectTls(cam.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await cam.setFaults([]);
    await (await RtspClient.connectTls(cam.port)).play(cam.url);
  });

  it('closes, also with clients that never began to speak TLS, or speak something else', async () => {
    const cam = await camera();
    const idle = connect(cam.port, '127.0.0.1');
    await once(idle, 'connect');
    const plain = connect(cam.port, '127.0.0.1');
    plain.on('error', () => {});
    plain.write('OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n');
    await once(plain, 'close');
    expect(cam.stats()).toMatchObject({ connectionsTotal: 0, connectionsRefused: 1 });
    idle.on('error', () => {});
    await Promise.all([cam.close(), once(idle, 'close')]);
  });

  it('refuses what is no certificate, without repeating it', async () => {
    const failure = camera({ tls: { cert: 'hush', key: 'hush' } });
    await expect(failure).rejects.toMatchObject({ code: 'bad_option', path: 'tls' });
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining('hush') });
  });
});

describe('Digest with SHA-256', () => {
  it('names its algorithm and accepts a client that computes it', async () => {
    const auth = { scheme: 'digest-sha256', user: 'u', password: 'p' } as const;
    const cam = await camera({ auth });
    const rtsp = await RtspClient.connectTls(cam.port);
    const refused = await rtsp.request('DESCRIBE', cam.url);
    const challenge = parseAuthParameters((refused.headers.get('www-authenticate') ?? '').slice(7));
    expect(challenge.get('algorithm')).toBe('SHA-256');
    const [realm = '', nonce = ''] = [challenge.get('realm'), challenge.get('nonce')];
    const status = async (algorithm: 'md5' | 'sha256'): Promise<number> => {
      const facts = { user: 'u', password: 'p', realm, nonce, method: 'DESCRIBE', uri: cam.url, algorithm };
      const fields = `username="u", realm="${realm}", nonce="${nonce}", uri="${cam.url}"`;
      const Authorization = `Digest ${fields}, response="${digestResponse(facts)}"`;
      return (await rtsp.request('DESCRIBE', cam.url, { Authorization })).status;
    };
    expect(await status('md5')).toBe(401);
    expect(await status('sha256')).toBe(200);
  });
});
