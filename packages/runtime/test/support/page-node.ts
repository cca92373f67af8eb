import { SimulatedCamera } from '@vigia/testkit';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { freePort } from './programs.ts';
import { CLIP, Sandbox, Vigia } from './vigia.ts';

/** A node with one camera that a model looks at, and its page in Chromium. */
export class PageNode {
  readonly address: string;
  readonly vigia: Vigia;
  readonly page: Page;
  /** What the page threw, and what the browser complained of. */
  readonly complaints: string[] = [];
  readonly #box: Sandbox;
  readonly #camera: SimulatedCamera;
  readonly #browser: Browser;

  private constructor(address: string, parts: [Sandbox, SimulatedCamera, Vigia, Browser, Page]) {
    this.address = address;
    [this.#box, this.#camera, this.vigia, this.#browser, this.page] = parts;
    this.page.on('pageerror', (error) => this.complaints.push(error.message));
    this.page.on('console', (message) => message.type() === 'error' && this.complaints.push(message.text()));
  }

  /** @param id Of the camera. @param settings Its keys beside `source`, as YAML. Resolves when the model has answered. */
  static async start(id: string, settings: string): Promise<PageNode> {
    const box = new Sandbox();
    const camera = await SimulatedCamera.start({ clip: CLIP, fps: 10 });
    const listen = `127.0.0.1:${await freePort()}`;
    const file = box.file(
      'vigia.yml',
      `version: 1
node: ${box.node}
http: { listen: "${listen}" }
models: { ssdlite: { use: ssdlite-mobilenet-v2 } }
cameras: { ${id}: { source: "${camera.url}", ${settings} } }
`,
    );
    const vigia = new Vigia(['run', '-c', file, '--json'], { ...box.env, VIGIA_DATA_DIR: `${box.dir}/data` });
    await vigia.until('an answer', () => vigia.results.some(({ status }) => status === 'ok'));
    const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
    // For axe.
    const page = await browser.newPage({ viewport: { width: 1_440, height: 900 }, bypassCSP: true });
    return new PageNode(`http://${listen}`, [box, camera, vigia, browser, page]);
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name });
  }

  isShown(locator: Locator): Promise<void> {
    return locator.first().waitFor({ state: 'visible', timeout: 20_000 });
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.vigia.process.kill('SIGTERM');
    expect(await this.vigia.ended()).toBe(0);
    await this.#camera.close();
    expect(this.#box.leftovers()).toEqual([]);
    this.#box.remove();
  }
}
