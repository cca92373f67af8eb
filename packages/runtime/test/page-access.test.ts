// Who may do what on the page, in Chromium: over TLS, with real users.
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessNode, PASSWORD } from './support/access-node.ts';

describe('in Chromium', { tags: 'full' }, () => {
  let node: AccessNode;
  let browser: Browser;
  beforeAll(async () => {
    node = await AccessNode.start();
    await node.holder('vera', 'viewer', 'all');
    await node.holder('otto', 'operator', ['hall']);
    await node.holder('corridor', 'screen', 'all');
    const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  });
  afterAll(async () => {
    await browser.close();
    expect(await node.close()).toBe(0);
  });

  /** A fresh browser, and what it asked the node for. */
  async function opened(): Promise<{
    readonly page: Page;
    readonly context: BrowserContext;
    readonly asked: string[];
  }> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1_440, height: 900 } });
    const page = await context.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    page.on('websocket', (socket) => asked.push(socket.url()));
    await page.goto(`https://127.0.0.1:${node.port}/`);
    return { page, context, asked };
  }

  async function logIn(page: Page, user: string, password = PASSWORD): Promise<void> {
    await page.getByLabel('Name').fill(user);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
  }

  const tiles = (page: Page): Promise<readonly (string | null)[]> =>
    page
      .locator('article.tile')
      .evaluateAll((all) =>
        all.map((tile) =>
          (tile as unknown as { getAttribute(name: string): string | null }).getAttribute('aria-label'),
        ),
      );

  test('without a login nothing is shown; a wrong password is said; a viewer looks, and restarts nothing', async () => {
    const { page, context, asked } = await opened();
    await page.getByLabel('Password').waitFor();
    expect(asked.filter((path) => /status|stream|cameras/.test(path))).toEqual([]);
    await logIn(page, 'vera', 'not the password');
    await page.getByRole('alert').waitFor();
    expect(await page.locator('article.tile').count()).toBe(0);
    await logIn(page, 'vera');
    await page.locator('article.tile').nth(1).waitFor();
    expect(new Set(await tiles(page))).toEqual(new Set(['Hall', 'Yard']));
    await page.goto(`https://127.0.0.1:${node.port}/#/camera/hall`);
    await page.getByRole('link', { name: 'Picture' }).waitFor();
    expect(await page.getByRole('button', { name: 'Restart camera' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Zones' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Password').waitFor();
    await page.reload();
    await page.getByLabel('Password').waitFor();
    await context.close();
  });

  test('an operator of one camera sees that one, and restarts it; who is removed is out at once', async () => {
    const { page, context } = await opened();
    await logIn(page, 'otto');
    await page.locator('article.tile').waitFor();
    expect(await tiles(page)).toEqual(['Hall']);
    await page.goto(`https://127.0.0.1:${node.port}/#/camera/hall`);
    const restarted = page.waitForResponse((answer) => answer.url().endsWith('/api/v1/cameras/hall/restart'));
    await page.getByRole('button', { name: 'Restart camera' }).click();
    expect((await restarted).status()).toBe(200);
    expect(await page.getByRole('link', { name: 'Zones' }).count()).toBe(0);
    await page.goto(`https://127.0.0.1:${node.port}/#/camera/yard`);
    await page.getByText('This node has no camera Yard.').waitFor();
    await node.local.removeUser({ params: { user: 'otto' } });
    await page.getByLabel('Password').waitFor();
    await context.close();
  });

  test('a screen in a corridor shows states, and asks for no picture', async () => {
    const { page, context, asked } = await opened();
    await logIn(page, 'corridor');
    await page.locator('article.tile').nth(1).waitFor();
    expect(await page.locator('article.tile img').count()).toBe(0);
    await page.goto(`https://127.0.0.1:${node.port}/#/camera/hall`);
    await page.locator('main.cam h1').waitFor();
    expect(await page.getByRole('link', { name: 'Picture' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'System' }).count()).toBe(0);
    expect(asked.filter((path) => /whep|live|snapshot|picture/.test(path))).toEqual([]);
    await context.close();
  });
});
