import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '../bin/vigia.mjs');
/** Somebody walks in and falls: down at 2.9 s. */
const FALL = fileURLToPath(new URL('../assets/fall.mp4', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'vigia-rules-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function rules(...words: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'rules', ...words], { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

/** A camera whose zones are these. @param more Further rules. */
function config(zones: string, more = ''): string {
  const file = join(dir, `${zones.length}${more.length}.yml`);
  const camera = `source: file:/none\n    zones: { ${zones} }\n    consumers: { people: { model: ssd, fps: 5 } }`;
  const rule = `rules: { fall: { from: people, long_lie: 3s }${more} }`;
  const models = 'models: { ssd: { use: ssdlite-mobilenet-v2 } }';
  writeFileSync(file, `version: 1\nnode: t\ncameras:\n  room:\n    ${camera}\n    ${rule}\n${models}\n`);
  return file;
}

test('a clip with a fall: when who was how, why there was an alarm, and a picture of it', () => {
  const out = join(dir, 'out');
  const { code, stdout, stderr } = rules('test', '--rule', 'fall', '--clip', FALL, '--out', out);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const alarm = /^ *(\d\.\d) {2}1 +ALARM fall: down for \d\.\d s; the top fell by 0\.\d\d body heights/m.exec(stdout);
  expect(Number(alarm?.[1])).toBeGreaterThan(2.9);
  expect(Number(alarm?.[1])).toBeLessThan(4.9);
  expect(stdout).toMatch(/1 +upright +yes[^]+1 +down +/);
  expect(stdout).toContain('1 alarm');
  expect(readFileSync(join(out, 'fall-fall.jpg')).subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
  const lines = readFileSync(join(out, 'fall-fall.jsonl'), 'utf8').trim().split('\n');
  expect(lines.length).toBe(32);
  const states = lines.map((line) => JSON.parse(line) as { at_ms: number; alarms: object[] });
  expect(states.filter(({ alarms }) => alarms.length > 0)).toHaveLength(1);
});

test('zones of a configuration: where everything is a bed, nobody falls', () => {
  const bed = 'bed: { kind: bed, points: [[0, 0], [1, 0], [1, 1], [0, 1]] }';
  const { code, stdout } = rules('test', '--clip', FALL, '-c', config(bed), '--json');
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { alarms: object[] });
  expect(lines.length).toBe(32);
  expect(lines.flatMap(({ alarms }) => alarms)).toEqual([]);
});

test('a bed: its states and alarms, and a picture', () => {
  const out = join(dir, 'bed');
  const bed = 'bed: { kind: bed, points: [[0, 0.3], [1, 0.3], [1, 1], [0, 1]] }';
  const file = config(bed, ', bed: { from: people, zone: bed, alarm: sitting }');
  const { code, stdout, stderr } = rules('test', '--rule', 'bed', '--clip', FALL, '-c', file, '--out', out);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  // Where everything is a bed, who stands sits up in it, and who falls lies down.
  expect(stdout).toMatch(
    /^ SECOND {2}BED +SINCE\n +\d\.\d {2}sitting +\d\.\d s\n +\d\.\d {2}ALARM sitting\n +\d\.\d {2}in +\d\.\d s\n/,
  );
  const lines = readFileSync(join(out, 'fall-bed.jsonl'), 'utf8').trim().split('\n');
  expect(lines.length).toBe(32);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ state: 'in', alarms: [] });
  expect(readFileSync(join(out, 'fall-bed.jpg')).subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
});

test('visits: who came into zones and left them, and alarms', () => {
  const out = join(dir, 'visits');
  const zones =
    'room: { kind: area, points: [[0, 0], [1, 0], [1, 1], [0, 1]] }, shelf: { kind: area, points: [[0, 0], [0.1, 0], [0, 0.1]] }';
  const file = config(zones, ', visits: { from: people, zones: { room: { alarm: occupied, after: 2s }, shelf: {} } }');
  const { code, stdout, stderr } = rules('test', '--rule', 'visits', '--clip', FALL, '-c', file, '--out', out);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(
    /^ SECOND {2}ZONE +STATE +SINCE\n +\d\.\d {2}room +occupied +\d\.\d s\n +[23]\.\d {2}room +ALARM occupied\n.*1 visit, 1 alarm\n/,
  );
  const lines = readFileSync(join(out, 'fall-visits.jsonl'), 'utf8').trim().split('\n');
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
    zones: [
      { zone: 'room', state: 'occupied', most_people: 1 },
      { zone: 'shelf', state: 'unknown', entered_ms: null },
    ],
  });
  expect(readFileSync(join(out, 'fall-visits.jpg')).subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
});

test('bad input: one sentence, and exit code 2', () => {
  const cases: [words: string[], sentence: string][] = [
    [['test'], 'vigia rules test: --clip is missing: a video file'],
    [['test', '--clip', '/none.mp4'], 'vigia rules test: --clip /none.mp4 is no file'],
    [['test', '--clip', FALL, '--fps', '0'], 'vigia rules test: --fps 0: 1 to 30 are allowed'],
    [['test', '--clip', FALL, '--rule', 'beds'], 'vigia rules test: --rule beds: allowed are fall, bed, visits'],
    [
      ['test', '--clip', FALL, '--rule', 'bed'],
      'vigia rules test: --rule bed needs --config FILE: its zones show where to look',
    ],
    [
      ['test', '--clip', FALL, '--rule', 'bed', '-c', config('f: { kind: floor, points: [[0, 0], [1, 0], [1, 1]] }')],
      'vigia rules test: --camera is missing; no camera of it has `rules.bed`',
    ],
    [['test', '--clip', FALL, '--camera', 'room'], 'vigia rules test: --camera needs --config FILE'],
    [
      [
        'test',
        '--clip',
        FALL,
        '-c',
        config('f: { kind: floor, points: [[0, 0], [1, 0], [1, 1]] }'),
        '--camera',
        'hall',
      ],
      'vigia rules test: --camera hall has no fall rule; allowed are room',
    ],
    [
      ['replay', '--from', '1h'],
      'vigia rules replay: --rule (none): allowed are bed and visits; falls need pictures: export a clip, and use vigia rules test',
    ],
    [['play', '--clip', FALL], 'vigia rules: found "play"; allowed are test and replay'],
  ];
  for (const [words, sentence] of cases)
    expect(rules(...words)).toEqual({ code: 2, stdout: '', stderr: `vigia: ${sentence}\n` });
});
