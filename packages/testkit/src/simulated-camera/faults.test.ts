// Faults of ports, connections, replies and sessions, each seen from the client's side.
import { describe, expect, it } from 'vitest';
import { fakeClip } from '../../test/clips.ts';
import { client, rig } from '../../test/rig.ts';
import { RtspClient } from '../../test/rtsp-client.ts';
import { nalType } from './media/index.ts';
import { digestResponse, parseAuthParameters } from './rtsp/index.ts';

describe('faults of the port and of connections', () => {
  it('refuse: nothing listens, until it ends; the port stays the same', async () => {
    const { cam, rtsp } = await rig();
    await rtsp.play(cam.url);
    await cam.setFaults(['refuse']);
    await rtsp.closed;
    await expect(RtspClient.connect(cam.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(cam.faults).toEqual(['refuse']);
    await cam.setFaults([]);
    expect((await (await client(cam)).request('OPTIONS', '*')).status).toBe(200);
  });

  it('reboot: closed for so long, then back by itself', async () => {
    const { cam, clock, rtsp, notice } = await rig();
    await rtsp.play(cam.url);
    await cam.setFaults(['reboot:5s', 'no-reports']);
    await rtsp.closed;
    clock.advance(4999);
    await expect(RtspClient.connect(cam.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const back = notice('fault_over');
    clock.advance(1);
    expect(await back).toEqual({ type: 'fault_over', fault: 'reboot:5s' });
    expect(cam.faults).toEqual(['no-reports']);
    await (await client(cam)).play(cam.url);
  });

  it('reboot: can be ended before its time, and closing the camera leaves no timer', async () => {
    const { cam, clock } = await rig();
    await cam.setFaults(['reboot']);
    await cam.setFaults([]);
    expect(clock.pendingTimers).toBe(0);
    await client(cam);
    await cam.setFaults(['reboot']);
    await cam.close();
    expect(clock.pendingTimers).toBe(0);
    await expect(cam.setFaults([])).rejects.toMatchObject({ code: 'closed' });
  });

  it('flap: every connection is dropped after a time, old and new', async () => {
    const { cam, clock, rtsp } = await rig();
    await rtsp.request('OPTIONS', '*');
    clock.advance(1000);
    await cam.setFaults(['flap:300ms']);
    clock.advance(299);
    await rtsp.request('OPTIONS', '*');
    clock.advance(1);
    await rtsp.closed;
    for (let i = 0; i < 2; i += 1) {
      const next = await client(cam);
      await next.request('OPTIONS', '*');
      clock.advance(300);
      await next.closed;
    }
    await cam.setFaults([]);
    const last = await client(cam);
    await last.request('OPTIONS', '*');
    clock.advance(1000);
    await last.request('OPTIONS', '*');
  });

  it('silent: requests are read and never answered', async () => {
    const { cam, rtsp } = await rig({ faults: ['silent'] });
    rtsp.socket.write('OPTIONS * RTSP/1.0\r\nCSeq: 90\r\n\r\n');
    while (cam.stats().requests === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    await cam.setFaults([]);
    rtsp.socket.write('OPTIONS * RTSP/1.0\r\nCSeq: 91\r\n\r\n');
    expect((await rtsp.replies.next()).headers.get('cseq')).toBe('91');
  });
});

describe('faults of replies', () => {
  it('unauthorized: 401 to every client', async () => {
    const { cam, rtsp } = await rig({ auth: { scheme: 'basic', user: 'u', password: 'p' } });
    const Authorization = `Basic ${Buffer.from('u:p').toString('base64')}`;
    expect((await rtsp.request('DESCRIBE', cam.url, { Authorization })).status).toBe(200);
    await cam.setFaults(['unauthorized']);
    for (const method of ['OPTIONS', 'DESCRIBE']) {
      const reply = await rtsp.request(method, cam.url, { Authorization });
      expect([reply.status, reply.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="Simulated camera"']);
    }
    const anonymous = await rig({ faults: ['unauthorized'] });
    const reply = await anonymous.rtsp.request('DESCRIBE', anonymous.cam.url);
    expect(reply.headers.get('www-authenticate')).toContain('Digest realm=');
  });

  it('not-found, redirect', async () => {
    const { cam, rtsp } = await rig({ faults: ['not-found'] });
    expect((await rtsp.request('DESCRIBE', cam.url)).status).toBe(404);
    expect((await rtsp.request('OPTIONS', cam.url)).status).toBe(200);
    await cam.setFaults(['redirect:rtsp://other:1/x']);
    const reply = await rtsp.request('DESCRIBE', cam.url);
    expect([reply.status, reply.headers.get('location')]).toEqual([302, 'rtsp://other:1/x']);
  });

  it('stale-nonce: a nonce is good for so many requests', async () => {
    const auth = { scheme: 'digest', user: 'u', password: 'p' } as const;
    const { cam, rtsp } = await rig({ auth, faults: ['stale-nonce:2'] });
    const challengeOf = async (Authorization = ''): Promise<[number, ReadonlyMap<string, string>]> => {
      const reply = await rtsp.request('DESCRIBE', cam.url, { Authorization });
      return [reply.status, parseAuthParameters((reply.headers.get('www-authenticate') ?? '').slice(7))];
    };
    const answer = (challenge: ReadonlyMap<string, string>): string => {
      const { user, password } = auth;
      const [realm = '', nonce = ''] = [challenge.get('realm'), challenge.get('nonce')];
      const response = digestResponse({ user, password, realm, nonce, method: 'DESCRIBE', uri: cam.url });
      return `Digest username="u", realm="${realm}", nonce="${nonce}", uri="${cam.url}", response="${response}"`;
    };
    const [, first] = await challengeOf();
    expect(first.get('stale')).toBeUndefined();
    expect((await challengeOf(answer(first)))[0]).toBe(200);
    expect((await challengeOf(answer(first)))[0]).toBe(200);
    const [status, second] = await challengeOf(answer(first));
    expect([status, second.get('stale')]).toEqual([401, 'true']);
    expect(second.get('nonce')).not.toBe(first.get('nonce'));
    expect((await challengeOf(answer(second)))[0]).toBe(200);
  });

  it('stale-session: after a broken connection SETUP is refused for a while', async () => {
    const { cam, clock, rtsp, notice } = await rig({ faults: ['stale-session:5s'] });
    const { session } = await rtsp.play(cam.url);
    await rtsp.request('TEARDOWN', cam.url, { Session: session });
    await rtsp.closed;
    const second = await client(cam);
    expect((await second.play(cam.url)).setup.status).toBe(200);
    const gone = notice('disconnected');
    await second.close();
    await gone;
    const third = await client(cam);
    const setup = async (): Promise<number> =>
      (await third.request('SETUP', `${cam.url}/trackID=0`, { Transport: 'RTP/AVP/TCP;unicast' })).status;
    expect(await setup()).toBe(453);
    clock.advance(4999);
    expect(await setup()).toBe(453);
    clock.advance(1);
    expect(await setup()).toBe(200);
  });
});

describe('faults of a session', () => {
  it('freeze: some time after the first picture nothing is sent or read, the socket stays open', async () => {
    const { cam, clock, rtsp } = await rig({ faults: ['freeze:250ms'] });
    await rtsp.play(cam.url);
    clock.advance(60_000);
    for (let i = 0; i < 3; i += 1) await rtsp.units.next();
    expect(cam.stats()).toMatchObject({ unitsSent: 3, connections: 1, playing: 1 });
    const answer = rtsp.request('OPTIONS', '*');
    // Another connection works, and plays for its quarter of a second.
    const other = await client(cam);
    await other.play(cam.url);
    await other.units.next();
    expect(cam.stats().unitsSent).toBe(4);
    await cam.setFaults([]);
    expect((await answer).status).toBe(200);
    clock.advance(100);
    await rtsp.units.next();
  });

  it('freeze, teardown-silently, end: no timer is left when the session is over before', async () => {
    const { cam, clock, rtsp } = await rig({ faults: ['freeze:9s', 'teardown-silently:9s', 'end:9s'] });
    const { session } = await rtsp.play(cam.url);
    expect(clock.pendingTimers).toBe(6); // those three, the next picture, the next report, the client's silence
    await rtsp.request('TEARDOWN', cam.url, { Session: session });
    await rtsp.closed;
    await cam.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('teardown-silently: media stops, RTSP is answered', async () => {
    const { cam, clock, rtsp } = await rig();
    await rtsp.play(cam.url);
    await cam.setFaults(['teardown-silently:1s']);
    clock.advance(999);
    const before = cam.stats().unitsSent;
    clock.advance(30_000);
    expect(cam.stats()).toMatchObject({ unitsSent: before, playing: 1 });
    expect((await rtsp.request('GET_PARAMETER', cam.url)).status).toBe(200);
    await cam.setFaults([]);
    clock.advance(100);
    expect(cam.stats().unitsSent).toBeGreaterThan(before);
  });

  it('end: BYE, then the connection is closed', async () => {
    const { cam, clock, rtsp, notice } = await rig({ faults: ['end:1s'], random32: () => 0xabcd });
    await rtsp.play(cam.url);
    const gone = notice('disconnected');
    clock.advance(5000);
    await Promise.all([rtsp.closed, gone]);
    const first = await rtsp.reports.next();
    expect(first.toString('hex')).not.toContain('81cb0001');
    const last = await rtsp.reports.next();
    expect(last.subarray(-8).toString('hex')).toBe('81cb00010000abcd');
    expect(cam.stats()).toMatchObject({ unitsSent: 10, connections: 0 });
  });

  it('cut-packet: after so many pictures the connection breaks inside of a packet', async () => {
    const { cam, clock, rtsp } = await rig({ clip: fakeClip({ unitBytes: 5000 }), faults: ['cut-packet:3'] });
    await rtsp.play(cam.url);
    clock.advance(1000);
    await rtsp.closed;
    for (let i = 0; i < 3; i += 1) await rtsp.units.next();
    expect(rtsp.units.size).toBe(0);
    expect(rtsp.pendingBytes).toBeGreaterThan(4);
    expect(clock.pendingTimers).toBe(0);
    await (await client(cam)).play(cam.url);
  });

  it('no-keyframes: neither keyframes nor parameter sets, also after a new PLAY', async () => {
    const { cam, clock, rtsp } = await rig({ faults: ['no-keyframes:1s'] });
    for (const one of [rtsp, await client(cam)]) {
      clock.advance(2000);
      await one.play(cam.url);
      clock.advance(1200);
      const types = [];
      for (let i = 0; i < 9; i += 1) types.push((await one.units.next()).nals.map((nal) => nalType(nal)).join());
      // Of the first twelve units 0, 3, 6 and 9 would have been keyframes; unit 12 is the first after the second.
      expect(types).toEqual([...Array.from({ length: 8 }, () => '6,1'), '7,8,6,5']);
    }
    expect(cam.stats().keyframesWithheld).toBe(8);
  });
});
