import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '@vigia/contracts';
import { afterAll, expect, test } from 'vitest';
import { type ConfigFile, readConfigFile } from '#node/config';
import { changesBeside, fileAlone, initialOf, joined, type Kept, KeptFile, type KeptEntry } from './kept-changes.ts';

const dir = mkdtempSync(join(tmpdir(), 'vigia-kept-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const FILE = `version: 1
models: { ssdlite: { use: ssdlite-mobilenet-v2 } }
cameras:
  hall: { source: "rtsp://u:\${PASSWORD_K}@h/a", consumers: { people: { model: ssdlite, fps: 5 }, more: { model: ssdlite } } }
  yard: { source: "rtsp://h/b" }
`;
/** A configuration that a test edits. */
interface LooseCamera {
  source: string;
  on_loss: string;
  consumers: object;
}
interface Loose {
  cameras: {
    hall: LooseCamera & { consumers: { people: { fps: number }; more?: object } };
    yard?: LooseCamera;
    door?: LooseCamera;
    gate?: LooseCamera;
  };
  models: { ssdlite: object; own?: object };
  storage: { min_free: string };
}

const STAMP = { by: 'file v.yml', at: '2026-01-02T00:00:00.000Z' };

function read(text: string, password = 'from-the-environment'): ConfigFile {
  const path = join(dir, 'v.yml');
  writeFileSync(path, text);
  return readConfigFile(path, { PASSWORD_K: password });
}

/** As it comes back from the disk. */
const again = (entries: readonly KeptEntry[]): KeptEntry[] => JSON.parse(JSON.stringify(entries)) as KeptEntry[];

function edited(file: ConfigFile, edit: (cameras: Loose['cameras'], config: Loose) => void): Config {
  const config = structuredClone(file.config) as unknown as Loose;
  edit(config.cameras, config);
  return config as unknown as Config;
}

const keptOf = (file: string | null, entries: readonly KeptEntry[]): Kept => ({
  version: 1,
  file,
  revisions: [{ revision: 7, at: '2026-01-01T00:00:00.000Z', by: 'user anna', changes: ['x'], entries }],
});

test('what runtime changed comes back on the file, without a secret of the file', () => {
  const file = read(FILE);
  const inForce = edited(file, (cameras, config) => {
    cameras.hall.consumers.people.fps = 3;
    delete cameras.hall.consumers.more;
    delete cameras.yard;
    cameras.door = { ...cameras.hall, source: 'rtsp://v:runtime-pass@h/d' };
    config.storage.min_free = '3GB';
  });
  const entries = again(changesBeside(file, inForce));
  expect(JSON.stringify(entries.filter(({ at }) => at[1] !== 'door'))).not.toContain('from-the-environment');
  expect(entries.map(({ at }) => at.join('.'))).toEqual(['cameras.hall', 'cameras.yard', 'cameras.door', 'storage']);
  expect(entries[0]?.changes).toEqual([
    { path: ['consumers', 'people', 'fps'], value: 3 },
    { path: ['consumers', 'more'] },
  ]);
  // The password of the environment has changed meanwhile, which is no change of the file.
  const { config, followed, refused } = joined(read(FILE, 'a-new-one'), entries);
  expect([followed, refused]).toEqual([[], []]);
  expect(config).toEqual({
    ...inForce,
    cameras: { ...inForce.cameras, hall: { ...inForce.cameras['hall'], source: 'rtsp://u:a-new-one@h/a' } },
  });
});

test('nothing differs: nothing is kept', () => {
  const file = read(FILE);
  expect(changesBeside(file, structuredClone(file.config))).toEqual([]);
});

test('an entry that the file changes follows the file, the others stay; the order of keys and comments do not count', () => {
  const file = read(FILE);
  const entries = changesBeside(
    file,
    edited(file, (cameras) => {
      cameras.hall.consumers.people.fps = 3;
      cameras.yard!.on_loss = 'conceal';
    }),
  );
  const other = FILE.replace('source: "rtsp://h/b"', 'name: Yard, source: "rtsp://h/b"').replace(
    '{ model: ssdlite, fps: 5 }',
    '{ fps: 5, model: ssdlite } # as before\n   ',
  );
  const { config, followed, refused } = joined(read(other), again(entries));
  expect([followed.map(({ at }) => at), refused]).toEqual([[['cameras', 'yard']], []]);
  expect(config.cameras['hall']?.consumers['people']?.fps).toBe(3);
  expect(config.cameras['yard']).toMatchObject({ name: 'Yard', on_loss: file.config.cameras['yard']?.on_loss });
});

test('a file that was changed to the same is no loss', () => {
  const file = read(FILE);
  const entries = changesBeside(
    file,
    edited(file, (cameras) => {
      cameras.hall.consumers.people.fps = 3;
    }),
  );
  const saved = read(FILE.replace('fps: 5', 'fps: 3'));
  expect(joined(saved, again(entries))).toMatchObject({ applied: [], followed: [], refused: [] });
});

test('a camera that runtime removed stays away until the file changes it; one that was added follows a file that adds it', () => {
  const file = read(FILE);
  const entries = changesBeside(
    file,
    edited(file, (cameras) => {
      delete cameras.yard;
      cameras.door = { ...cameras.hall, source: 'rtsp://h/d' };
    }),
  );
  expect(Object.keys(joined(file, again(entries)).config.cameras)).toEqual(['hall', 'door']);
  const other = read(`${FILE.replace('/b"', '/c"')}  door: { source: "rtsp://h/other" }\n`);
  const { config } = joined(other, again(entries));
  expect([config.cameras['yard']?.source, config.cameras['door']?.source]).toEqual(['rtsp://h/c', 'rtsp://h/other']);
});

test('what is not valid any more is left out, with its reason; what it does not need comes back', () => {
  const file = read(FILE);
  const entries = changesBeside(
    file,
    edited(file, (cameras, config) => {
      cameras.door = {
        ...cameras.hall,
        source: 'rtsp://h/d',
        consumers: { x: { ...cameras.hall.consumers.people, model: 'own' } },
      };
      cameras.gate = { ...cameras.hall, source: 'rtsp://h/g', consumers: {} };
      config.models.own = { ...config.models.ssdlite };
    }),
  );
  // A camera before the model that it needs, and that model.
  expect(joined(file, again(entries)).refused).toEqual([]);
  const broken = again(entries).map((entry) =>
    entry.at[1] === 'own' ? { at: entry.at, file: entry.file, changes: [{ path: [], value: { use: 7 } }] } : entry,
  );
  const { config, refused } = joined(file, broken);
  expect(refused.map(({ entry, why }) => [entry.at.join('.'), why])).toEqual([
    ['cameras.door', expect.stringMatching(/there is no model "own"/)],
    ['models.own', expect.stringMatching(/^models\.own/)],
  ]);
  // One that is broken does not take those with it that need each other.
  const more = again(entries).map((entry) =>
    entry.at[1] === 'gate' ? { at: entry.at, file: entry.file, changes: [{ path: [], value: 7 }] } : entry,
  );
  const half = joined(file, more);
  expect([half.refused.map(({ entry }) => entry.at[1]), Object.keys(half.config.cameras)]).toEqual([
    ['gate'],
    ['hall', 'yard', 'door'],
  ]);
  expect(Object.keys(config.cameras)).toEqual(['hall', 'yard', 'gate']);
});

test('a start: the revision goes on; a file that was changed makes a new one', () => {
  const file = read(FILE);
  const entries = changesBeside(
    file,
    edited(file, (cameras) => {
      cameras.hall.consumers.people.fps = 3;
    }),
  );
  const same = keptOf(null, entries);
  expect(initialOf(file, undefined, STAMP)).toMatchObject({
    config: file.config,
    problem: undefined,
    revisions: [{ revision: 1, ...STAMP }],
  });
  const first = initialOf(file, same, STAMP);
  expect(first.revisions.map(({ revision }) => revision)).toEqual([7, 8]);
  expect(first.revisions[1]?.changes).toEqual(['the file has changed while the node did not run']);
  expect(first.config.cameras['hall']?.consumers['people']?.fps).toBe(3);
  const other = read(FILE.replace('fps: 5', 'fps: 6'));
  const followed = initialOf(other, same, STAMP);
  expect(followed.config.cameras['hall']?.consumers['people']?.fps).toBe(6);
  expect([followed.followed, followed.revisions.at(-1)]).toEqual([
    ['cameras.hall: the file has changed it'],
    { ...STAMP, revision: 8, changes: ['cameras.hall: the file has changed it'], entries: [] },
  ]);
});

test('the file alone: what runtime changed is not in force, and that is said', () => {
  const file = read(FILE);
  const { config, problem, revisions } = fileAlone(file, keptOf(null, []), STAMP, 'it does not fit');
  expect(config).toBe(file.config);
  expect(problem).toBe('what was changed at runtime is not in force: it does not fit');
  expect(revisions.at(-1)).toEqual({ ...STAMP, revision: 8, changes: [problem], entries: [] });
});

test('the file of changes: for its owner only, whole or not at all, set aside when it was not used', async () => {
  const path = join(dir, 'state', 'changes.json');
  const file = new KeptFile(path);
  expect(await file.read()).toBeUndefined();
  const kept = keptOf('x', [
    { at: ['cameras', 'a'], file: null, changes: [{ path: [], value: { source: 's' } }, { path: ['b'] }] },
  ]);
  writeFileSync(join(dir, 'loose'), '');
  await file.write(kept);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await new KeptFile(path).read()).toEqual(kept);
  // A half-written one of a process that was killed, readable for others.
  writeFileSync(`${path}.new`, 'half');
  chmodSync(`${path}.new`, 0o644);
  await file.write(kept);
  expect([statSync(path).mode & 0o777, existsSync(`${path}.new`)]).toEqual([0o600, false]);
  for (const damaged of ['{', '{"version":1}', '{"version":2,"file":null,"revisions":[]}']) {
    writeFileSync(path, damaged);
    await expect(new KeptFile(path).read()).rejects.toThrow(
      `${path} cannot be read (it has another form than vigia writes)`,
    );
  }
  file.setAside();
  await file.write(kept);
  expect(readFileSync(`${path}.unused`, 'utf8')).toMatch(/^\{"version":2/);
  expect(await file.read()).toEqual(kept);
});

test('revisions that would make the file too long are forgotten, the oldest first', async () => {
  const path = join(dir, 'long.json');
  const file = new KeptFile(path);
  const value = 'x'.repeat(3 * 1024 * 1024);
  const revisions = [1, 2, 3, 4].map((revision) => ({
    by: 'file v.yml',
    at: '2026-01-02T00:00:00.000Z',
    revision,
    changes: [],
    entries: [{ at: ['storage'], file: null, changes: [{ path: ['path'], value }] }],
  }));
  await file.write({ version: 1, file: null, revisions });
  expect((await file.read())?.revisions.map(({ revision }) => revision)).toEqual([3, 4]);
});
