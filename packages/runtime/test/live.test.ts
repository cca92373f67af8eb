import { spawnSync } from 'node:child_process';
import { get } from 'node:http';
import { join } from 'node:path';
import { SimulatedCamera } from '@vigia/testkit';
import { postOffer, WhepViewer, type WhepViewerOptions } from '@vigia/testkit/whep-viewer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { clip } from './support/clips.ts';
import { freePort } from './support/programs.ts';
import { CLIP, Sandbox, Vigia } from './support/vigia.ts';

const LIVE = 'live-process';
let box: Sandbox;
let cameras: SimulatedCamera[];
let vigia: Vigia;
let base: string;
const viewers: WhepViewer[] = [];

/**
 * `hall` is recorded, so that another process has its connection, with its sound; `yard` is not; `bath` has what nobody may see;
 * `loft` has two streams.
 */
beforeAll(async () => {
  box = new Sandbox();
  cameras = await Promise.all([
    SimulatedCamera.start({ clip: CLIP, audio: 'pcma' }),
    SimulatedCamera.start({ clip: clip('h265') }),
  ]);
  const [camera, modern] = cameras.map(({ url }) => url);
  const port = await freePort();
  base = `http://127.0.0.1:${port}/api/v1`;
  const text = `version: 1
node: ${box.node}
http: { listen: "127.0.0.1:${port}" }
cameras:
  hall: { source: "${camera}", record: { mode: always } }
  yard: { source: "${camera}" }
  barn: { source: "${modern}" }
  loft: { source: "${modern}", detect_source: "${camera}" }
  bath: { source: "${camera}", zones: { shower: { kind: privacy, points: [[0, 0], [1, 0], [1, 1]] } } }
  away: { source: "rtsp://127.0.0.1:1/none" }
`;
  const env = { ...box.env, VIGIA_DATA_DIR: join(box.dir, 'data') };
  vigia = new Vigia(['run', '-c', box.file('vigia.yml', text), '--json'], env);
  await vigia.until('live cameras', () =>
    ['hall', 'yard', 'barn', 'bath', 'loft'].every((id) =>
      vigia.lines.some((line) => line.type === 'camera_state' && line.camera === id && line.state === 'live'),
    ),
  );
});

afterAll(async () => {
  for (const one of viewers) one.close();
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  await Promise.all(cameras.map((camera) => camera.close()));
  expect(box.leftovers()).toEqual([]);
  box.remove();
});

function viewer(options: WhepViewerOptions = {}): WhepViewer {
  const opened = new WhepViewer(options);
  viewers.push(opened);
  return opened;
}

const whep = (id: string): string => `${base}/cameras/${id}/whep`;
const at = (path: string | null): string => new URL(path ?? '', base).href;
/** `a - b` of stamps, which wrap. */
const behind = (a: number, b: number): number => (a - b) | 0;
/** All processes of the node but the one with live video. */
const others = (): string[] =>
  vigia
    .children()
    .filter(({ command }) => !command.includes(LIVE))
    .map(({ pid, command }) => `${pid} ${command}`);

test.each(['hall', 'yard'])(
  '%s: old pictures are told from live ones, each with the time of its capture',
  async (id) => {
    const one = viewer();
    const askedMs = Date.now();
    const { status, headers } = await one.open(whep(id));
    const answeredMs = Date.now();
    expect(status).toBe(201);
    expect(headers.get('location')).toMatch(new RegExp(`^/api/v1/cameras/${id}/whep/[\\w-]{22}$`));
    expect(headers.get('etag')).toBe(`"${headers.get('location')?.split('/').at(-1)}"`);
    expect(headers.get('content-type')).toBe('application/sdp');
    const origin = Number(headers.get('x-vigia-rtp-origin')?.split('@')[0]);
    const live = (): number[] => [
      ...new Set(one.packets.map(({ stamp }) => stamp).filter((stamp) => behind(stamp, origin) >= 0)),
    ];
    await one.until('twelve live pictures', () => live().length > 12);
    // 10 pictures a second.
    for (const [i, stamp] of live().entries()) if (i > 0) expect(behind(stamp, live()[i - 1] ?? 0) % 9_000).toBe(0);
    const old = new Set(one.packets.map(({ stamp }) => behind(stamp, origin)).filter((ago) => ago < 0));
    for (const ago of old) expect([ago % 90 === 0, ago > -90 * 300]).toEqual([true, true]);
    await one.until('two times', () => one.times.length >= 2);
    for (const { rtp, captured_at: captured } of one.times) {
      // 90 kHz: the times are those of the stamps, and the picture at the origin was the newest one before the answer.
      const originMs = Date.parse(captured) - behind(rtp, origin) / 90;
      expect(originMs).toBeGreaterThan(askedMs - 2_000);
      expect(originMs).toBeLessThanOrEqual(answeredMs);
    }
    const [first, second] = one.times as [(typeof one.times)[0], (typeof one.times)[0]];
    const steps = [behind(second.rtp, first.rtp) / 90, Date.parse(second.captured_at) - Date.parse(first.captured_at)];
    expect(Math.abs((steps[0] ?? 0) - (steps[1] ?? 0))).toBeLessThan(50);
    const ended = await fetch(at(headers.get('location')), { method: 'DELETE' });
    expect([ended.status, await ended.json()]).toEqual([200, {}]);
    await one.until('the end', () => ['closed', 'disconnected', 'failed'].includes(one.state));
    expect((await fetch(at(headers.get('location')), { method: 'DELETE' })).status).toBe(404);
  },
);

/** Each section of an answer, with its direction. */
function directionsIn(answer: string): string[] {
  return answer
    .split(/\r\n(?=m=)/)
    .slice(1)
    .map(
      (section) => `${/^m=(\w+)/.exec(section)?.[1]} ${/a=(sendonly|recvonly|sendrecv|inactive)\r/.exec(section)?.[1]}`,
    );
}

test.each([
  ['last', ['video sendonly', 'audio sendonly']],
  ['first', ['audio sendonly', 'video sendonly']],
] as const)(
  'sound of a recorded camera as it sends it, in a stream of its own: offered %s',
  async (sound, sections) => {
    const one = viewer({ sound });
    const { text } = await one.open(whep('hall'));
    expect(directionsIn(text).filter((section) => !section.startsWith('application'))).toEqual(sections);
    expect(text).toContain('a=rtpmap:8 PCMA/8000\r\n');
    // Nothing asks a player to bring pictures in step with sound.
    const streams = [...text.matchAll(/a=msid:(\S+)/g)].map(([, stream]) => stream);
    const sources = [...text.matchAll(/a=ssrc:\d+ cname:(\S+)/g)].map(([, source]) => source);
    expect([new Set(streams).size, new Set(sources).size, /a=group:LS/.test(text)]).toEqual([2, 2, false]);
    await one.until('sound and pictures', () => one.heard.length > 50 && one.packets.length > 20);
    expect(new Set(one.heard.map(({ type }) => type))).toEqual(new Set([8]));
    expect(new Set(one.packets.map(({ type }) => type))).toEqual(new Set([102]));
    for (const [i, { stamp }] of one.heard.entries())
      if (i > 0) expect(behind(stamp, one.heard[i - 1]?.stamp ?? 0)).toBeGreaterThan(0);
    // 20 ms in each packet, 8,000 samples a second: none is missing.
    const took = behind(one.heard.at(-1)?.stamp ?? 0, one.heard[0]?.stamp ?? 0);
    expect(took).toBe(160 * (one.heard.length - 1));
  },
);

test('no sound of a camera that is not recorded, nor for a viewer who has not the camera’s: the answer says so', async () => {
  const one = viewer({ sound: 'first' });
  const { text } = await one.open(whep('yard'));
  expect(directionsIn(text).slice(0, 2)).toEqual(['audio inactive', 'video sendonly']);
  await one.until('pictures', () => one.packets.length > 20);
  expect(one.heard).toEqual([]);
  const offer = await viewer({ sound: 'last' }).offer();
  const other = await postOffer(whep('hall'), offer.replace('a=rtpmap:8 PCMA/8000\r\n', '').replace(' 0 8', ' 0'));
  expect([other.status, directionsIn(other.text).slice(0, 2)]).toEqual([201, ['video sendonly', 'audio inactive']]);
});

test('a killed live process costs its viewers their connection, and nothing else', async () => {
  const one = viewer();
  await one.open(whep('yard'));
  await one.until('video', () => one.packets.length > 0);
  const before = others();
  const killed = vigia.child(LIVE);
  process.kill(killed, 'SIGKILL');
  // A viewer who comes at once waits for the next process.
  const two = viewer();
  let status = 0;
  while (status !== 201) ({ status } = await viewerAgain(two));
  await two.until('video again', () => two.packets.length > 0);
  expect(vigia.child(LIVE)).not.toBe(killed);
  expect(others()).toEqual(before);
});

/** An offer can be sent again: its connection has no answer yet. */
async function viewerAgain(one: WhepViewer): Promise<{ readonly status: number }> {
  const answer = await one.open(whep('yard'));
  if (answer.status !== 201) expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'no_live' } });
  return answer;
}

test('wrong offers get the right status, and leave nothing', async () => {
  const offer = await viewer().offer();
  const answers = [
    ['not an offer', await postOffer(whep('yard'), 'hello')],
    ['no H.264', await postOffer(whep('yard'), offer.replaceAll('H264', 'VP8'))],
    ['no H.265', await postOffer(whep('barn'), offer.replaceAll('H265', 'VP9'))],
    ['no type', await postOffer(whep('yard'), offer, { 'content-type': 'text/plain' })],
    ['too long', await postOffer(whep('yard'), `${offer}${'a=x\r\n'.repeat(20_000)}`)],
    ['a fingerprint that is none', await postOffer(whep('yard'), offer.replace(/(a=fingerprint:sha-256 ).*/, '$1x'))],
    ['a camera that is away', await postOffer(whep('away'), offer)],
    ['a camera with privacy zones', await postOffer(whep('bath'), offer)],
    ['no camera', await postOffer(whep('none'), offer)],
  ] as const;
  const table = answers.map(([what, { status, text }]) => {
    const { code, message } = (JSON.parse(text) as { error: { code: string; message: string } }).error;
    expect(message).not.toBe('');
    return [what, status, code];
  });
  expect(table).toEqual([
    ['not an offer', 400, 'usage'],
    ['no H.264', 409, 'codec'],
    ['no H.265', 409, 'codec'],
    ['no type', 400, 'usage'],
    ['too long', 413, 'bad_request'],
    ['a fingerprint that is none', 400, 'usage'],
    ['a camera that is away', 409, 'camera_away'],
    ['a camera with privacy zones', 409, 'privacy'],
    ['no camera', 404, 'not_found'],
  ]);
  const fragment = { 'content-type': 'application/trickle-ice-sdpfrag' };
  const patched = await fetch(`${whep('yard')}/${'x'.repeat(22)}`, { method: 'PATCH', headers: fragment, body: 'a=x' });
  expect(patched.status).toBe(404);
});

test('H.265 for a viewer who has it', async () => {
  const one = viewer();
  const { status, text } = await one.open(whep('barn'));
  expect([status, text]).toEqual([201, expect.stringContaining('a=rtpmap:104 H265/90000')]);
  await one.until('video', () => one.packets.length > 20);
  expect(new Set(one.packets.map(({ type }) => type))).toEqual(new Set([104]));
});

test('a viewer without H.265 gets the small stream of a camera that has one', async () => {
  const one = viewer();
  const offer = (await one.offer()).replaceAll('H265', 'VP9');
  await expect.poll(async () => (await postOffer(whep('loft'), offer)).status, { timeout: 20_000 }).toBe(201);
  const { text } = await postOffer(whep('loft'), offer);
  expect(text).toContain('H264/90000');
});

test('pictures for what shows nothing else, also where the camera’s own encoding is not for viewers', async () => {
  const leave = new AbortController();
  const answer = await fetch(`${base}/cameras/bath/live.mjpeg?fps=5`, { signal: leave.signal });
  expect(answer.headers.get('content-type')).toBe('multipart/x-mixed-replace; boundary=picture');
  let text = '';
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString('latin1');
    if (text.split('\xFF\xD8\xFF').length > 3) break;
  }
  leave.abort();
  const refused = await fetch(`${base}/cameras/away/live.mjpeg`);
  expect([refused.status, await refused.json()]).toMatchObject([409, { error: { code: 'camera_not_live' } }]);
});

test('addresses may follow the offer', async () => {
  const one = viewer();
  const { headers } = await one.open(whep('yard'));
  const fragment = { 'content-type': 'application/trickle-ice-sdpfrag' };
  const body = 'a=mid:0\r\na=candidate:1 1 UDP 2122317823 127.0.0.1 9 typ host\r\n';
  const place = at(headers.get('location'));
  expect((await fetch(place, { method: 'PATCH', headers: fragment, body })).status).toBe(204);
  expect((await fetch(place, { method: 'PATCH', headers: fragment, body: 'a=candidate:!!\r\n' })).status).toBe(400);
  await one.until('video', () => one.packets.length > 0);
});

/** Bytes of a movie, or a text about it. */
type MovieMessage = Buffer | Readonly<Record<string, unknown>>;
const isPart = (message: MovieMessage): message is Buffer => Buffer.isBuffer(message);

/** A viewer of `live.mp4`. It confirms what it has had, unless `confirms` is false. */
class MovieViewer {
  readonly messages: MovieMessage[] = [];
  readonly socket: WebSocket;
  confirms = true;
  closedBy: number | undefined;

  constructor(id: string, query = '') {
    this.socket = new WebSocket(`${base.replace('http', 'ws')}/cameras/${id}/live.mp4${query}`);
    this.socket.on('error', () => undefined);
    this.socket.on('close', (code) => {
      this.closedBy = code;
    });
    this.socket.on('message', (data: Buffer, isBinary) => {
      this.messages.push(isBinary ? data : (JSON.parse(data.toString()) as Record<string, unknown>));
      if (this.confirms) this.confirm();
    });
  }

  confirm(): void {
    this.socket.send(String(this.messages.length));
  }

  get parts(): Buffer[] {
    return this.messages.filter(isPart);
  }

  texts(type: string): Readonly<Record<string, unknown>>[] {
    return this.messages.flatMap((message) => (!isPart(message) && message['type'] === type ? [message] : []));
  }

  /** Looked at with each message, and at the end. */
  async until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      const watchdog = setTimeout(() => reject(new Error(`watchdog: ${what} did not happen`)), 30_000);
      const look = (): void => {
        if (!holds()) return;
        clearTimeout(watchdog);
        this.socket.off('message', look).off('close', look);
        resolve();
      };
      this.socket.on('message', look).on('close', look);
    });
  }
}

/** What another program decodes of a movie: pictures, and what it complained of. */
function decoded(parts: readonly Buffer[]): { readonly pictures: number; readonly errors: string } {
  const args = ['-v', 'error', '-i', '-', '-fps_mode', 'passthrough', '-f', 'framemd5', '-'];
  const { stdout, stderr } = spawnSync('ffmpeg', args, { input: Buffer.concat(parts), encoding: 'utf8' });
  return { pictures: stdout.split('\n').filter((line) => line.startsWith('0,')).length, errors: stderr };
}

describe('a movie, where WebRTC does not pass', () => {
  test.each([
    ['hall', '', /^video\/mp4; codecs="avc1\.[\da-f]{6}"$/],
    ['barn', '', /^video\/mp4; codecs="hvc1\.1\.6\.L\d+(\.[\dA-F]{1,2})*"$/],
    ['loft', '?stream=small', /^video\/mp4; codecs="avc1\.[\da-f]{6}"$/],
  ])('%s%s: its format, pictures that a decoder takes, and when they were captured', async (id, query, mime) => {
    const one = new MovieViewer(id, query);
    const askedMs = Date.now();
    await one.until('its format', () => one.messages.length > 0);
    const answeredMs = Date.now();
    await one.until('pictures and times', () => one.parts.length > 15 && one.texts('time').length > 1);
    const [format] = one.messages as [Record<string, unknown>];
    expect(format).toEqual({ type: 'format', mime: expect.stringMatching(mime), origin: expect.any(Number) });
    for (const { rtp, captured_at: captured } of one.texts('time') as { rtp: number; captured_at: string }[]) {
      const originMs = Date.parse(captured) - (rtp - (format['origin'] as number)) / 90;
      expect(originMs).toBeGreaterThan(askedMs - 2_000);
      expect(originMs).toBeLessThanOrEqual(answeredMs);
    }
    one.socket.close();
    // Without the init.
    expect(decoded(one.parts)).toEqual({ pictures: one.parts.length - 1, errors: '' });
  });

  test('a viewer who does not keep up loses pictures up to a keyframe, and hears how many; none comes late', async () => {
    const one = new MovieViewer('yard');
    one.confirms = false;
    await one.until('times without pictures', () => one.parts.length > 0 && !one.messages.slice(-2).some(isPart));
    const before = one.parts.length;
    one.confirm();
    one.confirms = true;
    await one.until('pictures again', () => one.parts.length > before + 5);
    const [lost] = one.texts('lost');
    expect(lost?.['pictures']).toBeGreaterThan(0);
    const from = one.messages.indexOf(lost as Record<string, unknown>);
    // The decoder goes on with what follows as if it came first: it is a keyframe.
    const init = one.parts[0] as Buffer;
    const after = one.messages.slice(from).filter(isPart);
    expect(decoded([init, ...after])).toEqual({ pictures: after.length, errors: '' });
    one.socket.close();
  });

  test('one who confirms what was never sent is sent away; the end of the live process ends all', async () => {
    const [one, two] = [new MovieViewer('yard'), new MovieViewer('yard')];
    await one.until('pictures', () => one.parts.length > 0 && two.parts.length > 0);
    one.socket.send('1000000');
    await one.until('its end', () => one.closedBy !== undefined);
    expect([one.closedBy, two.closedBy]).toEqual([1003, undefined]);
    process.kill(vigia.child(LIVE), 'SIGKILL');
    await two.until('its end', () => two.closedBy !== undefined);
    expect(two.closedBy).toBe(1001);
  });

  test('what cannot be had is refused before the upgrade', async () => {
    const refused = (id: string, query = ''): Promise<[number | undefined, string]> =>
      new Promise((resolve) => {
        new MovieViewer(id, query).socket.on('unexpected-response', (_, response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve([response.statusCode, (JSON.parse(text) as ApiErrorBody).error.code]));
        });
      });
    // The process that was killed before has to be there again.
    await expect.poll(() => refused('away'), { timeout: 20_000 }).toEqual([409, 'camera_away']);
    expect(await refused('bath')).toEqual([409, 'privacy']);
    expect(await refused('yard', '?stream=small')).toEqual([409, 'codec']);
    expect(await refused('yard', '?stream=other')).toEqual([400, 'usage']);
    expect(await refused('none')).toEqual([404, 'not_found']);
    const plain = await fetch(`${base}/cameras/yard/live.mp4`);
    expect([plain.status, await plain.json()]).toMatchObject([400, { error: { code: 'usage' } }]);
    for (const other of ['', 'h2c', 'x']) expect([other, await statusOfUpgrade(other)]).toEqual([other, 400]);
  });
});

/** The answer to who wants to upgrade to something else. */
function statusOfUpgrade(to: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: to };
    const asked = get(`${base}/cameras/yard/live.mp4`, { headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.once('error', reject);
  });
}

interface ApiErrorBody {
  readonly error: { readonly code: string };
}
