import { beforeEach, expect, test } from 'vitest';
import { ZonesScreen } from './zones-screen.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly options: { readonly body?: unknown; readonly ifMatch?: number };
  answer(status: number, body: unknown): Promise<void>;
}

const POINTS = [
  [0.1, 0.1],
  [0.5, 0.1],
  [0.5, 0.5],
  [0.1, 0.5],
];
const nowMs = (): number => 1000;

let asked: Asked[];
let pictures: ({ readonly url: string } | { readonly refused: string })[];
let forgotten: string[];
let screen: ZonesScreen;

async function settled(): Promise<void> {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
}

beforeEach(() => {
  [asked, pictures, forgotten] = [[], [], []];
  screen = new ZonesScreen(
    'hall',
    {
      request: (method, path, options) =>
        new Promise((resolve) => {
          asked.push({
            method,
            path,
            options,
            answer: async (status, body) => {
              resolve({ status, body });
              await settled();
            },
          });
        }),
      picture: () => Promise.resolve(pictures.shift() ?? { refused: 'the camera is away' }),
      forget: (url) => void forgotten.push(url),
    },
    () => 'token',
  );
});

const last = (): Asked => asked.at(-1) as Asked;
const document = (revision: number, zones: object): object => ({
  revision,
  document: { cameras: { hall: { zones } } },
});

/** The node has a bed, in revision 3. */
async function opened(): Promise<void> {
  pictures = [{ url: 'one' }];
  screen.open(nowMs);
  await last().answer(200, document(3, { bed: { kind: 'bed', points: POINTS } }));
}

test('shows the zones in force and a picture of now; without one it says why', async () => {
  await opened();
  expect(screen.zones.value).toMatchObject([{ id: 'bed', kind: 'bed', points: POINTS }]);
  expect(screen.still.value).toEqual({ url: 'one', atMs: 1000 });
  await screen.look(nowMs);
  // The one before is still good to draw on.
  expect([screen.still.value?.url, screen.noStill.value, forgotten]).toEqual(['one', 'the camera is away', []]);
  pictures = [{ url: 'two' }];
  await screen.look(nowMs);
  expect([screen.still.value?.url, screen.noStill.value, forgotten]).toEqual(['two', '', ['one']]);
  screen.close();
  expect([screen.still.value, forgotten]).toEqual([null, ['one', 'two']]);
});

test('a refusal is said, and there is nothing to draw', async () => {
  screen.open(nowMs);
  await last().answer(403, { error: { message: 'an operator may' } });
  expect([screen.failed.value, screen.zones.value]).toEqual(['an operator may', null]);
});

test('a zone is drawn corner by corner, and the first one closes it', async () => {
  await opened();
  screen.pick('floor');
  screen.press([0.2, 0.6]);
  screen.press([0.8, 0.6]);
  // Too early to close: nothing happens.
  screen.press([0.2, 0.6]);
  expect(screen.outline.value).toHaveLength(2);
  screen.press([0.8, 1.4]);
  screen.press([0.205, 0.595]);
  expect(screen.zones.value?.at(-1)).toEqual({
    id: 'floor',
    from: null,
    kind: 'floor',
    points: [
      [0.2, 0.6],
      [0.8, 0.6],
      [0.8, 1],
    ],
  });
  expect([screen.tool.value, screen.chosen.value, screen.outline.value]).toEqual(['choose', 'floor', []]);
  screen.undo();
  expect([screen.zones.value?.length, screen.chosen.value]).toEqual([1, null]);
});

test('without a pointer a zone begins as a square; a step back takes a corner of what is being drawn', async () => {
  await opened();
  screen.pick('bed');
  screen.press([0.2, 0.6]);
  expect(screen.takeBack()).toBe(true);
  expect(screen.takeBack()).toBe(false);
  screen.closeOutline();
  expect(screen.zones.value?.at(-1)).toMatchObject({ id: 'bed-2', kind: 'bed' });
  expect(screen.zones.value?.at(-1)?.points).toHaveLength(4);
});

test('what is dragged is one step when it is let go, and none when it is not', async () => {
  await opened();
  screen.dragCorner('bed', 0, [0.2, 0.2]);
  screen.dragCorner('bed', 0, [0.3, 0.3]);
  expect(screen.zones.value?.[0]?.points[0]).toEqual([0.3, 0.3]);
  screen.cancelDrag();
  screen.drop({ kind: 'corner', zone: 'bed' });
  expect([screen.zones.value?.[0]?.points, screen.isDirty]).toEqual([POINTS, false]);
  screen.dragZone('bed', [0.1, 0.1]);
  screen.dragZone('bed', [0.2, 0.2]);
  screen.drop({ kind: 'moved', zone: 'bed' });
  expect(screen.steps.value).toEqual([{ kind: 'moved', zone: 'bed' }]);
  expect(screen.zones.value?.[0]?.points[0]).toEqual([0.3, 0.3]);
});

test('a zone keeps three corners, and gets no more than 32', async () => {
  await opened();
  screen.removeCorner('bed', 0);
  screen.removeCorner('bed', 0);
  expect(screen.zones.value?.[0]?.points).toHaveLength(3);
  for (let n = 0; n < 40; n += 1) screen.addCorner('bed', 0, [0.2, 0.2]);
  expect(screen.zones.value?.[0]?.points).toHaveLength(32);
});

test('a draft is saved over the revision that it began with, and what is saved is in force', async () => {
  await opened();
  screen.nudgeZone('bed', [0.1, 0]);
  const saving = screen.save();
  expect(last()).toMatchObject({
    method: 'PATCH',
    path: '/api/v1/cameras/hall',
    options: {
      ifMatch: 3,
      csrf: 'token',
      body: {
        zones: {
          bed: {
            points: [
              [0.2, 0.1],
              [0.6, 0.1],
              [0.6, 0.5],
              [0.2, 0.5],
            ],
          },
        },
      },
    },
  });
  // A step while the node works would be lost: none is taken.
  screen.removeZone('bed');
  expect(screen.zones.value).toHaveLength(1);
  await last().answer(200, { revision: 4 });
  await last().answer(200, document(4, { bed: { kind: 'bed', points: POINTS } }));
  await saving;
  expect([screen.saving.value, screen.isDirty, screen.revision]).toEqual([{ kind: 'saved', revision: 4 }, false, 4]);
  screen.nudgeZone('bed', [0.1, 0]);
  expect(screen.saving.value).toEqual({ kind: 'idle' });
});

test('another revision in force: nothing is saved until somebody chooses whose zones stay', async () => {
  await opened();
  screen.nudgeZone('bed', [0.1, 0]);
  let saving = screen.save();
  await last().answer(412, { error: { message: 'revision 5 is in force', revision: 5 } });
  await saving;
  expect(screen.saving.value).toEqual({ kind: 'conflict', revision: 5 });
  expect(screen.isDirty).toBe(true);
  saving = screen.save(5);
  expect(last().options.ifMatch).toBe(5);
  await last().answer(409, { error: { message: 'cameras.hall.zones.bed: no' } });
  await saving;
  expect(screen.saving.value).toEqual({ kind: 'refused', why: 'cameras.hall.zones.bed: no' });
});

test('who comes back finds the draft; without one, what is in force', async () => {
  await opened();
  screen.close();
  screen.open(nowMs);
  await last().answer(200, document(4, {}));
  expect(screen.zones.value).toEqual([]);
  screen.pick('floor');
  screen.closeOutline();
  const before = asked.length;
  screen.close();
  screen.open(nowMs);
  expect(asked).toHaveLength(before);
  expect(screen.zones.value).toHaveLength(1);
});

test('what the draft would have changed is asked for each rule that can be played, one after the other', async () => {
  pictures = [{ url: 'one' }];
  screen.open(nowMs);
  const zones = { bed: { kind: 'bed', points: POINTS }, door: { kind: 'area', points: POINTS } };
  const from = 'people';
  const rules = { fall: { from }, bed: { from, zone: 'bed' }, visits: { from, zones: { door: {} } } };
  await last().answer(200, { revision: 3, document: { cameras: { hall: { zones, rules } } } });
  screen.rename('bed', 'mum');
  const range = { from: '2026-11-25T02:14:00Z', to: '2026-11-25T03:14:00Z' };
  const preview = (rule: string): object => ({ rule, from_ms: 0, to_ms: 1, now: null, would: null });
  let asking = screen.tryOut(range);
  expect(last()).toMatchObject({
    method: 'POST',
    path: '/api/v1/rules/preview',
    options: {
      body: { camera: 'hall', rule: 'bed', ...range, zones: { mum: {}, door: {} }, rules: { bed: { zone: 'mum' } } },
    },
  });
  // One at a time.
  const before = asked.length;
  await screen.tryOut(range);
  expect(asked).toHaveLength(before);
  await last().answer(200, preview('bed'));
  expect(last().options.body).toMatchObject({ rule: 'visits' });
  // What is being looked at is not the draft any more.
  screen.nudgeZone('door', [0.1, 0]);
  await last().answer(200, preview('visits'));
  await asking;
  expect(screen.preview.value).toMatchObject({
    kind: 'shown',
    isOld: true,
    parts: [{ lanes: [{ zone: 'mum' }] }, { lanes: [{ zone: 'door' }] }],
  });
  asking = screen.tryOut(range);
  await last().answer(200, preview('bed'));
  await last().answer(200, preview('visits'));
  await asking;
  expect(screen.preview.value).toMatchObject({ isOld: false });
  screen.nudgeZone('door', [0.1, 0]);
  expect(screen.preview.value).toMatchObject({ isOld: true });
  asking = screen.tryOut(range);
  await last().answer(409, { error: { message: 'nothing was recorded of it' } });
  await asking;
  expect(screen.preview.value).toEqual({ kind: 'failed', why: 'nothing was recorded of it' });
});

test('a rule follows the consumer that others follow, or the first one with a model; without one there is none', async () => {
  await opened();
  screen.setBed('bed', { alarm: 'out' });
  expect([screen.follows, screen.rules.value]).toEqual([undefined, {}]);
  void screen.load();
  const zones = { bed: { kind: 'bed', points: POINTS } };
  const consumers = { motion: {}, people: { model: 'ssdlite' }, poses: { model: 'multipose' } };
  await last().answer(200, { revision: 3, document: { cameras: { hall: { zones, consumers } } } });
  expect(screen.consumers.value).toEqual(['people', 'poses']);
  screen.setBed('bed', { alarm: 'away', away: '10m' });
  screen.setVisits('bed', {});
  screen.setFall('10s');
  expect(screen.rules.value).toEqual({
    bed: { from: 'people', zone: 'bed', alarm: 'away', away: '10m' },
    visits: { from: 'people', zones: { bed: {} } },
    fall: { from: 'people', long_lie: '10s' },
  });
  screen.setFall(undefined);
  screen.setBed('bed', undefined);
  expect(Object.keys(screen.rules.value)).toEqual(['visits']);
  void screen.load();
  const rules = { fall: { from: 'poses' } };
  await last().answer(200, { revision: 3, document: { cameras: { hall: { zones, consumers, rules } } } });
  screen.setVisits('bed', { alarm: 'occupied' });
  expect(screen.rules.value.visits?.from).toBe('poses');
});
