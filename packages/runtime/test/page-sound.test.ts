/** @module-tag full */
import { join } from 'node:path';
import { SimulatedCamera } from '@vigia/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from './support/programs.ts';
import { CLIP, Sandbox, Vigia } from './support/vigia.ts';

let box: Sandbox;
let cameras: SimulatedCamera[];
let vigia: Vigia;
let browser: Browser;
let page: Page;
let address: string;
/** What the page threw, and what the browser complained of. */
const complaints: string[] = [];

/** `hall` is recorded, and has sound; `yard` has sound too, and is not recorded. */
beforeAll(async () => {
  box = new Sandbox();
  cameras = await Promise.all([1, 2].map(() => SimulatedCamera.start({ clip: CLIP, audio: 'pcma' })));
  const port = await freePort();
  address = `127.0.0.1:${port}`;
  const [hall, yard] = cameras.map(({ url }) => url);
  const text = `version: 1
node: ${box.node}
http: { listen: "${address}" }
cameras:
  hall: { source: "${hall}", record: { mode: always } }
  yard: { source: "${yard}" }
`;
  const env = { ...box.env, VIGIA_DATA_DIR: join(box.dir, 'data') };
  vigia = new Vigia(['run', '-c', box.file('vigia.yml', text), '--json'], env);
  await vigia.until('live cameras', () =>
    ['hall', 'yard'].every((id) =>
      vigia.lines.some((line) => line.type === 'camera_state' && line.camera === id && line.state === 'live'),
    ),
  );
  const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  page = await browser.newPage({ viewport: { width: 1_440, height: 900 } });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A session that ended with its connection cannot be ended once more.
    if (message.type() === 'error' && !/ 404 /.test(message.text())) complaints.push(message.text());
  });
  await page.addInitScript(() => {
    const world = globalThis as unknown as InPage;
    const Real = world.RTCPeerConnection;
    world.streams = {};
    world.RTCPeerConnection = class extends Real {
      constructor() {
        super();
        world.peer = this;
        this.addEventListener('track', ({ track, streams }) => {
          world.streams[track.kind] = streams.map(({ id }) => id);
        });
      }
    };
  });
});

afterAll(async () => {
  await browser.close();
  vigia.process.kill('SIGTERM');
  expect(await vigia.ended()).toBe(0);
  await Promise.all(cameras.map((camera) => camera.close()));
  expect(box.leftovers()).toEqual([]);
  box.remove();
});

/** What the test uses inside the page. */
interface InPage {
  RTCPeerConnection: new () => Connection;
  peer: Connection;
  /** The streams of the newest track of each kind. */
  streams: Record<string, string[]>;
}

interface Connection {
  addEventListener(
    type: 'track',
    listener: (event: {
      readonly track: { readonly kind: string };
      readonly streams: { readonly id: string }[];
    }) => void,
  ): void;
  getStats(): Promise<Map<string, Received>>;
}

interface Received {
  readonly type: string;
  readonly kind: string;
  readonly bytesReceived: number;
  readonly totalAudioEnergy?: number;
}

function received(kind: 'audio' | 'video'): Promise<Received | undefined> {
  return page.evaluate(async (wanted) => {
    const reports = await (globalThis as unknown as InPage).peer.getStats();
    return [...reports.values()].find((report) => report.type === 'inbound-rtp' && report.kind === wanted);
  }, kind);
}

async function look(camera: string): Promise<void> {
  await page.goto(`http://${address}/#/camera/${camera}`);
  await page.keyboard.press('s');
  await page
    .locator('main.cam')
    .getByText(/^Video 0\.\d s behind$/)
    .waitFor();
}

const button = (): ReturnType<Page['getByRole']> => page.getByRole('button', { name: 'Sound' });
const pressed = (): Promise<string | null> => button().getAttribute('aria-pressed');

test('the sound of a recorded camera is heard once somebody wants it, and the pictures do not wait for it', async () => {
  await look('hall');
  expect(await pressed()).toBe('false');
  const silent = await received('audio');
  expect(silent?.totalAudioEnergy ?? 0).toBe(0);
  await expect.poll(async () => (await received('audio'))?.bytesReceived).toBeGreaterThan(silent?.bytesReceived ?? 0);
  // A browser brings the tracks of a stream in step, and holds pictures back for it: here each has its own.
  const streams = await page.evaluate(() => (globalThis as unknown as InPage).streams);
  expect(streams).toEqual({ video: ['vigia'], audio: ['vigia-sound'] });
  await button().focus();
  await page.keyboard.press('Enter');
  expect(await pressed()).toBe('true');
  await expect.poll(async () => (await received('audio'))?.totalAudioEnergy, { timeout: 10_000 }).toBeGreaterThan(0);
  await page
    .locator('main.cam')
    .getByText(/^Video 0\.\d s behind$/)
    .waitFor();
  // The sound ends with the video, and begins muted again.
  await page.keyboard.press('w');
  await button().waitFor({ state: 'detached' });
  await page.keyboard.press('s');
  await button().waitFor();
  expect([await pressed(), complaints]).toEqual(['false', []]);
});

test('no button for a camera without sound, and none on the wall', async () => {
  await look('yard');
  expect(await button().count()).toBe(0);
  await page.keyboard.press('Escape');
  await page.locator('article.tile').first().waitFor();
  expect([await page.locator('audio').count(), complaints]).toEqual([0, []]);
});
