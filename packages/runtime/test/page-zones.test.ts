// Zones that are drawn on the page, in Chromium: by mouse and by keyboard, saved, and refused.
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriousIn } from './support/axe.ts';
import { PageNode } from './support/page-node.ts';

type Point = readonly [number, number];

interface Settings {
  readonly zones: Record<string, { readonly kind: string; readonly points: readonly Point[] }>;
  readonly rules?: object;
}

describe('in Chromium', { tags: 'full' }, () => {
  let node: PageNode;
  let page: Page;
  let address: string;

  beforeAll(async () => {
    node = await PageNode.start(
      'room',
      'consumers: { people: { model: ssdlite, fps: 1 } }, zones: { bed: { kind: bed, points: [[0.1, 0.1], [0.3, 0.1], [0.3, 0.3], [0.1, 0.3]] } }, rules: { bed: { from: people, zone: bed } }',
    );
    ({ page, address } = node);
    await page.goto(`${address}/#/camera/room`);
  });

  afterAll(() => node.close());

  const still = (): Locator => page.getByRole('img', { name: 'A still of Room' });
  const button = (name: string | RegExp): Locator => node.button(name);
  const isShown = (locator: Locator): Promise<void> => node.isShown(locator);
  const settings = async (): Promise<Settings> => {
    const answer = await fetch(`${address}/api/v1/config`);
    return ((await answer.json()) as { document: { cameras: { room: Settings } } }).document.cameras.room;
  };
  /** Where a share of the picture is on the screen. */
  const at = async ([x, y]: Point): Promise<Point> => {
    const { x: left, y: top, width, height } = (await still().boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    return [left + x * width, top + y * height];
  };

  test('a zone is drawn with the mouse, and its corners are moved with mouse and keys', async () => {
    await page.getByRole('link', { name: 'Zones' }).click();
    await isShown(still());
    await page.keyboard.press('f');
    const corners: Point[] = [
      [0.2, 0.6],
      [0.8, 0.6],
      [0.9, 0.9],
      [0.1, 0.9],
    ];
    for (const corner of [...corners, corners[0] as Point]) await page.mouse.click(...(await at(corner)));
    await page.mouse.move(...(await at([0.8, 0.6])));
    await page.mouse.down();
    await page.mouse.move(...(await at([0.75, 0.55])), { steps: 3 });
    await page.mouse.move(...(await at([0.7, 0.5])), { steps: 3 });
    await page.mouse.up();
    await button('floor, corner 4 of 4').focus();
    // The picture is 768 wide.
    for (let n = 0; n < 4; n += 1) await page.keyboard.press('Shift+ArrowLeft');
    await button('Save as revision 2').click();
    await isShown(page.getByText('Saved. Revision 2 is in force.'));
    const { zones } = await settings();
    const wanted = [corners[0], [0.7, 0.5], corners[2], [0.1 - 40 / 768, 0.9]].flat() as number[];
    const found = (zones['floor']?.points ?? []).flat();
    expect(found).toHaveLength(8);
    found.forEach((share, i) => expect(Math.abs(share - (wanted[i] ?? 9))).toBeLessThan(0.01));
    expect(zones['floor']?.kind).toBe('floor');
    expect(zones['bed']?.points).toHaveLength(4);
  });

  test('a zone is renamed with its rule; steps are taken back; one that a rule needs stays', async () => {
    await button('bed, bed').click();
    await page.getByLabel('Name').fill('mum');
    await page.getByLabel('Name').press('Enter');
    await isShown(button('mum, bed'));
    await button('mum, bed').focus();
    await page.keyboard.press('Delete');
    await page.keyboard.press('Control+z');
    await isShown(button('mum, bed'));
    await button('mum, bed').click();
    await page.getByLabel('Bed alarm', { exact: true }).selectOption('away');
    await page.getByLabel('Away for', { exact: true }).fill('20m');
    await page.getByLabel('Who comes and goes', { exact: true }).selectOption('empty');
    await page.getByRole('checkbox', { name: 'Alarm when somebody falls' }).check();
    await button('Save as revision 3').click();
    await isShown(page.getByText('Saved. Revision 3 is in force.'));
    const { zones, rules } = await settings();
    expect(Object.keys(zones).toSorted()).toEqual(['floor', 'mum']);
    expect(rules).toMatchObject({
      bed: { from: 'people', zone: 'mum', alarm: 'away', away: '20m' },
      visits: { from: 'people', zones: { mum: { alarm: 'empty', after: '12h' } } },
      fall: { from: 'people', long_lie: '10s' },
    });
    await button('Remove mum').click();
    await button('Save as revision 4').click();
    await isShown(page.getByText(/^Not saved: .*rules\.bed\.zone/));
    await button('Discard').click();
    await isShown(button('mum, bed'));
    expect(node.complaints.filter((text) => !/ 40[09] /.test(text))).toEqual([]);
    node.complaints.length = 0;
  });

  test('somebody else was faster: nothing is saved until it is chosen whose zones stay', async () => {
    await button('floor, floor').focus();
    await page.keyboard.press('ArrowUp');
    const headers = { 'content-type': 'application/json' };
    const theirs = {
      zones: {
        door: {
          kind: 'area',
          points: [
            [0.5, 0.1],
            [0.6, 0.1],
            [0.6, 0.3],
          ],
        },
      },
    };
    const made = await fetch(`${address}/api/v1/cameras/room`, {
      method: 'PATCH',
      headers,
      body: JSON.stringify(theirs),
    });
    expect(made.status).toBe(200);
    await button('Save as revision 4').click();
    await isShown(page.getByText('Not saved: revision 4 is in force, and somebody else made it.'));
    expect(await seriousIn(page)).toEqual([]);
    await button('Save mine over it').click();
    await isShown(page.getByText('Saved. Revision 5 is in force.'));
    expect(Object.keys((await settings()).zones).toSorted()).toEqual(['door', 'floor', 'mum']);
    await isShown(button('door, area'));
    // Once for a chosen zone, once for the view.
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await isShown(page.locator('main.cam'));
    expect(node.complaints.filter((text) => !/ 412 /.test(text))).toEqual([]);
  });
});
