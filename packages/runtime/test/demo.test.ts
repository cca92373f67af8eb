import { join } from 'node:path';
import { createClient, type ApiClient } from '@vigia/client';
import type { NodeStatus } from '@vigia/contracts';
import type { DemoBreak } from '@vigia/contracts/api';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from './support/programs.ts';
import { Sandbox, Vigia } from './support/vigia.ts';

let box: Sandbox;
let demo: Vigia;
let api: ApiClient;
let address: string;

/** One demo for all tests, as `vigia demo` starts it. */
beforeAll(async () => {
  box = new Sandbox();
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  const env = { ...box.env, VIGIA_DATA_DIR: join(box.dir, 'data') };
  demo = new Vigia(['demo', '--json', '--rtsp-port', '0', '--mqtt-port', '0', '--http-port', `${port}`], env);
  await demo.until('answers of each room', () =>
    ['room', 'bedroom', 'street'].every((id) =>
      demo.results.some(({ camera, status }) => camera === id && status === 'ok'),
    ),
  );
  api = createClient({ url: address });
});

afterAll(async () => {
  demo.process.kill('SIGTERM');
  expect(await demo.ended()).toBe(0);
  box.remove();
});

const looked = (camera: string): number =>
  demo.results.filter((result) => result.camera === camera && result.status === 'ok').length;
/** Looks that succeeded from now on. */
const looksAgain = (camera: string): Promise<unknown> => {
  const before = looked(camera);
  return demo.until(`answers of ${camera}`, () => looked(camera) > before + 3);
};
const camera = async (id: string): Promise<NodeStatus['cameras'][string] | undefined> =>
  (await api.status()).cameras[id];
const breaks = (wish: DemoBreak): Promise<unknown> => api.breakDemo({ body: wish });

test('a reload says that there is no file, and the demo goes on', async () => {
  demo.process.kill('SIGHUP');
  await demo.until('the sentence', () =>
    demo.stderr.includes('reload: the demo has no configuration file: there is nothing to reload'),
  );
  await looksAgain('room');
});

test('it says that it is a demo; the rooms are recorded, the others are not', async () => {
  const { demo: isDemo, cameras } = await api.status();
  expect(isDemo).toBe(true);
  expect(Object.entries(cameras).flatMap(([id, { recording }]) => (recording ? [id] : []))).toEqual([
    'room',
    'bedroom',
  ]);
});

test('a killed model is said at once, and another one looks again', async () => {
  const missed = (): number => demo.results.filter(({ status }) => status === 'unavailable').length;
  const before = missed();
  expect(await breaks({ what: 'model', camera: 'street' })).toEqual({ what: 'model', camera: 'street' });
  await demo.until('answers that say so', () => missed() > before);
  await Promise.all(['room', 'bedroom', 'street'].map(looksAgain));
});

test('a killed recorder leaves a gap with its reason, and records again', async () => {
  await expect.poll(async () => (await camera('room'))?.recording?.state, { timeout: 30_000 }).toBe('recording');
  const atMs = Date.now();
  await breaks({ what: 'recorder', camera: 'room' });
  const gap = async (): Promise<unknown> => {
    const { cameras } = await api.recordings({ query: { camera: 'room' } });
    return cameras['room']?.gaps.find(({ to_ms: to }) => to !== null && to > atMs)?.reason;
  };
  await expect.poll(gap, { timeout: 30_000 }).toBe('node_down');
  await looksAgain('room');
});

test('a frozen camera is noticed, and seen again when it goes on', async () => {
  await breaks({ what: 'camera', camera: 'bedroom' });
  await expect.poll(async () => (await camera('bedroom'))?.report.state, { timeout: 20_000 }).not.toBe('live');
  await looksAgain('bedroom');
});

test('what a camera does not have cannot be broken', async () => {
  const refused = async (wish: DemoBreak): Promise<string> =>
    breaks(wish).then(
      () => 'done',
      (error: unknown) => (error as Error).message,
    );
  expect(await refused({ what: 'recorder', camera: 'street' })).toBe('camera street is not recorded');
  expect(await refused({ what: 'camera', camera: 'attic' })).toMatch(/^there is no camera "attic"/);
});

describe('in Chromium', { tags: 'full' }, () => {
  let browser: Browser;
  let shown: Page;
  beforeAll(async () => {
    const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
    shown = await browser.newPage({ viewport: { width: 1_440, height: 900 } });
    await shown.goto(`${address}/#/camera/room`);
  });
  afterAll(() => browser.close());

  const sees = (text: RegExp): Promise<void> =>
    shown.locator('.breaks').getByText(text).waitFor({ state: 'visible', timeout: 40_000 });

  test('somebody goes to see, and says what it was: the record has it', async () => {
    // There may be an alarm of each of two rounds.
    const going = shown.getByRole('button', { name: 'I am going: Living room' }).first();
    const choice = shown.getByRole('combobox', { name: 'What was it in Living room?' }).first();
    // The alarm of one round of the clip ends when the person stands again in the next one.
    for (let said = false; !said; ) {
      await going.click({ timeout: 60_000 });
      said = await choice.selectOption('no_pain', { timeout: 3_000 }).then(
        () => true,
        () => false,
      );
    }
    const found = async (): Promise<unknown> => {
      const { events } = await api.events({ query: { kind: 'audit', limit: 500 } });
      return events.flatMap((event) => (event.kind === 'audit' && event.data.found ? [event.data.found] : []));
    };
    await expect.poll(found, { timeout: 10_000 }).toContainEqual({ outcome: 'no_pain' });
  });

  test.each([
    ['Kill the model', /After \d+ ms vigia said that it cannot look\..*it looked again/],
    ['Kill the recorder', /The recording has a gap of .*: the recorder was not running/],
    ['Freeze the camera', /After \d\.\d s vigia said that it cannot look\..*it looked again/],
  ])('%s: the page says what followed', async (button, said) => {
    await shown.getByRole('button', { name: button }).click();
    await sees(said);
  });
});
