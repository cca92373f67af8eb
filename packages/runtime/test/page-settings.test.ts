// Settings on the page, in Chromium, with real users over TLS: users, tokens, cameras, revisions.
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SimulatedCamera } from '@vigia/testkit';
import { AccessNode, PASSWORD } from './support/access-node.ts';
import { seriousIn } from './support/axe.ts';
import { CLIP } from './support/vigia.ts';

const OTTOS = 'ottos own password';

describe('in Chromium', { tags: 'full' }, () => {
  let node: AccessNode;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    node = await AccessNode.start();
    await node.holder('vera', 'viewer', 'all');
    await node.local.patchCamera({
      params: { camera: 'hall' },
      body: { consumers: { look: { worker: 'idle', enabled: false, fps: 2 } } },
    });
    const args = ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
    ({ page, context } = await loggedIn('anna', PASSWORD));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  });

  afterAll(async () => {
    await browser.close();
    expect(await node.close()).toBe(0);
  });

  /** A fresh browser with a session on the wall. */
  async function loggedIn(user: string, password: string): Promise<{ page: Page; context: BrowserContext }> {
    const fresh = await browser.newContext({
      ignoreHTTPSErrors: true,
      viewport: { width: 1_440, height: 900 },
      // For axe.
      bypassCSP: true,
    });
    const opened = await fresh.newPage();
    await opened.goto(`https://127.0.0.1:${node.port}/`);
    await opened.getByLabel('Name').fill(user);
    await opened.getByLabel('Password').fill(password);
    await opened.getByRole('button', { name: 'Log in' }).click();
    await opened.locator('article.tile').first().waitFor();
    return { page: opened, context: fresh };
  }

  const button = (name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' });
  const form = () => page.locator('.se-form');
  const focused = () => page.locator(':focus');

  async function settings(part = ''): Promise<void> {
    await page.goto(`https://127.0.0.1:${node.port}/#/settings${part}`);
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
  }

  /** What axe finds in both themes, and whether the page must be scrolled sideways on a phone. */
  async function look(): Promise<void> {
    for (let theme = 0; theme < 2; theme += 1) {
      await button('Dark or light').click();
      expect(await seriousIn(page)).toEqual([]);
    }
    await page.setViewportSize({ width: 390, height: 844 });
    // A text: the browser's types are not those of this test.
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
    await page.setViewportSize({ width: 1_440, height: 900 });
  }

  test('a viewer has no entry, and is refused at its address', async () => {
    const viewer = await loggedIn('vera', PASSWORD);
    expect(await viewer.page.getByRole('link', { name: 'Settings' }).count()).toBe(0);
    const asked: string[] = [];
    viewer.page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await viewer.page.goto(`https://127.0.0.1:${node.port}/#/settings/users`);
    await viewer.page.getByText('Only an admin of all cameras can see and change settings.').waitFor();
    expect(asked.filter((path) => /users|tokens|config/.test(path))).toEqual([]);
    await viewer.context.close();
  });

  test('an admin adds a user, who logs in; what is refused stays in the form, without its password', async () => {
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('link', { name: 'Users and roles' }).click();
    await button('Add a user').click();
    await form().getByLabel('Name').fill('vera');
    await form().getByLabel('Role').selectOption('operator');
    await form().getByLabel('only these').check();
    await form().getByLabel('Hall').check();
    await form().getByLabel('Password').fill(OTTOS);
    await form().getByRole('button', { name: 'Add a user' }).click();
    await page.getByRole('alert').filter({ hasText: 'Not saved: there is already a user "vera"' }).waitFor();
    expect(await focused().textContent()).toContain('Not saved');
    await look();
    expect(await form().getByLabel('Password').inputValue()).toBe('');
    await form().getByLabel('Name').fill('otto');
    await form().getByLabel('Password').fill(OTTOS);
    await form().getByRole('button', { name: 'Add a user' }).click();
    await page.getByText('otto is added.').waitFor();
    expect(await page.content()).not.toContain(OTTOS);
    const otto = await loggedIn('otto', OTTOS);
    expect(await otto.page.locator('article.tile').count()).toBe(1);
    await otto.context.close();
    // The form is that of otto now.
    await form().getByLabel('Role').selectOption('viewer');
    await form().getByRole('button', { name: 'Save' }).click();
    await page.getByText('otto is changed.').waitFor();
    expect((await node.local.users()).find(({ name }) => name === 'otto')).toMatchObject({
      role: 'viewer',
      cameras: ['hall'],
      password: true,
    });
  });

  test('a token is shown once, works, and is removed; so is its user', async () => {
    const authorization = async (token: string): Promise<number> =>
      (await node.raw('GET', '/api/v1/me', { authorization: `Bearer ${token}` })).status;
    await form().getByLabel('What is it for').fill('home automation');
    await form().getByLabel('Valid for days').fill('30');
    await button('Make a token').click();
    const made = page.getByLabel('The token for home automation.');
    await made.waitFor();
    const token = await made.inputValue();
    expect(await authorization(token)).toBe(200);
    await look();
    await page.getByRole('link', { name: 'Revisions' }).click();
    await page.getByRole('link', { name: 'Users and roles' }).click();
    await button('Remove home automation').waitFor();
    expect(await page.content()).not.toContain(token);
    await button('Remove home automation').click();
    await page.keyboard.press('Escape');
    expect(await authorization(token)).toBe(200);
    await button('Remove home automation').click();
    await page.locator('.se-ask').getByRole('button', { name: 'Remove home automation' }).click();
    await page.getByText('The token home automation is removed.').waitFor();
    expect(await authorization(token)).toBe(401);
    await button('Remove the user').click();
    expect(await focused().textContent()).toBe('Cancel');
    await button('Remove otto').click();
    await page.getByText('otto is removed.').waitFor();
    expect((await node.local.users()).map(({ name }) => name)).toEqual(['anna', 'vera']);
    await button('anna').click();
    await button('Remove the user').click();
    await button('Remove anna').click();
    await page.getByText('Not removed: this is the last admin of all cameras').waitFor();
  });

  test('a camera is renamed, its consumer is changed, and both are taken back', async () => {
    await settings('/cameras');
    await button('Hall').click();
    await form().getByLabel('Name').fill('Front door');
    await form().getByRole('checkbox', { name: 'look' }).check();
    await form().getByLabel('Pictures per second for look, at most').fill('0');
    await page.getByText('look: a number above 0 and up to 120, or nothing.').waitFor();
    expect(await button(/^Save as revision/).isDisabled()).toBe(true);
    await form().getByLabel('Pictures per second for look, at most').fill('0,5');
    // What was typed is not lost by a key.
    await page.keyboard.press('Escape');
    await look();
    await button('Save as revision 3').click();
    await page.getByText('Saved. Revision 3 is in force.').waitFor();
    const { document } = await node.local.config();
    expect(document['cameras']).toMatchObject({
      hall: { name: 'Front door', consumers: { look: { enabled: true, fps: 0.5 } } },
    });
    await page.getByRole('link', { name: 'Revisions' }).click();
    await page.getByText('cameras.hall.consumers.look.enabled: false → true').waitFor();
    await page.getByText(/Changed at runtime, and not in the file/).waitFor();
    await button('Go back to it: 2').click();
    await page.getByText('Go back to revision 2? That is revision 4 then.').waitFor();
    await look();
    await button('Go back to revision 2').click();
    await page.getByText('Done. Revision 4 is in force.').waitFor();
    const back = (await node.local.config()).document['cameras'] as { hall: { name?: string; consumers: object } };
    expect(back.hall.name).toBeUndefined();
    expect(back.hall.consumers).toMatchObject({ look: { enabled: false, fps: 2 } });
  });

  test('somebody else was faster: nothing is saved until it is chosen what stays', async () => {
    await settings('/cameras');
    await button('Yard').click();
    await form().getByLabel('Name').fill('Garden');
    await node.local.patchCamera({ params: { camera: 'yard' }, body: { name: 'Court' } });
    await button('Save as revision 5').click();
    await page.getByText('Not saved: revision 5 is in force, and somebody else made it.').waitFor();
    expect(await focused().textContent()).toContain('Not saved');
    expect(await form().getByLabel('Name').inputValue()).toBe('Garden');
    await look();
    await button('Show theirs, give up mine').click();
    await expect.poll(() => form().getByLabel('Name').inputValue()).toBe('Court');
    await form().getByLabel('Name').fill('Garden');
    await node.local.patchCamera({ params: { camera: 'hall' }, body: { name: 'Entrance' } });
    await button('Save as revision 6').click();
    await button('Save mine over it').click();
    await page.getByText('Saved. Revision 7 is in force.').waitFor();
    // Others change revisions while somebody is asked about them.
    await page.getByRole('link', { name: 'Revisions' }).click();
    await button('Go back to it: 6').click();
    await node.local.patchCamera({ params: { camera: 'hall' }, body: { name: 'Gate' } });
    await button('Go back to revision 6').click();
    await page.getByText('Not saved: revision 8 is in force, and somebody else made it.').waitFor();
    await page.locator('.se-back').getByText('name: "Gate"').waitFor();
    await button('Go back to revision 6').click();
    await page.getByText('Done. Revision 9 is in force.').waitFor();
  });

  test('a camera is removed, and comes back with its revision', async () => {
    await settings('/cameras');
    await button('Court').click();
    await button('Remove the camera').click();
    await page.getByText(/^Remove Court\?/).waitFor();
    await look();
    await button('Remove Court').click();
    await page.getByText('Revision 10 is in force.').waitFor();
    expect(Object.keys((await node.local.config()).document['cameras'] as object)).toEqual(['hall']);
    await page.getByRole('link', { name: 'Revisions' }).click();
    await button('Go back to it: 9').click();
    await button('Go back to revision 9').click();
    await page.getByText('Done. Revision 11 is in force.').waitFor();
    expect(Object.keys((await node.local.config()).document['cameras'] as object).toSorted()).toEqual(['hall', 'yard']);
  });

  test('a camera is tried, seen and added, with its password; a wrong one is said', { timeout: 90_000 }, async () => {
    const login = { scheme: 'digest', user: 'care', password: 'k33p/th1s' } as const;
    const camera = await SimulatedCamera.start({ clip: CLIP, path: '/Streaming/Channels/101', auth: login });
    const { host } = new URL(camera.url);
    await settings('/cameras');
    await button('Add a camera').click();
    await form().getByLabel('Address').fill(`${host}/Streaming/Channels/101`);
    await form().getByLabel('User of the camera').fill('care');
    await form().getByLabel('Its password').fill('wrong');
    await button('Try it').click();
    await form().getByText('No picture: Camera refuses the login').waitFor();
    await look();
    await form().getByLabel('Its password').fill(login.password);
    await button('Try it').click();
    const picture = form().getByRole('img', { name: 'A picture of this camera, just now' });
    await picture.waitFor();
    expect(await picture.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth)).toBe(640);
    // Its small stream is looked for, and not there.
    await expect.poll(() => form().getByLabel('Small stream').inputValue(), { timeout: 20_000 }).toBe('');
    await form().getByLabel(/^Name/).fill('Room 6');
    await form().getByText('Its id is room-6; that stays.').waitFor();
    await look();
    await button('Add as revision 12').click();
    await page.getByText('The camera is added. Revision 12 is in force.').waitFor();
    expect(await page.content()).not.toContain(login.password);
    await page.getByRole('link', { name: 'Wall' }).click();
    await page.getByRole('link', { name: 'Room 6' }).waitFor();
    const { document } = await node.local.config();
    expect((document['cameras'] as Record<string, object>)['room-6']).toMatchObject({
      source: `rtsp://***@${host}/Streaming/Channels/101`,
      name: 'Room 6',
    });
    await camera.close();
    // Refusals that the test asked for are printed by the browser.
    expect(complaints.filter((text) => !/ 4(?:00|01|09|12) /.test(text))).toEqual([]);
    await context.close();
  });
});
