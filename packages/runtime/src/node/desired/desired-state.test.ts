import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addSecret, createLog, FakeClock } from '@vigia/base';
import type { Config } from '@vigia/contracts';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { readConfigFile } from '#node/config';
import type { PlanChangeSummary } from '#node/plan';
import { DesiredState, type Revision } from './desired-state.ts';
import { initialOf, type Kept } from './kept-changes.ts';

const dir = mkdtempSync(join(tmpdir(), 'vigia-desired-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'v.yml');
const NONE = { added: [], changed: [], removed: [], untouched: 1 };
const SUMMARY: PlanChangeSummary = { cameras: NONE, models: { ...NONE, untouched: 0 }, mqtt: false, http: false };
const BY = 'control socket (user care)';
const AUTHOR = { by: BY, trusted: true };

let logged: string[] = [];
let announced: Revision[] = [];
let applied: Config[] = [];
let apply: (document: Config) => Promise<PlanChangeSummary>;
/** What was kept last, as it is read again. */
let kept: Kept | undefined;
let keep: (document: Kept) => Promise<void>;

/** Cameras by id; the value is the path of the source. */
function write(cameras: Readonly<Record<string, string>>, more = ''): void {
  const lines = Object.entries(cameras).map(([id, path]) => `  ${id}: { source: "rtsp://127.0.0.1/${path}" }\n`);
  writeFileSync(file, `version: 1\ncameras:\n${lines.join('')}${more}`);
}

/** A node with the document of the file; without one it knows no file. */
function start({ withFile = true } = {}): DesiredState {
  return new DesiredState({
    initial: initialOf(readConfigFile(file), kept, {
      by: withFile ? `file ${file}` : 'the node',
      at: '2026-01-01T00:00:00.000Z',
    }),
    keep: (document) => keep(document),
    file: withFile ? file : undefined,
    clock: new FakeClock(),
    log: createLog('test', (record) => logged.push(record.message)),
    apply: (document) => apply(document),
    onRevision: (revision) => void announced.push(revision),
  });
}

beforeEach(() => {
  logged = [];
  announced = [];
  applied = [];
  kept = undefined;
  keep = (document) => {
    kept = JSON.parse(JSON.stringify(document)) as Kept;
    return Promise.resolve();
  };
  apply = (document) => {
    applied.push(document);
    return Promise.resolve(SUMMARY);
  };
  write({ hall: 'a', yard: 'b' });
});

describe('reload', () => {
  test('records a revision with author, time and changes', async () => {
    const desired = start();
    write({ hall: 'z', door: 'c' });
    const done = await desired.reload();
    expect(done).toMatchObject({
      revision: 2,
      changes: [
        'cameras.door: added',
        'cameras.hall.source: "rtsp://127.0.0.1/a" → "rtsp://127.0.0.1/z"',
        'cameras.yard: removed',
      ],
    });
    expect(desired.current).toEqual({
      revision: 2,
      at: '2026-01-01T00:00:00.000Z',
      by: `file ${file}`,
      changes: done.changes,
    });
    expect(announced).toEqual([desired.current]);
    expect(desired.history.map(({ revision }) => revision)).toEqual([1, 2]);
  });

  test('a worker that a camera of the runtime still uses cannot leave the file', async () => {
    const worker = 'workers:\n  w: { command: [sh] }\n';
    write({ hall: 'a' }, worker);
    const desired = start();
    const settings = { source: 'rtsp://127.0.0.1/d', consumers: { look: { worker: 'w' } } };
    await desired.putCamera('door', settings, AUTHOR);
    write({ hall: 'a' });
    const sentence = 'cameras.door.consumers.look.worker: there is no worker "w"; `workers` is empty';
    await expect(desired.reload()).rejects.toThrow(sentence);
    expect(() => desired.previewFile('version: 1\ncameras: { hall: { source: "rtsp://h/a" } }\n', file, true)).toThrow(
      sentence,
    );
    expect(desired.current.revision).toBe(2);
    write({ hall: 'z' }, worker);
    expect((await desired.reload()).changes).toHaveLength(1);
  });

  test('a camera can be put beside workers that have their own PATH, or *** among their words', async () => {
    const folder = join(dir, 'bin');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'looks'), '#!/bin/sh\n', { mode: 0o755 });
    write({ hall: 'a' }, `workers:\n  w: { command: [looks, "***"], env: { PATH: ${folder} } }\n`);
    const desired = start();
    const settings = { source: 'rtsp://127.0.0.1/d', consumers: { look: { worker: 'w' } } };
    expect((await desired.putCamera('door', settings, AUTHOR)).changes).toHaveLength(1);
  });

  test('applies an unchanged file without a new revision', async () => {
    const desired = start();
    expect(await desired.reload()).toMatchObject({ revision: 1, changes: [] });
    expect(logged).toEqual([expect.stringMatching(/^configuration read again: /)]);
    expect([applied.length, announced.length]).toEqual([1, 0]);
  });

  test('changes nothing when it fails, logs why, and the next one works', async () => {
    const desired = start();
    writeFileSync(file, 'version: 2\ncameras: {}\n');
    await expect(desired.reload()).rejects.toThrow(/v\.yml:1: version: /);
    expect(logged).toEqual([expect.stringMatching(/^reload: .*version/), 'reload: nothing was changed']);
    apply = () => Promise.reject(new Error('does not fit'));
    write({ hall: 'z' });
    await expect(desired.reload()).rejects.toThrow('does not fit');
    expect(desired.current.revision).toBe(1);
    apply = () => Promise.resolve(SUMMARY);
    expect((await desired.reload()).changes).toHaveLength(2);
  });

  test('logs every problem of the file on a line of its own', async () => {
    const desired = start();
    writeFileSync(file, 'version: 2\nnode: ward-3\ncameras: { hall: { sorce: "x" } }\n');
    await expect(desired.reload()).rejects.toThrow(/\n/);
    expect(logged.length).toBeGreaterThan(2);
    expect(logged.every((line) => /^reload: [^\n]+$/.test(line))).toBe(true);
  });

  test('is refused by a node that was started without a file', async () => {
    const desired = start({ withFile: false });
    await expect(desired.reload()).rejects.toMatchObject({ code: 'no_configuration' });
    expect(desired.current.by).toBe('the node');
  });

  test('runs one at a time; requests made meanwhile share one that reads the file later', async () => {
    const going: (() => void)[] = [];
    apply = (document) => {
      applied.push(document);
      return new Promise((resolve) => going.push(() => resolve(SUMMARY)));
    };
    const desired = start();
    write({ first: 'a' });
    const first = desired.reload();
    await until(() => going.length === 1);
    const waiting = [desired.reload(), desired.reload()];
    write({ second: 'a' });
    waiting.push(desired.reload());
    going[0]?.();
    await first;
    await until(() => going.length === 2);
    going[1]?.();
    const done = await Promise.all(waiting);
    expect(new Set(done).size).toBe(1);
    expect(applied.map((document) => Object.keys(document.cameras))).toEqual([['first'], ['second']]);
  });
});

describe('changes at runtime', () => {
  test('work that only begins in turn waits for the changes before it, and holds up none after it', async () => {
    const desired = start();
    const order: string[] = [];
    const change = (name: string): Promise<unknown> =>
      desired.putCamera(name, { source: 'rtsp://127.0.0.1/x' }, AUTHOR);
    let end = (): void => undefined;
    const before = change('a').then(() => order.push('before'));
    const work = desired.beginInTurn(() => {
      order.push('begun');
      return new Promise<void>((resolve) => (end = resolve));
    });
    await Promise.all([before, change('b').then(() => order.push('after'))]);
    end();
    await work;
    expect(order).toEqual(['before', 'begun', 'after']);
    await expect(desired.beginInTurn(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  });

  test('a removed camera stays away on a reload', async () => {
    const desired = start();
    await desired.removeCamera('yard', AUTHOR);
    expect(desired.current).toMatchObject({ revision: 2, by: BY, changes: ['cameras.yard: removed'] });
    write({ hall: 'z', yard: 'b' });
    await desired.reload();
    expect(Object.keys(applied.at(-1)?.cameras ?? {})).toEqual(['hall']);
  });

  test('a removed camera comes back when the file changes it', async () => {
    const desired = start();
    await desired.removeCamera('yard', AUTHOR);
    write({ hall: 'a', yard: 'other' });
    expect((await desired.reload()).changes).toEqual(['cameras.yard: added']);
  });

  test('an added or changed camera stays until the file changes or removes it', async () => {
    const desired = start();
    await desired.putCamera('door', { source: 'rtsp://127.0.0.1/d' }, AUTHOR);
    await desired.putCamera('hall', { source: 'rtsp://127.0.0.1/mine' }, AUTHOR);
    write({ hall: 'a', yard: 'b', shed: 's' });
    expect((await desired.reload()).changes).toEqual(['cameras.shed: added']);
    expect(applied.at(-1)?.cameras['hall']?.source).toBe('rtsp://127.0.0.1/mine');
    write({ yard: 'b', shed: 's' });
    expect((await desired.reload()).changes).toEqual(['cameras.hall: removed']);
    expect(Object.keys(applied.at(-1)?.cameras ?? {}).sort()).toEqual(['door', 'shed', 'yard']);
  });

  test('other sections follow the file, unless they were changed at runtime', async () => {
    const desired = start();
    const mqtt = 'mqtt: { url: "mqtt://127.0.0.1:1" }\n';
    write({ hall: 'a', yard: 'b' }, mqtt);
    expect((await desired.reload()).changes).toEqual(['mqtt: added']);
    await desired.put(JSON.stringify({ version: 1, cameras: { hall: { source: 'rtsp://127.0.0.1/a' } } }), AUTHOR);
    expect(applied.at(-1)?.mqtt).toBeUndefined();
    write({ hall: 'a', yard: 'b', door: 'c' }, mqtt);
    expect((await desired.reload()).changes).toEqual(['cameras.door: added']);
  });

  test('a section that only the runtime has stays although the file changes', async () => {
    const desired = start();
    const cameras = { hall: { source: 'rtsp://127.0.0.1/a' }, yard: { source: 'rtsp://127.0.0.1/b' } };
    await desired.put(JSON.stringify({ version: 1, cameras, mqtt: { url: 'mqtt://127.0.0.1:1' } }), AUTHOR);
    write({ hall: 'z', yard: 'b' });
    expect((await desired.reload()).changes).toHaveLength(1);
    expect(applied.at(-1)?.mqtt).toEqual({ url: 'mqtt://127.0.0.1:1', commands: false });
  });

  test.each([
    ['models', { use: 'm' }],
    ['workers', { command: ['true'] }],
  ] as const)('of the %s, each follows the file or the runtime by itself', async (section, entry) => {
    const both = (mine: number, other: number): string =>
      JSON.stringify({ mine: { ...entry, memory_mib: mine }, other: { ...entry, memory_mib: other } });
    write(
      { hall: 'a' },
      `${section}: ${both(100, 100)}
`,
    );
    const desired = start();
    const cameras = '{"hall":{"source":"rtsp://127.0.0.1/a"}}';
    await desired.put(`{"version":1,"cameras":${cameras},"${section}":${both(200, 100)}}`, AUTHOR);
    write(
      { hall: 'a' },
      `${section}: ${both(100, 300)}
`,
    );
    expect((await desired.reload()).changes).toEqual([`${section}.other.memory_mib: 100 → 300`]);
    expect(applied.at(-1)?.[section]['mine']?.memory_mib).toBe(200);
  });

  test('invalid settings and unknown models are refused with a sentence', async () => {
    const desired = start();
    await expect(desired.putCamera('door', { source: 'rtsp://u:***@h/x' }, AUTHOR)).rejects.toThrow(
      /found \*\*\*, which/,
    );
    await expect(desired.putCamera('door', { sorce: 'x' }, AUTHOR)).rejects.toThrow(
      /cameras\.door\.sorce: unknown key/,
    );
    const wrong = { source: 'rtsp://127.0.0.1/d', consumers: { people: { model: 'ssd' } } };
    await expect(desired.putCamera('door', wrong, AUTHOR)).rejects.toThrow(/there is no model "ssd"/);
    expect([applied.length, desired.current.revision]).toEqual([0, 1]);
  });

  test('a document as the node shows it is refused: its secrets would be lost', async () => {
    const desired = start();
    const text = JSON.stringify({ version: 1, cameras: { hall: { source: 'rtsp://u:***@127.0.0.1/x' } } });
    await expect(desired.put(text, AUTHOR)).rejects.toThrow('found ***, which stands for a secret');
    expect(() => desired.preview(text, true)).toThrow('found ***, which stands for a secret');
    expect(desired.current.revision).toBe(1);
  });

  test('an expected revision that is no longer current is a conflict', async () => {
    const desired = start();
    const text = JSON.stringify({ version: 1, cameras: { hall: { source: 'rtsp://127.0.0.1/q' } } });
    const [first, second] = [
      desired.put(text, { ...AUTHOR, expected: 1 }),
      desired.put(text, { by: 'another user', expected: 1, trusted: true }),
    ];
    await expect(second).rejects.toMatchObject({ code: 'conflict' });
    expect(await first).toMatchObject({ revision: 2 });
    expect(desired.current.by).toBe(BY);
    await expect(desired.put(text, { ...AUTHOR, expected: 3 })).rejects.toMatchObject({ code: 'conflict' });
  });

  test('are applied one after the other, each on top of the one before', async () => {
    const going: (() => void)[] = [];
    apply = (document) => {
      applied.push(document);
      return new Promise((resolve) => going.push(() => resolve(SUMMARY)));
    };
    const desired = start();
    const changes = [desired.removeCamera('yard', AUTHOR), desired.removeCamera('hall', AUTHOR)];
    await until(() => going.length === 1);
    going[0]?.();
    await changes[0];
    await until(() => going.length === 2);
    going[1]?.();
    await changes[1];
    expect(applied.map((document) => Object.keys(document.cameras))).toEqual([['hall'], []]);
  });

  test('a new camera may use the models and workers in force, whose secrets are filled in', async () => {
    process.env['WARD_PASSWORD'] = 'plain-word';
    const env = '{ DB: "http://u:$'.concat('{WARD_PASSWORD}@127.0.0.1/" }');
    write({ hall: 'a' }, `models: { m: { use: ssd } }\nworkers: { w: { command: ["true"], env: ${env} } }\n`);
    const desired = start();
    const consumers = { people: { model: 'm' }, falls: { worker: 'w' } };
    const done = await desired.putCamera('door', { source: 'rtsp://127.0.0.1/d', consumers }, AUTHOR);
    expect(done.changes).toEqual(['cameras.door: added']);
    expect(applied.at(-1)?.workers['w']?.env).toEqual({ DB: 'http://u:plain-word@127.0.0.1/' });
  });
});

describe('over a restart', () => {
  const door = { source: 'rtsp://u:door-pass@127.0.0.1/d' };

  test('what was changed comes back as the same revision, with the changes beside the file', async () => {
    const before = start();
    await before.putCamera('door', door, AUTHOR);
    await before.removeCamera('yard', AUTHOR);
    expect(before.besideFile).toEqual(['cameras.door: added', 'cameras.yard: removed']);
    const after = start();
    expect([after.redacted, after.history, after.besideFile]).toEqual([
      before.redacted,
      before.history,
      before.besideFile,
    ]);
    expect(JSON.stringify([after.history, after.redacted])).not.toContain('door-pass');
    expect(await after.patchCamera('hall', { on_loss: 'conceal' }, AUTHOR)).toMatchObject({ revision: 4 });
  });

  test('an earlier revision is what runtime had changed then, on the file of today', async () => {
    const before = start();
    await before.putCamera('door', door, AUTHOR);
    await before.removeCamera('door', AUTHOR);
    write({ hall: 'z', yard: 'b' });
    const after = start();
    expect(after.history.at(-1)).toMatchObject({
      revision: 4,
      changes: ['the file has changed while the node did not run'],
    });
    expect(await after.rollBack(2, AUTHOR)).toMatchObject({ revision: 5, changes: ['cameras.door: added'] });
    expect(applied.at(-1)?.cameras).toMatchObject({ hall: { source: 'rtsp://127.0.0.1/z' }, door });
    await expect(after.rollBack(9, AUTHOR)).rejects.toThrow('revision 9 is not kept; there are 1 to 5');
  });

  test('a change that cannot be kept is in force all the same, and is a problem until one can', async () => {
    const desired = start();
    const good = keep;
    keep = () => Promise.reject(Object.assign(new Error('no room'), { code: 'ENOSPC' }));
    expect(await desired.removeCamera('yard', AUTHOR)).toMatchObject({ revision: 2 });
    const sentence = 'what runtime changed would be lost at a restart: it cannot be written (ENOSPC)';
    expect([desired.problems, logged.at(-1)]).toEqual([
      [{ code: 'changes', camera: '_node', message: sentence }],
      sentence,
    ]);
    keep = good;
    await desired.patchCamera('hall', { on_loss: 'conceal' }, AUTHOR);
    expect(desired.problems).toEqual([]);
    expect(kept?.revisions.map(({ revision }) => revision)).toEqual([1, 2, 3]);
  });
});

test('the latest 64 revisions are kept, and their numbers go on', async () => {
  const desired = start();
  for (let n = 0; n < 70; n += 1) await desired.putCamera('hall', { source: `rtsp://127.0.0.1/${n}` }, AUTHOR);
  const numbers = Array.from({ length: 64 }, (_, n) => n + 8);
  expect(desired.history.map(({ revision }) => revision)).toEqual(numbers);
  expect(desired.current.changes[0]).toMatch(/69"$/);
});

test('a change shows 80 characters of a value, and a list as a whole', () => {
  const desired = start();
  const cameras = { hall: { source: 'rtsp://127.0.0.1/'.padEnd(78, 'x') }, yard: { source: 'rtsp://127.0.0.1/b' } };
  const workers = { w: { command: ['true'] } };
  write(
    { hall: 'a', yard: 'b' },
    `workers: ${JSON.stringify(workers)}
`,
  );
  expect(desired.preview(JSON.stringify({ version: 1, cameras }), true)).toEqual([
    `cameras.hall.source: "rtsp://127.0.0.1/a" → "${cameras.hall.source}"`,
  ]);
  cameras.hall.source += 'x';
  expect(desired.preview(JSON.stringify({ version: 1, cameras }), true)).toEqual([
    `cameras.hall.source: "rtsp://127.0.0.1/a" → "${cameras.hall.source}…`,
  ]);
  const again = start();
  const more = { version: 1, cameras, workers: { w: { command: ['true', '-v'] } } };
  expect(again.preview(JSON.stringify(more), true).at(-1)).toBe('workers.w.command: ["true"] → ["true","-v"]');
});

test('a preview lists the changes and applies none', async () => {
  const desired = start();
  await desired.removeCamera('yard', AUTHOR);
  const text =
    'version: 1\ncameras: { hall: { source: "rtsp://127.0.0.1/q" }, yard: { source: "rtsp://127.0.0.1/b" } }\n';
  const line = 'cameras.hall.source: "rtsp://127.0.0.1/a" → "rtsp://127.0.0.1/q"';
  expect(desired.previewFile(text, 'v.yml', true)).toEqual([line]);
  expect(desired.preview(text, true)).toEqual([line, 'cameras.yard: added']);
  expect(() => desired.previewFile('cameras: 3', 'v.yml', true)).toThrow(/v\.yml:1: /);
  expect([applied.length, desired.current.revision]).toEqual([1, 2]);
});

test('neither revisions nor the document show secrets or logins', async () => {
  addSecret('s3cret-word');
  process.env['WARD_PASSWORD'] = 'plain-word';
  const desired = start();
  write({ hall: 's3cret-word', yard: 'b' });
  await desired.reload();
  writeFileSync(
    file,
    'version: 1\ncameras: { hall: { source: "rtsp://care:$'.concat('{WARD_PASSWORD}@127.0.0.1/x" } }\n'),
  );
  await desired.reload();
  const shown = JSON.stringify([desired.history, desired.redacted]);
  expect(shown).not.toMatch(/s3cret-word|plain-word|care:/);
  expect(shown).toContain('rtsp://***@127.0.0.1/x');
});

test('a secret that JSON escapes is masked, and one that looks like a number breaks nothing', async () => {
  addSecret('quo"ted\\secret');
  addSecret('3840');
  const desired = start();
  const worker = { command: ['true', 'quo"ted\\secret'], env: { TOKEN: 'quo"ted\\secret' } };
  await desired.put(
    JSON.stringify({ version: 1, cameras: { hall: { source: 'rtsp://127.0.0.1/a' } }, workers: { w: worker } }),
    AUTHOR,
  );
  expect(JSON.stringify([desired.redacted, desired.history])).not.toContain('ted\\\\secret');
  expect(desired.redacted.cameras['hall']?.max_picture.width).toBe(3840);
});

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

test('no value of a header of the collector is shown, and a camera may be called headers', async () => {
  const tracing = (value: string): string => `tracing: { url: "http://c/", headers: { x-tenant: ${value} } }\n`;
  write({ headers: 'a' }, tracing('hush-1'));
  const desired = start();
  write({ headers: 'b' }, tracing('hush-2'));
  const { changes } = await desired.reload();
  expect(changes).toEqual([
    'cameras.headers.source: "rtsp://127.0.0.1/a" → "rtsp://127.0.0.1/b"',
    'tracing.headers: changed',
  ]);
  expect(desired.redacted.tracing?.headers).toEqual({ 'x-tenant': '***' });
  expect(JSON.stringify([desired.history, desired.redacted, logged])).not.toContain('hush-');
  expect(desired.redacted.cameras['headers']?.source).toBe('rtsp://127.0.0.1/b');
});
