// Every recorded vendor, tested by a client that follows the description.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@vigia/base';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { fakeClip } from '../../test/clips.ts';
import { type Reply, RtspClient } from '../../test/rtsp-client.ts';
import { MANNERS_FOLDER } from './manners/index.ts';
import { nalType } from './media/index.ts';
import type { SimulatedCameraOptions } from './options.ts';
import { digestResponse, parseAuthParameters } from './rtsp/index.ts';
import { SimulatedCamera } from './simulated-camera.ts';

const open: { close(): Promise<void> }[] = [];
const folder = mkdtempSync(join(tmpdir(), 'vigia-manners-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function rig(
  mannersFiles: string[],
  options: Partial<SimulatedCameraOptions> = {},
): Promise<{ cam: SimulatedCamera; rtsp: RtspClient; authority: string }> {
  const clock = new FakeClock();
  const cam = await SimulatedCamera.start({ clip: fakeClip(), mannersFiles, pacing: 'lock-step', clock, ...options });
  open.push(cam);
  const rtsp = await RtspClient.connect(cam.port);
  open.push(rtsp);
  return { cam, rtsp, authority: `127.0.0.1:${cam.port}` };
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text.replace(/\r?\n/g, '\r\n'));
  return path;
}

/** Control URLs of the presentation and of each track, resolved like in live555 and ffmpeg. */
function controls(reply: Reply, url: string): { aggregate: string; tracks: string[] } {
  const base = reply.headers.get('content-base') ?? url;
  const [session = '', ...media] = reply.body.split(/^m=/m);
  const resolve = (text: string): string => {
    const control = /^a=control:(.*?)\r?$/m.exec(text)?.[1] ?? '*';
    if (control === '*') return base;
    return control.startsWith('rtsp:') ? control : `${base.replace(/\/$/, '')}/${control}`;
  };
  return { aggregate: resolve(session), tracks: media.map(resolve) };
}

interface Followed {
  readonly described: Reply;
  readonly setups: Reply[];
  readonly play: Reply;
  readonly session: string;
  readonly aggregate: string;
}

/** DESCRIBE, SETUP of every track, PLAY. */
async function follow(rtsp: RtspClient, url: string): Promise<Followed> {
  const described = await rtsp.request('DESCRIBE', url);
  const { aggregate, tracks } = controls(described, url);
  const video = described.body
    .split(/^m=/m)
    .slice(1)
    .findIndex((text) => text.startsWith('video'));
  rtsp.rtpChannel = 2 * video;
  const setups: Reply[] = [];
  let session = '';
  for (const [i, track] of tracks.entries()) {
    const Transport = `RTP/AVP/TCP;unicast;interleaved=${2 * i}-${2 * i + 1}`;
    const reply = await rtsp.request('SETUP', track, session === '' ? { Transport } : { Transport, Session: session });
    expect([track, reply.status]).toEqual([track, 200]);
    setups.push(reply);
    session = (reply.headers.get('session') ?? '').split(';')[0]?.trim() ?? '';
  }
  return { described, setups, play: await rtsp.request('PLAY', aggregate, { Session: session }), session, aggregate };
}

const VENDORS: [string, 'h264' | 'h265', string[]][] = readdirSync(MANNERS_FOLDER)
  .filter((name) => name.endsWith('.txt') && /\bm=video/.test(readFileSync(join(MANNERS_FOLDER, name), 'utf8')))
  .map((name) => {
    const codec = /H265\/90000/.test(readFileSync(join(MANNERS_FOLDER, name), 'utf8')) ? 'h265' : 'h264';
    // The vendor's other replies, then this description.
    const prefix = name.split('_')[0] ?? '';
    const others = readdirSync(MANNERS_FOLDER).filter(
      (one) => one.startsWith(`${prefix}_`) && !/describe|sdp/.test(one),
    );
    return [name, codec, [...(others.length > 0 && !prefix.startsWith('missing') ? others : []), name]];
  });

describe('recorded manners', () => {
  it('are ten descriptions', () => {
    expect(VENDORS.length).toBe(10);
  });

  it.each(VENDORS)('%s: a client that follows it sees pictures', async (name, codec, files) => {
    const clip = fakeClip({ codec });
    const { cam, rtsp } = await rig(files, { clip });
    const { described, play, aggregate, session } = await follow(rtsp, cam.url);
    const recorded = readFileSync(join(MANNERS_FOLDER, name), 'utf8');
    // Only codec parameters and addresses of the description are ours.
    const plain = (sdp: string): string[] =>
      sdp
        .trimEnd()
        .split(/\r?\n/)
        .map((line) =>
          line.replace(/(sprop-[\w-]+|config|profile-level-id)=[^;\s]*/g, '$1').replace(/rtsp:\/\/[^/]+/, 'rtsp://'),
        );
    expect(plain(described.body)).toEqual(plain(recorded.slice(recorded.indexOf('v=0'))));
    for (const set of clip.parameterSets) expect(described.body).toContain(set.toString('base64').slice(0, 5));
    expect(described.body.replace(/^[oc]=.*$/gm, '') + [...described.headers.values()].join()).not.toMatch(
      /192\.168\.5|192\.168\.1\.10:|wowzaec2|cam-driveway/,
    );
    expect(play.status).toBe(200);
    const payloadType = Number(/m=video \d+ \S+ (\d+)/.exec(recorded)?.[1]);
    rtsp.codecs[payloadType] = codec;
    cam.step();
    const unit = await rtsp.units.next();
    expect(unit.packets[0]?.payloadType).toBe(payloadType);
    expect(unit.nals.map((nal) => nalType(nal, codec)).at(-1)).toBe(codec === 'h264' ? 5 : 19);
    expect((await rtsp.request('GET_PARAMETER', aggregate, { Session: session })).status).toBe(200);
    expect((await rtsp.request('TEARDOWN', aggregate, { Session: session })).status).toBe(200);
    await rtsp.closed;
  });

  it('replay header names, order and spaces, with our values', async () => {
    const { cam, rtsp, authority } = await rig(['hikvision'], { random32: () => 0x0d6d6627 });
    const raw: Buffer[] = [];
    rtsp.socket.on('data', (chunk) => raw.push(chunk));
    const { session } = await follow(rtsp, cam.url);
    const replies = Buffer.concat(raw)
      .toString('latin1')
      .split(/(?=RTSP\/1\.0 )/);
    expect(session).toMatch(/^\d{9}$/);
    const base = `rtsp://${authority}/Streaming/Channels/101/`;
    expect(replies[0]?.split('\r\n').slice(0, 4)).toEqual([
      'RTSP/1.0 200 OK',
      'CSeq: 1',
      'Content-Type: application/sdp',
      `Content-Base: ${base}`,
    ]);
    expect(replies[1]).toBe(
      `RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession:        ${session};timeout=60\r\n` +
        'Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0d6d6627;mode="play"\r\nDate:  Thu, Jan 01 2026 00:00:00 GMT\r\n\r\n',
    );
    expect(replies[3]).toContain(
      `\r\nSession:        ${session}\r\nRTP-Info: url=${base}trackID=1?transportmode=unicast&profile=Profile_1;seq=26151;rtptime=225273383\r\n`,
    );
  });

  it('keep what is odd about a vendor', async () => {
    const space = await rig(['hikvision', 'hikvision_setup_ssrc_space'], { random32: () => 0xd6d6627 });
    const setup = (await follow(space.rtsp, space.cam.url)).setups[0];
    expect(setup?.headers.get('transport')).toBe('RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= d6d6627');
    const time = await rig(['bunny', 'bad_rtptime']);
    const bad = await follow(time.rtsp, time.cam.url);
    expect(bad.play.headers.get('rtp-info')).toMatch(
      /^url=trackID=1;seq=\d+;rtptime=-1,url=rtsp:.*trackID=2;seq=\d+;rtptime=-1$/,
    );
    // Wowza names the session in its DESCRIBE reply: a client may send it from then on.
    expect(bad.described.headers.get('session')).toBe(`${bad.session};timeout=60`);
    const gw = await rig(['gw_main']);
    const { described, setups } = await follow(gw.rtsp, gw.cam.url);
    expect(described.body).toContain('profile-level-id=5046314;');
    const sprop = /sprop-parameter-sets=([^,]*),/.exec(described.body)?.[1] ?? '';
    expect(Buffer.from(sprop, 'base64').subarray(-4).toString('hex')).toBe('00000001');
    expect(setups.map((reply) => reply.headers.get('transport'))).toEqual(
      [0, 2].map((at) => `RTP/AVP/TCP;unicast;destination=127.0.0.1;source=127.0.0.1;interleaved=${at}-${at + 1}`),
    );
    const bare = await rig(['missing_content_type']);
    const reply = await bare.rtsp.request('DESCRIBE', bare.cam.url);
    expect([...reply.headers.keys()]).toEqual(['cseq', 'content-length', 'session']);
  });

  it('speak of the transport that was agreed on', async () => {
    const { cam, rtsp } = await rig(['luckfox_rkipc'], { random32: () => 0x22345684 });
    const { setup } = await rtsp.playUdp(cam.url);
    expect(setup.headers.get('transport')).toMatch(
      /^RTP\/AVP;ssrc=22345684;unicast;client_port=\d+-\d+;server_port=\d+-\d+$/,
    );
    cam.step();
    await rtsp.units.next();
    const dahua = await rig(['dahua']);
    const ports = await dahua.rtsp.bindUdp();
    const Transport = `RTP/AVP;unicast;client_port=${ports.rtp}-${ports.rtcp}`;
    const reply = await dahua.rtsp.request('SETUP', `${dahua.cam.url}/trackID=0`, { Transport });
    expect(reply.headers.get('transport')).toMatch(
      /^RTP\/AVP;unicast;client_port=\d+-\d+;server_port=\d+-\d+;ssrc=[0-9A-F]{8}$/,
    );
  });

  it('ask for a password as the vendor does', async () => {
    const auth = { scheme: 'digest', user: 'u', password: 'p' } as const;
    const { cam, rtsp } = await rig(['longse'], { auth });
    const refused = await rtsp.request('DESCRIBE', cam.url);
    expect([refused.status, refused.headers.get('server')]).toEqual([401, 'Rtsp Server 1920*1080*20*2048']);
    const text = refused.headers.get('www-authenticate') ?? '';
    expect(text).toMatch(/^Digest realm="Surveillance Server", nonce="[0-9A-F]{32}"$/);
    const challenge = parseAuthParameters(text.slice(7));
    const [realm = '', nonce = ''] = [challenge.get('realm'), challenge.get('nonce')];
    const response = digestResponse({ ...auth, realm, nonce, method: 'DESCRIBE', uri: cam.url });
    const Authorization = `Digest username="u", realm="${realm}", nonce="${nonce}", uri="${cam.url}", response="${response}"`;
    expect((await rtsp.request('DESCRIBE', cam.url, { Authorization })).status).toBe(200);
  });

  it('take sound where the vendor has it, under its payload type', async () => {
    const clock = new FakeClock();
    const { cam, rtsp } = await rig(['gw_main'], { audio: 'pcmu', pacing: 'real-time', clock });
    await follow(rtsp, cam.url);
    let other = await rtsp.others.next();
    while (other.channel !== 2) other = await rtsp.others.next();
    expect((other.payload[1] ?? 0) & 0x7f).toBe(8);
    await expect(rig(['gw_main'], { audio: 'pcma', pacing: 'real-time' })).rejects.toMatchObject({
      code: 'manners_unfit',
    });
  });

  it('may be unusual: no control URLs, line feeds only, two challenges, a refusal', async () => {
    const sdp = 'v=0\no=- 1 1 IN IP4 0.0.0.0\ns=x\nt=0 0\nm=video 0 RTP/AVP 35\na=rtpmap:35 H264/90000\n';
    const path = join(folder, 'bare_sdp.txt');
    writeFileSync(path, sdp);
    const busy = file('busy.txt', 'RTSP/1.0 461 No way\nx-why:  because\nCSeq:3\n\n');
    const both = file(
      'both.txt',
      'RTSP/1.0 401 Nope\nCSeq: 1\nWWW-Authenticate: Basic realm="a"\nWWW-Authenticate: Digest realm="b", nonce="1", stale="FALSE"\n\n',
    );
    const { cam, rtsp } = await rig([path, busy, both]);
    await rtsp.request('DESCRIBE', cam.url);
    rtsp.socket.write(`SETUP ${cam.url} RTSP/1.0\r\nCSeq: 50\r\nTransport: RAW\r\n\r\n`);
    const raw: Buffer[] = [];
    rtsp.socket.on('data', (chunk) => raw.push(chunk));
    await rtsp.replies.next();
    expect(Buffer.concat(raw).toString()).toBe('RTSP/1.0 461 No way\r\nx-why:  because\r\nCSeq:50\r\n\r\n');
    const { play } = await follow(rtsp, cam.url);
    expect(play.status).toBe(200);
    cam.step();
    expect((await rtsp.units.next()).packets[0]?.payloadType).toBe(35);
    await cam.setFaults(['unauthorized']);
    rtsp.socket.write('OPTIONS * RTSP/1.0\r\nCSeq: 60\r\n\r\n');
    await rtsp.replies.next();
    expect(Buffer.concat(raw).toString()).toMatch(
      /WWW-Authenticate: Basic realm="a"\r\nWWW-Authenticate: Digest realm="b", nonce="[0-9A-F]{32}", stale="FALSE"\r\n/,
    );
  });

  it('say what is wrong with a file, a prefix or a codec', async () => {
    await expect(rig(['nobody'])).rejects.toMatchObject({ code: 'manners_not_found', path: 'nobody' });
    await expect(rig([file('html.txt', 'HTTP/1.1 200 OK\n\n')])).rejects.toMatchObject({ code: 'manners_unreadable' });
    await expect(rig([file('odd.txt', 'RTSP/1.0 200 OK\nnonsense\n\n')])).rejects.toMatchObject({
      code: 'manners_unreadable',
    });
    await expect(rig(['anjvision_describe'])).rejects.toMatchObject({
      code: 'manners_unfit',
      message: expect.stringContaining('describes h265, fake.mp4 is h264'),
    });
  });
});

describe('unseen manners', () => {
  it('a relative aggregate URL; SETUP without Session; Transport without ports', async () => {
    const sdp = file(
      'aggregate.txt',
      'v=0\ns=x\nt=0 0\na=control:live\nm=application 0 RTP/AVP 99\na=control:meta\nm=video 0 RTP/AVP 97\na=control:/v\na=rtpmap:97 h264/90000\n',
    );
    const setup = file('setup.txt', 'RTSP/1.0 200 OK\ncseq: 1\ntransport: rtp/avp/tcp; unicast\n\n');
    const { cam, rtsp } = await rig([sdp, setup]);
    const { play, session, setups, aggregate } = await follow(rtsp, cam.url);
    expect([aggregate, play.status]).toEqual([`${cam.url}/live`, 200]);
    expect(session).toMatch(/^[0-9A-F]{8}$/);
    expect(setups[1]?.headers.get('transport')).toBe('RTP/AVP/TCP; unicast;interleaved=2-3');
    cam.step();
    expect((await rtsp.units.next()).packets[0]?.payloadType).toBe(97);
  });

  it('words SETUP as it was recorded for the track and the transport', async () => {
    const reply = (name: string, transport: string): string =>
      file(
        `track_setup_${name}.txt`,
        `RTSP/1.0 200 OK\nCSeq: 1\nX-Which: ${name}\nSession: 1\nTransport: ${transport}\n\n`,
      );
    reply('audio', 'RTP/AVP/TCP;interleaved=2-3');
    reply('udp', 'RTP/AVP;client_port=1-2;server_port=3-4');
    reply('video', 'RTP/AVP/TCP;interleaved=0-1');
    const { cam, rtsp } = await rig(['gw_main', join(folder, 'track')]);
    const { setups } = await follow(rtsp, cam.url);
    expect(setups.map(({ headers }) => headers.get('x-which'))).toEqual(['video', 'audio']);
    const other = await RtspClient.connect(cam.port);
    open.push(other);
    const Transport = 'RTP/AVP;unicast;client_port=4000-4001';
    const udp = await other.request('SETUP', `${cam.url}/video`, { Transport });
    expect(udp.headers.get('x-which')).toBe('udp');
    expect(udp.headers.get('session')).toMatch(/^1\d{7}$/);
  });
});

describe('quirks', () => {
  it('can be all of them at once', async () => {
    const quirks = [
      'rtp-before-play-reply',
      'rtcp-of-unknown-track',
      'spaced-parameters',
      'no-timeout',
      'lower-case-headers',
    ] as const;
    const { cam, rtsp } = await rig([], { quirks, pacing: 'real-time' });
    const raw: Buffer[] = [];
    rtsp.socket.on('data', (chunk) => raw.push(chunk));
    const { setup } = await rtsp.play(cam.url);
    expect(setup.headers.get('session')).toMatch(/^[0-9A-F]{8}$/);
    expect(setup.headers.get('transport')).toMatch(/^RTP\/AVP\/TCP ; unicast ; interleaved=0-1 ; ssrc=/);
    const text = Buffer.concat(raw).toString('latin1');
    expect(text).toMatch(/^RTSP\/1\.0 200 OK\r\ncseq: 1\r\nsession: /);
    expect(text.indexOf('$')).toBeLessThan(text.indexOf('rtp-info'));
    expect((await rtsp.others.next()).channel).toBe(5);
  });
});
