// The page with 32 cameras in Chromium: each box lies on the picture that it was made from; nothing has to be scrolled; nothing
// that axe finds serious.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { loadClip, SimulatedCamera } from '@vigia/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousIn } from './support/axe.ts';
import { MARKED, NUMBER, squareOf, writeMarkedClip } from './support/marked-clip.ts';
import { freePort } from './support/programs.ts';
import { Sandbox, Vigia } from './support/vigia.ts';

const CAMERAS = 32;
const SQUARE = fileURLToPath(new URL('agents/square.mjs', import.meta.url));
/** A box may be so far from what it is about, in pixels of the screen: the limit of what anybody notices. */
const AWAY_PX = 8;
const VIEWS = ['', '#/camera/c7', '#/camera/c7/zones', '#/events', '#/system', '#/settings'] as const;

/** One look at a picture and its box. */
interface Look {
  /** Read from the pixels on the screen. */
  readonly number: number;
  /** The box's upper left corner, and the width of the picture, in the overlay's units. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  /** Pixels of the screen per unit. */
  readonly scale: number;
}

/** What the tests use inside a page. */
interface InPage {
  readonly document: {
    querySelectorAll(selector: string): Iterable<PageElement>;
    createElement(name: 'canvas'): PageCanvas;
    readonly documentElement: { readonly scrollWidth: number; readonly scrollHeight: number };
  };
  readonly innerWidth: number;
  readonly innerHeight: number;
  readonly requestAnimationFrame: (then: () => void) => void;
}
interface PageElement {
  readonly naturalWidth: number;
  querySelector(selector: string): PageElement | null;
  getAttribute(name: string): string | null;
  getBoundingClientRect(): {
    readonly width: number;
    readonly top: number;
    readonly bottom: number;
    readonly left: number;
    readonly right: number;
  };
}
interface PageCanvas {
  width: number;
  height: number;
  getContext(
    kind: '2d',
    options: object,
  ): {
    drawImage(image: PageElement, ...at: readonly number[]): void;
    getImageData(...at: readonly number[]): { readonly data: Uint8Array };
  };
}

/** Looks at every picture that has a box, at so many frames of the screen. */
async function looksAt(page: Page, where: string, frames: number): Promise<Look[]> {
  return page.evaluate(
    async ({ selector, frames: count, bits, side, clipWidth }) => {
      const { document, requestAnimationFrame } = globalThis as unknown as InPage;
      const canvas = document.createElement('canvas');
      Object.assign(canvas, { width: bits, height: 1 });
      const context = canvas.getContext('2d', { willReadFrequently: true });
      const looks: Look[] = [];
      for (let frame = 0; frame < count; frame += 1) {
        await new Promise<void>((resolve) => requestAnimationFrame(resolve));
        for (const tile of document.querySelectorAll(selector)) {
          const [image, overlay] = [tile.querySelector('img'), tile.querySelector('svg.ov')];
          const box = /^M([\d.]+) ([\d.]+)/.exec(overlay?.querySelector('.bx')?.getAttribute('d') ?? '');
          if (image === null || overlay === null || box === null) continue;
          const unit = (image.naturalWidth / clipWidth) * side;
          context.drawImage(image, 0, 0, bits * unit, unit, 0, 0, bits, 1);
          const { data } = context.getImageData(0, 0, bits, 1);
          let number = 0;
          for (let bit = 0; bit < bits; bit += 1) number = number * 2 + ((data[bit * 4] ?? 0) > 127 ? 1 : 0);
          const width = Number(overlay.getAttribute('viewBox')?.split(' ')[2]);
          const scale = overlay.getBoundingClientRect().width / width;
          looks.push({ number, x: Number(box[1]), y: Number(box[2]), width, scale });
        }
      }
      return looks;
    },
    { selector: where, frames, ...NUMBER, clipWidth: MARKED.width },
  );
}

/** How far a box is from where the square of a picture is, pixels of the screen. */
function awayOf({ x, y, width, scale }: Look, number: number): number {
  const square = squareOf(number);
  const unit = width / MARKED.width;
  return Math.hypot(x - square.x * unit, y - square.y * unit) * scale;
}

describe('a ward of 32 cameras in Chromium', { tags: 'full' }, () => {
  let box: Sandbox;
  let cameras: SimulatedCamera[];
  let vigia: Vigia;
  let browser: Browser;
  let address: string;
  const complaints: string[] = [];

  async function open(path: string, size: { readonly width: number; readonly height: number }): Promise<Page> {
    const page = await browser.newPage({ viewport: size });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(`${address}/${path}`);
    return page;
  }

  beforeAll(async () => {
    box = new Sandbox();
    const path = join(box.dir, 'marked.mp4');
    writeMarkedClip(path);
    const clip = await loadClip(path);
    cameras = await Promise.all(Array.from({ length: CAMERAS }, () => SimulatedCamera.start({ clip, fps: 2 })));
    address = `http://127.0.0.1:${await freePort()}`;
    const entries = cameras.map(
      ({ url }, i) => `  c${i}: { name: Room ${i + 1}, source: "${url}", consumers: { find: { worker: square } } }`,
    );
    const { width, height } = MARKED;
    const text = `version: 1
node: ${box.node}
http: { listen: "${address.slice(7)}" }
workers: { square: { module: ${SQUARE}, input: { format: GRAY8, width: ${width}, height: ${height} } } }
cameras:
${entries.join('\n')}
`;
    vigia = new Vigia(['run', '-c', box.file('vigia.yml', text), '--json'], box.env);
    const answers = (): number => new Set(vigia.results.map(({ camera }) => camera)).size;
    await vigia.until('all cameras are looked at', () => answers() === CAMERAS, 120_000);
    const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  });

  afterAll(async () => {
    await browser.close();
    vigia.process.kill('SIGTERM');
    expect(await vigia.ended(60_000)).toBe(0);
    await Promise.all(cameras.map((camera) => camera.close()));
    expect(box.leftovers()).toEqual([]);
    box.remove();
  });

  test('all are in sight without scrolling, each with its boxes on the picture that they were made from', async () => {
    const page = await open('', { width: 1_440, height: 900 });
    const tiles = page.locator('article.tile:has(.ov .bx[d^="M"])');
    await expect.poll(() => tiles.count(), { timeout: 60_000 }).toBe(CAMERAS);
    const [wide, high] = await page.evaluate(() => {
      const { document, innerWidth, innerHeight } = globalThis as unknown as InPage;
      const { scrollWidth, scrollHeight } = document.documentElement;
      return [scrollWidth - innerWidth, scrollHeight - innerHeight];
    });
    expect([wide, high]).toEqual([0, 0]);
    const looks = await looksAt(page, 'article.tile', 200);
    expect(new Set(looks.map(({ number }) => number)).size).toBeGreaterThan(3);
    expect(looks.filter((look) => awayOf(look, look.number) > AWAY_PX)).toEqual([]);
    // A box of another picture would have been seen.
    for (const look of looks.slice(0, 100))
      for (const other of [1, 2, 3]) expect(awayOf(look, look.number + other)).toBeGreaterThan(AWAY_PX);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('a large picture has its own boxes, too', async () => {
    const page = await open('#/camera/c7', { width: 1_440, height: 900 });
    await page.locator('main.cam').waitFor();
    await page.keyboard.press('w');
    await page.locator('main.cam .ov .bx[d^="M"]').waitFor({ state: 'attached' });
    const looks = await looksAt(page, 'main.cam .pic', 200);
    expect(new Set(looks.map(({ number }) => number)).size).toBeGreaterThan(3);
    expect(looks.filter((look) => awayOf(look, look.number) > AWAY_PX)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each([390, 768, 1_024, 1_920])(
    '%i pixels wide: nothing is wider than the screen',
    async (width) => {
      for (const view of VIEWS) {
        const page = await open(view, { width, height: 844 });
        await page.getByRole('heading', { level: 1 }).or(page.locator('article.tile')).first().waitFor();
        const over = await page.evaluate(() => {
          const { document, innerWidth } = globalThis as unknown as InPage;
          return document.documentElement.scrollWidth - innerWidth;
        });
        expect([view, over]).toEqual([view, 0]);
        await page.close();
      }
      expect(complaints).toEqual([]);
    },
    60_000,
  );

  test.each(['dark', 'light'])(
    'axe finds nothing serious, in %s',
    async (theme) => {
      const context = await browser.newContext({ viewport: { width: 1_440, height: 900 }, bypassCSP: true });
      await context.addInitScript((chosen) => {
        const { localStorage } = globalThis as unknown as { localStorage: { setItem(key: string, to: string): void } };
        localStorage.setItem('vigia.theme', chosen);
      }, theme);
      for (const view of VIEWS) {
        const page = await context.newPage();
        await page.goto(`${address}/${view}`);
        await page.getByRole('heading', { level: 1 }).or(page.locator('article.tile .ov .bx')).first().waitFor();
        const found = await seriousIn(page);
        expect([view, found]).toEqual([view, []]);
        await page.close();
      }
      await context.close();
    },
    90_000,
  );

  test('a screen in a corridor has all of them in sight, seen or not, on any screen', {
    timeout: 120_000,
  }, async () => {
    const page = await open('ward', { width: 1_920, height: 1_080 });
    /** Of the lines and cells, those that lie inside the list of cameras and the screen. */
    const inSight = (selector: string): Promise<number> =>
      page.evaluate((lines) => {
        const { document, innerWidth } = globalThis as unknown as InPage;
        const [list] = [...document.querySelectorAll('.cw-list')];
        const end = list?.getBoundingClientRect().bottom ?? 0;
        return [...document.querySelectorAll(lines)].filter((one) => {
          const { top, bottom, left, right } = one.getBoundingClientRect();
          return top >= 0 && bottom <= end + 1 && left >= 0 && right <= innerWidth + 1;
        }).length;
      }, selector);
    const onEach = async (selector: string, count: number): Promise<void> => {
      for (const [width, height] of [
        [1_920, 1_080],
        [1_280, 1_024],
        [2_560, 1_080],
        [800, 1_280],
      ] as const) {
        await page.setViewportSize({ width, height });
        await expect.poll(() => page.locator(selector).count(), { timeout: 60_000 }).toBe(count);
        expect([width, height, await inSight(selector)]).toEqual([width, height, count]);
      }
    };
    // One cell more says how many are seen properly.
    await onEach('.cw-cell', CAMERAS + 1);
    await Promise.all(cameras.map((camera) => camera.close()));
    await onEach('.cw-line.blind', CAMERAS);
    expect(await page.locator('.cw-line.blind').first().innerText()).toContain('Cannot look: ');
    await page.close();
  });
});
