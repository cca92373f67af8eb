// A screen in a corridor, in Chromium: the login that lasts, the alarm, its sound, and a node that dies under it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@vigia/client';
import { socketSender } from '@vigia/runtime/dist/services/control-client/index.js';
import { SimulatedCamera } from '@vigia/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PASSWORD } from './support/access-node.ts';
import { seriousIn } from './support/axe.ts';
import { freePort } from './support/programs.ts';
import { Sandbox, Vigia } from './support/vigia.ts';

/** Somebody walks in and falls; repeated. */
const FALL = fileURLToPath(new URL('../assets/fall.mp4', import.meta.url));
const MAIN = join(import.meta.dirname, '../bin/vigia.mjs');
const LONG = { timeout: 90_000 };

describe('in Chromium', { tags: 'full' }, () => {
  let box: Sandbox;
  let room: SimulatedCamera;
  let vigia: Vigia;
  let start: () => Vigia;
  let browser: Browser;
  let page: Page;
  let address: string;
  const asked: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    box = new Sandbox();
    room = await SimulatedCamera.start({ clip: FALL, fps: 15 });
    const port = await freePort();
    address = `http://127.0.0.1:${port}`;
    const people = 'consumers: { people: { model: ssdlite, fps: 5, sla: critical } }';
    const file = box.file(
      'vigia.yml',
      `version: 1
node: ${box.node}
http: { listen: "127.0.0.1:${port}" }
models: { ssdlite: { use: ssdlite-mobilenet-v2 } }
cameras:
  room-4: { source: "${room.url}", ${people}, rules: { fall: { from: people } } }
  stairs: { source: "rtsp://127.0.0.1:1/stairs", ${people} }
  yard: { source: "rtsp://127.0.0.1:1/yard" }
`,
    );
    for (const [user, role] of [
      ['anna', 'admin'],
      ['corridor', 'screen'],
    ] as const)
      expect(
        spawnSync(process.execPath, [MAIN, 'users', 'add', user, '--role', role, '-c', file], {
          env: { ...process.env, ...box.env },
          input: `${PASSWORD}\n`,
        }).status,
      ).toBe(0);
    start = () => new Vigia(['run', '-c', file, '--json'], box.env);
    vigia = start();
    await vigia.until('an answer', () => vigia.results.some(({ status }) => status === 'ok'));
    const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
    page = await browser.newPage({ viewport: { width: 1_920, height: 1_080 }, bypassCSP: true });
    page.on('request', (request) => asked.push(request.url()));
    page.on('websocket', (socket) => asked.push(socket.url()));
    page.on('pageerror', (error) => complaints.push(error.message));
    // What would be heard.
    await page.addInitScript({
      content: `window.tones = [];
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (at) { window.tones.push(this.frequency.value); start.call(this, at); };`,
    });
  });

  afterAll(async () => {
    await browser.close();
    vigia.process.kill('SIGTERM');
    expect(await vigia.ended()).toBe(0);
    await room.close();
    expect(box.leftovers()).toEqual([]);
    box.remove();
  });

  const tones = (): Promise<readonly number[]> => page.evaluate('window.tones');
  const shown = (text: string | RegExp): Promise<void> =>
    page
      .getByText(text)
      .first()
      .waitFor({ state: 'visible', ...LONG });

  test('without a login it says that it shows nothing; a login with its press brings the rooms, and sound', async () => {
    await page.goto(`${address}/ward`);
    await page.getByRole('alert').getByText('Nobody is logged in: this screen shows nothing.').waitFor();
    expect(await page.locator('.cw').count()).toBe(0);
    await page.getByLabel('Name').fill('corridor');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.locator('.cw-line.blind').getByText('Stairs').waitFor(LONG);
    await shown('Not watched: Yard');
    await page.locator('.cw-foot .silent').waitFor({ state: 'detached', ...LONG });
    expect(await page.locator('img, video, button, a').count()).toBe(0);
  });

  test('a fall: the room in large letters, figures in place of pictures, and two tones', {
    timeout: 100_000,
  }, async () => {
    await page.locator('.cw-go .room').getByText('Room 4').waitFor(LONG);
    await shown('Go to Room 4');
    await page.locator('.figs svg').nth(1).waitFor(LONG);
    const heights = await page.locator('.figs svg path:nth-of-type(2)').evaluateAll((all) =>
      (all as unknown as { getBBox(): { width: number; height: number } }[]).map((one) => {
        const { width, height } = one.getBBox();
        return height / width;
      }),
    );
    expect(heights.at(0)).toBeGreaterThan(1);
    expect(heights.at(-1)).toBeLessThan(heights.at(0) ?? 0);
    await expect.poll(tones, LONG).toEqual(expect.arrayContaining([880, 660]));
    for (const theme of ['dark', 'light']) {
      await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`);
      expect(await seriousIn(page)).toEqual([]);
    }
    // The person lies, and nobody sees how it goes on.
    await room.close();
    const local = createClient({ send: socketSender(join(box.runDir, 'control.sock')) });
    const [alarm] = await local.alarms();
    await local.acknowledge({ params: { event: alarm?.event ?? '' }, body: {} });
    await page
      .locator('.cw-line.alarm.ack')
      .getByText(/ is going$/)
      .waitFor(LONG);
    expect(asked.filter((url) => /whep|live|snapshot|picture|recordings/.test(url))).toEqual([]);
  });

  test('a node that dies and comes back: the cover, and then the rooms, without a hand', {
    timeout: 100_000,
  }, async () => {
    const loads = asked.filter((url) => url.endsWith('/ward')).length;
    vigia.process.kill('SIGKILL');
    await vigia.ended();
    await page.locator('.cover.here .h').getByText('Connection lost').waitFor(LONG);
    vigia = start();
    await page.locator('.cover.here').waitFor({ state: 'detached', ...LONG });
    await page.locator('.cw-line.blind').getByText('Stairs').waitFor(LONG);
    expect(asked.filter((url) => url.endsWith('/ward')).length).toBe(loads);
    const local = createClient({ send: socketSender(join(box.runDir, 'control.sock')) });
    await local.removeUser({ params: { user: 'corridor' } });
    await page.getByRole('alert').getByText('Nobody is logged in: this screen shows nothing.').waitFor(LONG);
    expect(complaints).toEqual([]);
  });
});
