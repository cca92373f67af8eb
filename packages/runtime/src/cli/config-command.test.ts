import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '@vigia/contracts';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { readConfigFile } from '#node/config';
import { joined, type KeptEntry } from '#node/desired';
import { save } from './config-command.ts';

const dir = mkdtempSync(join(tmpdir(), 'vigia-save-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'v.yml');
const secretsDir = join(dir, 'state', 'secrets');
const TEXT = `# The ward.
version: 1
models: { ssdlite: { use: ssdlite-mobilenet-v2 } }

cameras:
  # In the corridor.
  hall:
    source: "rtsp://h/a" # the old one
    consumers:
      people: { model: ssdlite, fps: 5 } # fast enough
  yard: { source: "rtsp://h/b" }
`;

beforeEach(() => writeFileSync(file, TEXT));

const change = (at: string[], path: string[], ...[value]: readonly unknown[]): KeptEntry => {
  const known = joined(readConfigFile(file), []).config as unknown as Record<string, Record<string, unknown>>;
  expect(known[at[0] ?? '']).toBeDefined();
  return { at, file: null, changes: [value === undefined ? { path } : { path, value }] };
};
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

/** A configuration with changes, without regard to what the file says of them. */
const edited = (edit: (config: Loose) => void): Config => {
  const config = structuredClone(readConfigFile(file).config) as unknown as Loose;
  edit(config);
  return config as unknown as Config;
};

test('what was changed stands in the file; comments, order and mode stay', () => {
  chmodSync(file, 0o640);
  const config = edited(({ cameras }) => {
    cameras.hall.consumers.people.fps = 3;
    cameras.hall.on_loss = 'conceal';
    delete cameras.yard;
  });
  const entries = [
    change(['cameras', 'hall'], ['consumers', 'people', 'fps'], 3),
    change(['cameras', 'hall'], ['on_loss'], 'conceal'),
    change(['cameras', 'yard'], []),
  ];
  save(file, { config, entries, secretsDir });
  expect(readFileSync(file, 'utf8')).toBe(`# The ward.
version: 1
models: { ssdlite: { use: ssdlite-mobilenet-v2 } }

cameras:
  # In the corridor.
  hall:
    source: "rtsp://h/a" # the old one
    consumers:
      people: { model: ssdlite, fps: 3 } # fast enough
    on_loss: conceal
`);
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(readConfigFile(file).config).toEqual(config);
});

test('a camera that was added is short, and its passwords are in files of their own', () => {
  const source = 'rtsp://v:a%2Fb%407@h/d?password=query-pass';
  const config = edited(({ cameras }) => {
    cameras.door = { ...cameras.hall, source, consumers: { people: { ...cameras.hall.consumers.people, fps: 2 } } };
  });
  save(file, { config, entries: [change(['cameras', 'door'], [], config.cameras['door'])], secretsDir });
  expect(readFileSync(file, 'utf8')).toBe(`${TEXT}  door:
    source: rtsp://v:\${file:${secretsDir}/cameras.door.source.2}@h/d?password=\${file:${secretsDir}/cameras.door.source}
    consumers:
      people:
        model: ssdlite
        fps: 2
`);
  expect(readdirSync(secretsDir).sort()).toEqual(['cameras.door.source', 'cameras.door.source.2']);
  expect(readFileSync(join(secretsDir, 'cameras.door.source.2'), 'utf8')).toBe('a/b@7\n');
  expect(statSync(join(secretsDir, 'cameras.door.source')).mode & 0o777).toBe(0o600);
  expect(readConfigFile(file).config).toEqual(config);
});

test('a file that would say something else stays as it is', () => {
  const entries = [change(['cameras', 'hall'], ['consumers', 'people', 'fps'], 3)];
  const config = edited(({ cameras }) => {
    cameras.hall.consumers.people.fps = 4;
  });
  const sentence =
    /v\.yml cannot be written \(it would say something else: cameras\.hall\.consumers\.people\.fps: 4 → 3\); it is as it was/;
  expect(() => save(file, { config, entries, secretsDir })).toThrow(sentence);
  expect(readFileSync(file, 'utf8')).toBe(TEXT);
  expect(readdirSync(dir)).not.toContain('v.yml.new');
});

test('an alias is not written through', () => {
  const text = TEXT.replace('yard: { source: "rtsp://h/b" }', 'yard: *hall').replace('  hall:', '  hall: &hall');
  writeFileSync(file, text);
  const config = edited(({ cameras }) => {
    cameras.yard!.on_loss = 'conceal';
  });
  const entries = [change(['cameras', 'yard'], ['on_loss'], 'conceal')];
  expect(() => save(file, { config, entries, secretsDir })).toThrow(
    'cameras.yard is an alias (`*name`) in the file: write it out, then save again',
  );
  expect(readFileSync(file, 'utf8')).toBe(text);
});
