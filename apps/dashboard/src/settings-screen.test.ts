import { beforeEach, describe, expect, test } from 'vitest';
import { diffLines, differenceOf, differencesOf, draftOf, fpsOf, patchOf, wouldBlind } from './settings-draft.ts';
import { SettingsScreen } from './settings-screen.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly options: { readonly body?: unknown; readonly ifMatch?: number };
  /** Undefined: no answer. */
  answer(status: number | undefined, body?: unknown): Promise<void>;
}

let asked: Asked[];
let timers: (() => void)[];
let hidden: boolean;
let screen: SettingsScreen;

async function settled(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await Promise.resolve();
}

beforeEach(() => {
  [asked, timers, hidden] = [[], [], false];
  screen = new SettingsScreen(
    {
      request: (method, path, options) =>
        new Promise((resolve, reject) => {
          asked.push({
            method,
            path,
            options,
            answer: async (status, body) => {
              if (status === undefined) reject(new Error('timeout'));
              else resolve({ status, body });
              await settled();
            },
          });
        }),
      after: (_ms, then) => {
        timers.push(then);
        return () => void timers.splice(timers.indexOf(then), 1);
      },
      hidden: () => hidden,
    },
    () => 'token',
  );
});

const HALL = {
  source: 'rtsp://***@192.168.1.20/1',
  name: 'Hall',
  consumers: { people: { model: 'ssdlite', enabled: true, fps: 5 }, pose: { model: 'movenet', enabled: false } },
};
const at = '2026-11-22T03:00:00Z';
const revision = (number: number, ...changes: string[]): object => ({ revision: number, at, by: 'user anna', changes });

/** The last request of a method. */
const last = (method: string): Asked => asked.findLast((one) => one.method === method) as Asked;

/** Answers the questions for the configuration. */
async function answers(number: number, cameras: object = { hall: HALL }): Promise<void> {
  const [config, revisions] = asked.slice(-2);
  const all = Array.from({ length: number }, (_, i) => revision(i + 1, ...(i === 0 ? [] : [`change ${i + 1}`])));
  await config?.answer(200, { ...all.at(-1), document: { cameras }, beside_file: ['cameras.hall.name: added'] });
  await revisions?.answer(200, all);
}

async function opened(number = 3): Promise<void> {
  void screen.load();
  await answers(number);
}

describe('the form of a camera', () => {
  const draft = draftOf('hall', HALL, 3);

  test('sends what differs, and nothing else', () => {
    expect(patchOf(draft)).toBeNull();
    expect(patchOf({ ...draft, name: ' Hall ' })).toBeNull();
    expect(patchOf({ ...draft, name: 'Door' })).toEqual({ name: 'Door' });
    expect(patchOf({ ...draft, name: '' })).toEqual({ name: null });
    const consumers = { people: { enabled: false, fps: '' }, pose: { enabled: false, fps: '2,5' } };
    expect(patchOf({ ...draft, consumers })).toEqual({
      consumers: { people: { enabled: false, fps: null }, pose: { fps: 2.5 } },
    });
  });

  test('a rate is a number above 0 and up to 120, or nothing', () => {
    expect(['', ' ', '5', '0.2', '0,2', '120'].map(fpsOf)).toEqual([null, null, 5, 0.2, 0.2, 120]);
    expect(['0', '-1', '121', 'five', '1/2', 'Infinity'].map(fpsOf)).toEqual(Array(6).fill(undefined));
  });

  test('says when nobody would watch any more', () => {
    expect(wouldBlind(draft)).toBe(false);
    const off = { people: { enabled: false, fps: '5' }, pose: { enabled: false, fps: '' } };
    expect(wouldBlind({ ...draft, consumers: off })).toBe(true);
    // It was so before.
    expect(wouldBlind(draftOf('yard', {}, 3))).toBe(false);
  });

  test('shows what changes before it is saved', () => {
    const consumers = { people: { enabled: false, fps: '' }, pose: { enabled: false, fps: '2' } };
    expect(diffLines(differencesOf({ ...draft, name: 'Door', consumers }))).toEqual([
      { kind: 'same', text: 'cameras.hall.consumers.people:' },
      { kind: 'removed', text: '  enabled: true' },
      { kind: 'added', text: '  enabled: false' },
      { kind: 'removed', text: '  fps: 5' },
      { kind: 'same', text: 'cameras.hall.consumers.pose:' },
      { kind: 'added', text: '  fps: 2' },
      { kind: 'same', text: 'cameras.hall:' },
      { kind: 'removed', text: '  name: "Hall"' },
      { kind: 'added', text: '  name: "Door"' },
    ]);
  });

  test('draws the lines of the node, also one that it cannot divide', () => {
    const changes = ['cameras.a: added', 'cameras.b: removed', 'cameras.c.name: "x → y" → "z"', 'node: "a" → "b"'];
    expect(diffLines([...changes, 'tracing.headers: changed'].map(differenceOf))).toEqual([
      { kind: 'same', text: 'cameras:' },
      { kind: 'added', text: '  a' },
      { kind: 'removed', text: '  b' },
      { kind: 'same', text: 'cameras.c.name: "x → y" → "z"' },
      { kind: 'removed', text: 'node: "a"' },
      { kind: 'added', text: 'node: "b"' },
      { kind: 'same', text: 'tracing.headers: changed' },
    ]);
  });
});

test('shows what is in force, and its revisions, the newest first', async () => {
  await opened();
  expect(screen.config.value?.revision).toBe(3);
  expect(screen.revisions.value.map((one) => one.revision)).toEqual([3, 2, 1]);
  expect(screen.failed.value).toBe('');
});

test('says why there are no settings, and keeps those from before', async () => {
  await opened();
  void screen.load();
  await asked.at(-2)?.answer(403, { error: { message: 'an admin may' } });
  await asked.at(-1)?.answer(undefined);
  expect([screen.failed.value, screen.config.value?.revision]).toEqual(['an admin may', 3]);
});

test('others change something: it is shown, and a form stays as it was opened', async () => {
  const stop = screen.start();
  await answers(3);
  screen.edit('hall');
  screen.type({ name: 'Door' });
  hidden = true;
  timers.pop()?.();
  await settled();
  expect(asked).toHaveLength(2);
  hidden = false;
  timers.pop()?.();
  await asked.at(-1)?.answer(200, [revision(3)]);
  expect(asked).toHaveLength(3);
  timers.pop()?.();
  await asked.at(-1)?.answer(200, [revision(3), revision(4)]);
  await answers(4, { hall: { ...HALL, name: 'Gate' } });
  expect(screen.config.value?.revision).toBe(4);
  expect(screen.draft.value).toMatchObject({ name: 'Door', revision: 3 });
  expect(timers).toHaveLength(1);
  stop();
  expect(timers).toHaveLength(0);
});

test('saves the form over the revision that it began with, and shows the answer', async () => {
  await opened();
  screen.edit('hall');
  screen.type({ name: 'Door' });
  expect(screen.isDirty).toBe(true);
  void screen.save();
  expect(last('PATCH')).toMatchObject({
    path: '/api/v1/cameras/hall',
    options: { body: { name: 'Door' }, ifMatch: 3, csrf: 'token' },
  });
  // Neither twice, nor while it is being saved.
  void screen.save();
  screen.type({ name: 'Gate' });
  screen.close();
  expect(screen.draft.value?.name).toBe('Door');
  await last('PATCH').answer(200, { revision: 4, changes: ['cameras.hall.name: "Hall" → "Door"'] });
  await answers(4, { hall: { ...HALL, name: 'Door' } });
  expect(screen.saving.value).toEqual({
    kind: 'saved',
    revision: 4,
    changes: ['cameras.hall.name: "Hall" → "Door"'],
  });
  expect(screen.draft.value).toMatchObject({ revision: 4, name: 'Door' });
  expect([screen.isDirty, asked.filter(({ method }) => method === 'PATCH').length]).toEqual([false, 1]);
  screen.leave();
  expect(screen.saving.value).toEqual({ kind: 'idle' });
});

test('a refusal is said, and nothing is lost from the form', async () => {
  await opened();
  screen.edit('hall');
  screen.type({ name: 'Door' });
  void screen.save();
  await last('PATCH').answer(400, { error: { message: 'cameras.hall.name: too long' } });
  expect(screen.saving.value).toEqual({ kind: 'refused', why: 'cameras.hall.name: too long' });
  expect(screen.draft.value?.name).toBe('Door');
  void screen.save();
  await last('PATCH').answer(undefined);
  await answers(3);
  expect([screen.saving.value.kind, screen.draft.value?.name]).toEqual(['unanswered', 'Door']);
});

test('a rate that is none is not sent', async () => {
  await opened();
  screen.edit('hall');
  screen.type({ name: 'Door', consumers: { people: { enabled: true, fps: 'five' } } });
  await screen.save();
  expect(asked.map(({ method }) => method)).toEqual(['GET', 'GET']);
});

test('somebody else was faster: the form stays, and is saved over theirs or given up', async () => {
  await opened();
  screen.edit('hall');
  screen.type({ name: 'Door' });
  const conflict = { error: { message: 'revision 3 was expected, 4 is in force', revision: 4, changes: [] } };
  void screen.save();
  await last('PATCH').answer(412, conflict);
  await answers(4, { hall: { ...HALL, name: 'Gate' } });
  expect(screen.saving.value).toEqual({ kind: 'conflict', revision: 4 });
  expect(screen.draft.value?.name).toBe('Door');
  void screen.save(4);
  expect(last('PATCH').options.ifMatch).toBe(4);
  await last('PATCH').answer(412, { error: { message: '', revision: 5 } });
  await answers(5, { hall: { ...HALL, name: 'Gate' } });
  void screen.theirs();
  await answers(5, { hall: { ...HALL, name: 'Gate' } });
  expect(screen.draft.value).toMatchObject({ name: 'Gate', revision: 5 });
  expect(screen.saving.value).toEqual({ kind: 'idle' });
});

test('a camera is removed over the revision of its form', async () => {
  await opened();
  screen.edit('hall');
  screen.removing.value = true;
  void screen.remove();
  expect(last('DELETE')).toMatchObject({ path: '/api/v1/cameras/hall', options: { ifMatch: 3 } });
  await last('DELETE').answer(200, { revision: 4, changes: ['cameras.hall: removed'] });
  await answers(4, {});
  expect([screen.draft.value, screen.removing.value, screen.removed.value]).toEqual([null, false, 'hall']);
  expect(screen.saving.value.kind).toBe('saved');
});

test('their camera has gone: the form is closed', async () => {
  await opened();
  screen.edit('hall');
  void screen.theirs();
  await answers(4, {});
  expect(screen.draft.value).toBeNull();
});

describe('going back', () => {
  test('shows what it takes back before, and what it changed', async () => {
    await opened(4);
    screen.consider(2);
    expect(screen.target.value).toMatchObject({ revision: 2, from: 4 });
    expect(screen.target.value?.takenBack.map((one) => one.changes)).toEqual([['change 4'], ['change 3']]);
    void screen.goBack();
    expect(last('POST')).toMatchObject({
      path: '/api/v1/config/rollback',
      options: { body: { revision: 2 }, ifMatch: 4, csrf: 'token' },
    });
    await last('POST').answer(200, { revision: 5, changes: ['node: "a" → "b"'] });
    await answers(5);
    expect(screen.target.value).toBeNull();
    expect(screen.going.value).toEqual({ kind: 'saved', revision: 5, changes: ['node: "a" → "b"'] });
  });

  test('a newer revision came: it is shown before anything is taken back', async () => {
    await opened(3);
    screen.consider(2);
    void screen.goBack();
    await last('POST').answer(412, { error: { message: '', revision: 4 } });
    await answers(4);
    expect(screen.going.value).toEqual({ kind: 'conflict', revision: 4 });
    expect(screen.target.value).toMatchObject({ revision: 2, from: 4 });
    expect(screen.target.value?.takenBack.map((one) => one.revision)).toEqual([4, 3]);
    void screen.goBack();
    expect(last('POST').options.ifMatch).toBe(4);
    await last('POST').answer(409, { error: { message: 'the memory is too small' } });
    expect(screen.going.value).toEqual({ kind: 'refused', why: 'the memory is too small' });
    expect(screen.target.value?.revision).toBe(2);
    screen.consider(null);
    expect([screen.target.value, screen.going.value.kind]).toEqual([null, 'idle']);
  });
});
