import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { SimulatedCamera } from '@vigia/testkit';
import { type NodeProblem, summaryMessageSchema, type TileHeader, tileHeaderSchema } from '@vigia/contracts';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { freePort } from './support/programs.ts';
import { CLIP, Sandbox, Vigia } from './support/vigia.ts';

let box: Sandbox;
let cameras: SimulatedCamera[];
let vigia: Vigia;
let address: string;
/** Starts the node, also once more after its end. */
let start: () => Vigia;

/** A node for all tests: people are looked for in `street`; nobody analyses `yard`. */
beforeAll(async () => {
  box = new Sandbox();
  cameras = await Promise.all([1, 2].map(() => SimulatedCamera.start({ clip: CLIP, fps: 5 })));
  const port = await freePort();
  address = `127.0.0.1:${port}`;
  const [street, yard] = cameras.map(({ url }) => url);
  const text = `version: 1
node: ${box.node}
http: { listen: "${address}" }
models: { ssdlite: { use: ssdlite-mobilenet-v2 } }
cameras:
  street: { source: "${street}", consumers: { people: { model: ssdlite, fps: 5 } } }
  yard: { source: "${yard}" }
`;
  const file = box.file('vigia.yml', text);
  start = () => new Vigia(['run', '-c', file, '--json'], box.env);
  vigia = start();
  await vigia.until('people', () => vigia.results.some(({ status }) => status === 'ok'));
});

afterAll(async () => {
  // A test that failed may have left it standing still.
  vigia.process.kill('SIGCONT');
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  await Promise.all(cameras.map((camera) => camera.close()));
  expect(box.leftovers()).toEqual([]);
  box.remove();
});

interface SeenPicture extends TileHeader {
  readonly jpeg: Buffer;
}

/** Pictures until there are so many of each camera. */
async function pictures(query: string, of: readonly string[], count: number): Promise<SeenPicture[]> {
  const socket = new WebSocket(`ws://${address}/api/v1/stream?types=picture&${query}`);
  const seen: SeenPicture[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) return;
      const end = 4 + data.readUInt32BE(0);
      seen.push({ ...tileHeaderSchema.parse(JSON.parse(data.toString('utf8', 4, end))), jpeg: data.subarray(end) });
      if (of.every((id) => seen.filter(({ camera }) => camera === id).length >= count)) resolve();
    });
  });
  socket.close();
  return seen;
}

test('small pictures are those of results, so that boxes fit; where nobody analyses they belong to none', async () => {
  const seen = await pictures('width=200&fps=5', ['street', 'yard'], 5);
  const results = new Set(vigia.results.map(({ camera, seq, captured_at: at }) => `${camera} ${seq} ${at}`));
  for (const { camera, seq, captured_at: at, width, height, jpeg } of seen) {
    expect([width, height, jpeg.readUInt16BE(0)]).toEqual([320, 240, 0xff_d8]);
    if (camera === 'street') expect(results).toContain(`street ${seq} ${at}`);
    else expect(seq).toBeNull();
  }
});

test('a stream begins with what was answered before it', async () => {
  const socket = new WebSocket(`ws://${address}/api/v1/stream?types=summary`);
  const messages: { readonly type: string }[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      messages.push(JSON.parse(data.toString()) as { type: string });
      if (messages.some(({ type }) => type === 'summary') && messages.some(({ type }) => type === 'result')) resolve();
    });
  });
  socket.close();
  const summaries = messages.filter(({ type }) => type === 'summary').map((one) => summaryMessageSchema.parse(one));
  expect(summaries.map(({ camera, consumer }) => `${camera}/${consumer}`)).toEqual(['street/people']);
  const answers = summaries[0]?.answers ?? [];
  expect(answers.length).toBeGreaterThan(0);
  // Oldest first.
  const ago = answers.map(([, , agoMs]) => agoMs);
  expect(ago).toEqual(ago.toSorted((a, b) => b - a));
});

test('one camera, in another width; not over Server-Sent Events', async () => {
  const seen = await pictures('width=64&camera=yard', ['yard'], 2);
  expect(new Set(seen.map(({ camera, width }) => `${camera} ${width}`))).toEqual(new Set(['yard 160']));
  const refused = await fetch(`http://${address}/api/v1/stream?types=picture`);
  expect([refused.status, await refused.json()]).toMatchObject([
    400,
    { error: { message: 'query.types: pictures are binary messages: they need a WebSocket' } },
  ]);
});

test('the page is served with a policy that allows nothing from elsewhere; its files only by their names', async () => {
  const page = await fetch(`http://${address}/`);
  expect(page.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self'/,
  );
  const html = await page.text();
  expect(html).toContain('<title>vigia');
  const assets = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  expect(assets.length).toBeGreaterThan(1);
  for (const path of assets) {
    const { status, headers } = await fetch(`http://${address}${path}`);
    expect([status, headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
    expect(headers.get('content-encoding')).toBe('gzip');
  }
  for (const path of ['/assets/none.js', '/assets/..%2Findex.html', '/assets/__proto__', '/index.html'])
    expect((await fetch(`http://${address}${path}`)).status).toBe(404);
});

test('what is wrong is listed with what to do; what the node may use stands beside what there is', async () => {
  const ask = async (method: string, path: string, body?: object): Promise<Record<string, never>> => {
    const json =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await fetch(`http://${address}/api/v1/${path}`, { method, ...json });
    expect(answer.status).toBe(200);
    return (await answer.json()) as Record<string, never>;
  };
  // On a machine that is short of CPU the consumer of the other camera may be one, too.
  const ofStairs = async (): Promise<unknown[]> =>
    ((await ask('GET', 'problems')) as unknown as NodeProblem[]).filter(({ camera }) => camera === 'stairs');
  expect(await ofStairs()).toEqual([]);
  await ask('PUT', 'cameras/stairs', { source: 'rtsp://127.0.0.1:1/none' });
  await expect
    .poll(ofStairs, { timeout: 20_000 })
    .toMatchObject([{ subject: 'stairs', kind: 'camera', camera: 'stairs', remedy: expect.stringContaining('port') }]);
  await ask('DELETE', 'cameras/stairs');
  expect(await ofStairs()).toEqual([]);
  const { cores, memory_bytes: most, memory_available_bytes: there, processes } = await ask('GET', 'budget');
  expect(Number(cores)).toBeGreaterThanOrEqual(1);
  expect(Number(most)).toBeLessThan(Number(there));
  const report = await ask('GET', 'report');
  // Each process of the report has a figure, by the same name.
  const running = Object.keys((report as { system?: { processes: object } }).system?.processes ?? {});
  expect(Object.keys(processes ?? {})).toEqual(expect.arrayContaining(running));
});

test('a link of another site may lead to the page, and to nothing else', async () => {
  const foreign = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
  // Node's fetch sends headers of its own.
  const status = (path: string, more = {}): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const asked = request(`http://${address}${path}`, { headers: { ...foreign, ...more } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.once('error', reject);
      asked.end();
    });
  expect(await status('/')).toBe(200);
  expect(await status('/', { 'sec-fetch-mode': 'no-cors' })).toBe(403);
  expect(await status('/api/v1/status')).toBe(403);
  expect(await status('/', { host: 'evil.example' })).toBe(403);
});

/** What the tests use inside a page. The page's policy allows no code as text. */
interface InPage {
  readonly document: {
    querySelector(selector: string): { getAttribute(name: string): string | null } | null;
    querySelectorAll(selector: string): Iterable<{ readonly naturalWidth: number }>;
  };
  readonly getComputedStyle: (element: unknown) => { readonly opacity: string };
}

/** The client of package `whip-whep`, and what it needs of a browser. */
interface PublicPlayer {
  readonly WHEPClient: new () => { view(pc: Peer, url: string): Promise<void>; stop(): Promise<void> };
  readonly RTCPeerConnection: new () => Peer;
  readonly MediaStream: new (tracks: readonly unknown[]) => unknown;
  readonly document: { createElement(name: 'video'): PlayedVideo };
}

interface PlayedVideo extends ShownVideo {
  srcObject: unknown;
  muted: boolean;
  play(): Promise<void>;
  requestVideoFrameCallback(shown: (value: unknown) => void): void;
}

interface Peer {
  addTransceiver(
    kind: 'video',
    how: { readonly direction: 'recvonly' },
  ): { readonly receiver: { readonly track: unknown } };
}

interface ShownVideo {
  readonly videoWidth: number;
  getVideoPlaybackQuality(): { readonly totalVideoFrames: number };
}

describe('in Chromium', { tags: 'full' }, () => {
  let browser: Browser;
  let page: Page;
  /** What the page threw, and what the browser complained of. */
  let complaints: string[];
  beforeAll(async () => {
    const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
    page = await browser.newPage({ viewport: { width: 1_440, height: 900 } });
    complaints = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(`http://${address}/`);
  });
  afterAll(() => browser.close());

  const tile = (name: string): Locator => page.locator('article.tile', { has: page.getByText(name, { exact: true }) });
  const isShown = (locator: Locator, timeout = 20_000): Promise<void> =>
    locator.first().waitFor({ state: 'visible', timeout });
  const covered = (is: '0' | '1'): Promise<unknown> =>
    page.waitForFunction((wanted) => {
      const { document, getComputedStyle } = globalThis as unknown as InPage;
      return getComputedStyle(document.querySelector('.cover')).opacity === wanted;
    }, is);

  test('each camera has its tile: who is seen, with boxes on their picture; what nobody watches says so', async () => {
    await isShown(tile('Street').getByText(/^\d+ (person|people)$/));
    await isShown(tile('Yard').getByText('Not watched'));
    await page.waitForFunction(() => {
      const { document } = globalThis as unknown as InPage;
      return (document.querySelector('.tile .ov .bx')?.getAttribute('d') ?? '').length > 10;
    });
    await page.waitForFunction(() => {
      const { document } = globalThis as unknown as InPage;
      return (
        [...document.querySelectorAll('.tile img')].filter(({ naturalWidth }) => naturalWidth === 480).length === 2
      );
    });
    // Loaded again, it shows at once what was answered before.
    await page.reload();
    await page.waitForFunction(() => {
      const { document } = globalThis as unknown as InPage;
      return (document.querySelector('.tile .trace .p')?.getAttribute('d') ?? '').split('M').length > 15;
    });
    expect(complaints).toEqual([]);
  });

  test('a camera is one click away, with its boxes and consumers; Esc leads back to its tile; one that is not there is said', async () => {
    await tile('Street').click({ position: { x: 60, y: 60 } });
    await isShown(page.getByRole('heading', { name: 'Street', level: 1 }));
    await isShown(page.getByRole('row', { name: /^people/ }).getByText('running'));
    await isShown(page.getByText('Every picture is accounted for'));
    await isShown(page.getByRole('img', { name: /^a typical answer: .*model \d/ }));
    await page.keyboard.press('w');
    await page.waitForFunction(() => {
      const { document } = globalThis as unknown as InPage;
      return (document.querySelector('main.cam .ov .bx')?.getAttribute('d') ?? '').length > 10;
    });
    await page.keyboard.press('Escape');
    await isShown(tile('Street').locator('a:focus'));
    await page.keyboard.press('Enter');
    await isShown(page.locator('main.cam'));
    await page.goBack();
    await isShown(tile('Yard'));
    await page.goto(`http://${address}/#/camera/nowhere`);
    await isShown(page.getByText('This node has no camera Nowhere.'));
    await page.getByRole('main').getByRole('link', { name: 'Wall' }).click();
    await isShown(tile('Yard'));
    expect(complaints).toEqual([]);
  });

  test('what happened is a list, the newest first; one is chosen, and its address names it; Esc leads back', async () => {
    await page.getByRole('navigation').getByRole('link', { name: 'Events' }).click();
    await isShown(page.getByRole('link', { name: /^Node Started, vigia/ }));
    await page.getByRole('button', { name: 'Who changed what' }).click();
    const changed = page.getByRole('link', { name: /^Settings changed/ });
    await isShown(changed);
    expect(await page.getByRole('link', { name: /^Node / }).count()).toBe(0);
    await changed.first().click();
    await isShown(page.getByRole('complementary', { name: 'What is known of it' }));
    expect(page.url()).toMatch(/#\/events\/[0-9A-Z]{26}$/);
    await page.reload();
    await isShown(page.getByRole('complementary', { name: 'What is known of it' }));
    await page.keyboard.press('Escape');
    await isShown(tile('Yard'));
    expect(complaints).toEqual([]);
  });

  test('live video: pictures move, with how far behind they are; a killed process brings others, without a reload', async () => {
    await page.goto(`http://${address}/#/camera/street`);
    await page.keyboard.press('s');
    const label = page.locator('main.cam').getByText(/^Video 0\.\d s behind$/);
    const frames = (): Promise<number> =>
      page.locator('main.cam video').evaluate((video) => {
        const shown = video as unknown as ShownVideo;
        return shown.videoWidth === 768 ? shown.getVideoPlaybackQuality().totalVideoFrames : 0;
      });
    const moves = async (): Promise<void> => {
      await isShown(label);
      const before = await frames();
      expect(before).toBeGreaterThan(0);
      while ((await frames()) < before + 5) await isShown(label);
    };
    await moves();
    await page.keyboard.press('w');
    await label.waitFor({ state: 'hidden' });
    await page.keyboard.press('s');
    await moves();
    expect(complaints).toEqual([]);
    process.kill(vigia.child('live-process'), 'SIGKILL');
    await label.waitFor({ state: 'hidden' });
    await moves();
    await page.keyboard.press('w');
    await label.waitFor({ state: 'hidden' });
    await page.keyboard.press('Escape');
    await isShown(tile('Street'));
    // A process that has just ended refuses an offer, and has no session to end; Chromium says so.
    expect(complaints.filter((text) => !/ 40[49] /.test(text))).toEqual([]);
    complaints = [];
  });

  test('a page that is left while its video runs complains of nothing', async () => {
    const context = await browser.newContext();
    const left = await context.newPage();
    const said: string[] = [];
    left.on('console', (message) => said.push(message.text()));
    await left.goto(`http://${address}/#/camera/street`);
    await isShown(left.locator('main.cam').getByText(/^Video 0\.\d s behind$/));
    await context.close();
    expect(said).toEqual([]);
  });

  test('a public player shows live video, and ends its session', async () => {
    const context = await browser.newContext({ bypassCSP: true });
    const player = await context.newPage();
    const answers: string[] = [];
    player.on('response', (answer) => {
      const method = answer.request().method();
      if (/\/whep/.test(answer.url())) answers.push(`${method} ${answer.status()}`);
    });
    await player.goto(`http://${address}/`);
    const client = readFileSync(fileURLToPath(import.meta.resolve('whip-whep/whep.js')), 'utf8');
    await player.addScriptTag({ type: 'module', content: `${client}\nglobalThis.WHEPClient = WHEPClient;` });
    await player.waitForFunction(() => 'WHEPClient' in globalThis);
    const shown = await player.evaluate(async (url) => {
      const { WHEPClient, RTCPeerConnection, MediaStream, document } = globalThis as unknown as PublicPlayer;
      const pc = new RTCPeerConnection();
      const { receiver } = pc.addTransceiver('video', { direction: 'recvonly' });
      const video = document.createElement('video');
      video.muted = true;
      video.srcObject = new MediaStream([receiver.track]);
      const whep = new WHEPClient();
      await whep.view(pc, url);
      await video.play();
      for (let frames = 0; frames < 10; frames += 1)
        await new Promise<unknown>((resolve) => video.requestVideoFrameCallback(resolve));
      await whep.stop();
      return video.videoWidth;
    }, `http://${address}/api/v1/cameras/street/whep`);
    expect(shown).toBe(768);
    const wrong = answers.filter((answer) => / [45]/.test(answer));
    expect([answers[0], answers.at(-1), wrong]).toEqual(['POST 201', 'DELETE 200', []]);
    await context.close();
  });

  test('where the packets of WebRTC do not pass, the video comes as a movie, with its age', async () => {
    const blocked = await browser.newPage();
    await blocked.addInitScript(() => {
      interface Remote {
        readonly RTCPeerConnection: {
          readonly prototype: { setRemoteDescription: (answer: { type: string; sdp: string }) => Promise<void> };
        };
      }
      const { prototype } = (globalThis as unknown as Remote).RTCPeerConnection;
      const real = prototype.setRemoteDescription;
      // The node has no address: nothing can be sent to it.
      prototype.setRemoteDescription = function withoutAddresses({ type, sdp }) {
        return real.call(this, { type, sdp: sdp.replaceAll(/a=candidate.*\r\n/g, '') });
      };
    });
    await blocked.goto(`http://${address}/#/camera/street`);
    await blocked.keyboard.press('s');
    await isShown(blocked.locator('main.cam').getByText(/^Video 0\.\d s behind$/));
    const video = blocked.locator('main.cam video');
    const shown = (): Promise<[string, number]> =>
      video.evaluate((element) => {
        const movie = element as unknown as ShownVideo & { readonly src: string };
        return [movie.src.slice(0, 5), movie.getVideoPlaybackQuality().totalVideoFrames];
      });
    const [source, before] = await shown();
    expect(source).toBe('blob:');
    await expect.poll(async () => (await shown())[1], { timeout: 20_000 }).toBeGreaterThan(before + 5);
    await isShown(blocked.locator('main.cam').getByText(/^Video [01]\.\d s behind$/));
    await blocked.close();
  });

  test('the node itself: its processes and what is wrong, with what to do and a button that does it', async () => {
    await page.getByRole('navigation').getByRole('link', { name: 'System' }).click();
    await isShown(page.getByRole('heading', { name: /problem/ }));
    await isShown(page.getByRole('row', { name: /^model ssdlite .*\d+ %/ }));
    await isShown(page.getByText(/at most ·.*GiB there/));
    const camera = `http://${address}/api/v1/cameras/stairs`;
    const body = JSON.stringify({ source: 'rtsp://127.0.0.1:1/none', name: 'Zimmer 9' });
    const row = page.locator('.problem', { hasText: 'Zimmer 9' });
    await fetch(camera, { method: 'PUT', headers: { 'content-type': 'application/json' }, body });
    await isShown(row.getByText('Check that the camera is on and the port is right'));
    const restarted = page.waitForResponse((answer) => answer.url().endsWith('/api/v1/cameras/stairs/restart'));
    await row.getByRole('button', { name: 'Restart: Zimmer 9' }).click();
    expect((await restarted).status()).toBe(200);
    await isShown(row);
    await row.getByRole('button', { name: 'Its log' }).click();
    await isShown(page.getByRole('region', { name: 'Log' }).getByText('camera:stairs', { exact: true }));
    await fetch(camera, { method: 'DELETE' });
    await row.waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await isShown(tile('Street'));
    expect(complaints).toEqual([]);
  });

  test('a model that hangs: the tile says that vigia cannot look, and heals by itself', async () => {
    process.kill(vigia.child('model-container'), 'SIGSTOP');
    await isShown(page.locator('.tile.blind', { hasText: 'Cannot look' }));
    await isShown(page.locator('.tile:not(.blind)', { hasText: /\d+ (person|people)/ }), 60_000);
    expect(complaints).toEqual([]);
  });

  test('a node that stands still: the cover hides what is not known any more, and goes when the node is back', async () => {
    await covered('0');
    process.kill(vigia.pid, 'SIGSTOP');
    await covered('1');
    process.kill(vigia.pid, 'SIGCONT');
    await covered('0');
    await isShown(tile('Street').getByText(/^\d+ (person|people)$/));
  });

  test('a killed api process costs the page nothing that comes back: without a reload, without the cover', async () => {
    const again = page.waitForEvent('websocket');
    process.kill(vigia.child('/api-process.'), 'SIGKILL');
    await again;
    await isShown(tile('Street').getByText(/^\d+ (person|people)$/));
    await covered('0');
  });

  test('a node that is gone: the cover; another one: the wall is back without a reload', async () => {
    process.kill(vigia.pid, 'SIGKILL');
    await covered('1');
    await vigia.ended();
    vigia = start();
    await covered('0');
    await isShown(tile('Street').getByText(/^\d+ (person|people)$/), 60_000);
  });
});
