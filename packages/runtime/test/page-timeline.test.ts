// The timeline of the page, in Chromium: what was recorded is played from any time on, across a gap, and saved as a clip.
import { execFileSync } from 'node:child_process';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousIn } from './support/axe.ts';
import { PageNode } from './support/page-node.ts';

interface ShownVideo {
  readonly currentTime: number;
  readonly buffered: { readonly length: number };
  getVideoPlaybackQuality(): { readonly totalVideoFrames: number };
}

/** What the tests use inside a page. */
interface InPage {
  readonly document: { readonly documentElement: { readonly scrollWidth: number } };
  readonly innerWidth: number;
}

interface Recorded {
  readonly spans: readonly { readonly from_ms: number; readonly to_ms: number }[];
}

describe('in Chromium', { tags: 'full' }, () => {
  let node: PageNode;
  let page: Page;
  let address: string;
  /** When the first picture was taken that was answered. */
  let answeredMs: number;

  beforeAll(async () => {
    node = await PageNode.start('hall', 'record: { mode: always }, consumers: { people: { model: ssdlite, fps: 2 } }');
    ({ page, address } = node);
    // The model may have taken longer to load than the camera to be recorded.
    answeredMs = Date.parse(node.vigia.results.find(({ status }) => status === 'ok')?.captured_at ?? '');
    await until('8 s of answered footage', async () => ((await spans()).at(-1)?.to_ms ?? 0) > answeredMs + 8000);
  });

  afterAll(() => node.close());

  const button = (name: string | RegExp): Locator => node.button(name);
  const isShown = (locator: Locator): Promise<void> => node.isShown(locator);
  const spans = async (): Promise<Recorded['spans']> => {
    const answer = await fetch(`${address}/api/v1/recordings`);
    return ((await answer.json()) as { cameras: { hall?: Recorded } }).cameras.hall?.spans ?? [];
  };
  const video = (): Promise<{ readonly at: number; readonly frames: number }> =>
    page.locator('.tl video').evaluate((element) => {
      const shown = element as unknown as ShownVideo;
      return { at: shown.currentTime, frames: shown.getVideoPlaybackQuality().totalVideoFrames };
    });
  async function until(what: string, look: () => Promise<boolean>): Promise<void> {
    for (const endMs = performance.now() + 20_000; !(await look()); )
      if (performance.now() > endMs) throw new Error(`watchdog: ${what} did not happen`);
  }
  const open = async (ms: number): Promise<void> => {
    await page.goto(`${address}/#/timeline/hall/${new Date(ms).toISOString()}`);
    await page.reload();
    await until('a picture', async () => (await video()).frames > 0);
  };

  test('a time is played, with what vigia knew then', async () => {
    await open(answeredMs + 2000);
    await isShown(page.getByRole('row', { name: /^people (\d+ (person|people)|Nobody)/ }));
    const before = await video();
    await button('Play').click();
    await until('3 s of video', async () => (await video()).at > before.at + 3);
    expect((await video()).frames - before.frames).toBeGreaterThan(15);
    await page.keyboard.press('k');
    await isShown(button('Play'));
    const paused = (await video()).at;
    await page.keyboard.press('.');
    await until('the next picture', async () => (await video()).at > paused);
    expect((await video()).at - paused).toBeLessThan(0.5);
    expect(node.complaints).toEqual([]);
  });

  test('a gap is skipped, and its reason is said', async () => {
    for (const { pid, command } of node.vigia.children())
      if (command.includes('ingest-process')) process.kill(pid, 'SIGKILL');
    await until('a second span of 4 s', async () => {
      const [, second] = await spans();
      return second !== undefined && second.to_ms - second.from_ms > 4000;
    });
    const [first, second] = await spans();
    await open((first?.to_ms ?? 0) - 1500);
    const before = await video();
    await button('Play').click();
    const gapS = ((second?.from_ms ?? 0) - (first?.to_ms ?? 0)) / 1000;
    expect(gapS).toBeGreaterThan(0.1);
    await until('the picture behind the gap', async () => (await video()).at > before.at + 1.5 + gapS + 1);
    await page.keyboard.press('k');
    const bar = page.getByRole('slider', { name: 'Time in the recording of Hall' });
    expect(await bar.getAttribute('aria-valuetext')).toMatch(/^\d\d:\d\d:\d\d$/);
    expect(node.complaints).toEqual([]);
  });

  test('a clip is chosen with keys, and what is saved is what it says', async () => {
    const [, second] = await spans();
    await open((second?.from_ms ?? 0) + 1000);
    await page.keyboard.press('i');
    await page.keyboard.press('.');
    await page.keyboard.press('o');
    await isShown(page.getByText(/^\d+\.\d MB, not encoded again$/));
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Save clip' }).click(),
    ]);
    expect(saved.suggestedFilename()).toMatch(/-hall-.*\.mp4$/);
    expect(await saved.failure()).toBeNull();
    const [zip] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Save as evidence' }).click(),
    ]);
    expect(zip.suggestedFilename()).toMatch(/^hall_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.zip$/);
    const names = execFileSync('unzip', ['-Z1', await zip.path()], { encoding: 'utf8' });
    expect(names).toBe('README.txt\nclip.jsonl\nclip.mp4\nSHA256SUMS\n');
    expect(await seriousIn(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    const wider = await page.evaluate(() => {
      const { document, innerWidth } = globalThis as unknown as InPage;
      return document.documentElement.scrollWidth - innerWidth;
    });
    expect(wider).toBe(0);
    await page.keyboard.press('Escape');
    await isShown(page.locator('article.tile'));
    expect(node.complaints).toEqual([]);
  });
});
