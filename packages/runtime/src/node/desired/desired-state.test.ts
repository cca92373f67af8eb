import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addSecret, createLog, FakeClock } from '@vigia/base';
import type { Config } from '@vigia/contracts';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '#node/config';
import type { PlanChangeSummary } from '#node/plan';
import { DesiredState, type Revision } from './desired-state.ts';

const dir = mkdtempSync(join(tmpdir(), 'vigia-desired-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'v.yml');
const NONE = { added: [], changed: [], removed: [], untouched: 1 };
const SUMMARY: PlanChangeSummary = { cameras: NONE, models: { ...NONE, untouched: 0 }, mqtt: false };
const BY = 'control socket (user care)';

let logged: string[] = [];
let announced: Revision[] = [];
let applied: Config[] = [];
let apply: (document: Config) => Promise<PlanChangeSummary>;

/** Cameras by id; the value is the path of the source. */
function write(cameras: Readonly<Record<string, string>>, more = ''): void {
  const lines = Object.entries(cameras).map(([id, path]) => `  ${id}: { source: "rtsp://127.0.0.1/${path}" }\n`);
  writeFileSync(file, `version: 1\ncameras:\n${lines.join('')}${more}`);
}

function start(): DesiredState {
  return new DesiredState({
    initial: loadConfig(file),
    file,
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

  test('applies an unchanged file without a new revision', async () => {
    const desired = start();
    expect(await desired.reload()).toMatchObject({ revision: 1, changes: [] });
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
  test('a removed camera stays away on a reload', async () => {
    const desired = start();
    await desired.removeCamera('yard', BY);
    expect(desired.current).toMatchObject({ revision: 2, by: BY, changes: ['cameras.yard: removed'] });
    write({ hall: 'z', yard: 'b' });
    await desired.reload();
    expect(Object.keys(applied.at(-1)?.cameras ?? {})).toEqual(['hall']);
  });

  test('a removed camera comes back when the file changes it', async () => {
    const desired = start();
    await desired.removeCamera('yard', BY);
    write({ hall: 'a', yard: 'other' });
    expect((await desired.reload()).changes).toEqual(['cameras.yard: added']);
  });

  test('an added or changed camera stays until the file changes or removes it', async () => {
    const desired = start();
    await desired.putCamera('door', { source: 'rtsp://127.0.0.1/d' }, BY);
    await desired.putCamera('hall', { source: 'rtsp://127.0.0.1/mine' }, BY);
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
    await desired.put(JSON.stringify({ version: 1, cameras: { hall: { source: 'rtsp://127.0.0.1/a' } } }), BY);
    expect(applied.at(-1)?.mqtt).toBeUndefined();
    write({ hall: 'a', yard: 'b', door: 'c' }, mqtt);
    expect((await desired.reload()).changes).toEqual(['cameras.door: added']);
  });

  test('invalid settings and unknown models are refused with a sentence', async () => {
    const desired = start();
    await expect(desired.putCamera('door', { sorce: 'x' }, BY)).rejects.toThrow(/cameras\.door\.sorce: unknown key/);
    const wrong = { source: 'rtsp://127.0.0.1/d', consumers: { people: { model: 'ssd' } } };
    await expect(desired.putCamera('door', wrong, BY)).rejects.toThrow(/there is no model "ssd"/);
    expect([applied.length, desired.current.revision]).toEqual([0, 1]);
  });

  test('a document as the node shows it is refused: its secrets would be lost', async () => {
    const desired = start();
    const text = JSON.stringify({ version: 1, cameras: { hall: { source: 'rtsp://u:***@127.0.0.1/x' } } });
    await expect(desired.put(text, BY)).rejects.toThrow('found ***, which stands for a secret');
    expect(desired.current.revision).toBe(1);
  });

  test('an expected revision that is no longer current is a conflict', async () => {
    const desired = start();
    const text = JSON.stringify({ version: 1, cameras: { hall: { source: 'rtsp://127.0.0.1/q' } } });
    await desired.put(text, BY, 1);
    await expect(desired.put(text, BY, 1)).rejects.toMatchObject({ code: 'conflict' });
  });
});

test('a preview lists the changes and applies none', async () => {
  const desired = start();
  await desired.removeCamera('yard', BY);
  const text =
    'version: 1\ncameras: { hall: { source: "rtsp://127.0.0.1/q" }, yard: { source: "rtsp://127.0.0.1/b" } }\n';
  const line = 'cameras.hall.source: "rtsp://127.0.0.1/a" → "rtsp://127.0.0.1/q"';
  expect(desired.previewFile(text, 'v.yml')).toEqual([line]);
  expect(desired.preview(text)).toEqual([line, 'cameras.yard: added']);
  expect(() => desired.previewFile('cameras: 3', 'v.yml')).toThrow(/v\.yml:1: /);
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
  const worker = { command: ['true'], env: { TOKEN: 'quo"ted\\secret' } };
  await desired.put(
    JSON.stringify({ version: 1, cameras: { hall: { source: 'rtsp://127.0.0.1/a' } }, workers: { w: worker } }),
    BY,
  );
  expect(JSON.stringify([desired.redacted, desired.history])).not.toContain('ted\\\\secret');
  expect(desired.redacted.cameras['hall']?.max_picture.width).toBe(3840);
});

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}
