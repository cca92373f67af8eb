import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Sandbox } from './support/vigia.ts';

const MAIN = join(import.meta.dirname, '../bin/vigia.mjs');
const PASSWORD = 'correct horse battery';

let box: Sandbox;
beforeAll(() => {
  box = new Sandbox();
});
afterAll(() => box.remove());

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `vigia users` for a node that does not run. */
function users(words: readonly string[], input = ''): Ended {
  const done = spawnSync(process.execPath, [MAIN, 'users', ...words, '--node', box.node], {
    env: { ...process.env, ...box.env },
    input,
    encoding: 'utf8',
  });
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
}

test('users and tokens of a node that does not run', () => {
  expect(users(['list'])).toMatchObject({ code: 0, stdout: expect.stringContaining('no users') });
  expect(users(['add', 'anna'], `${PASSWORD}\n`)).toMatchObject({
    code: 1,
    stderr: 'vigia: the first user must be an admin of all cameras\n',
  });
  expect(users(['add', 'anna', '--role', 'admin'], 'short\n')).toMatchObject({
    code: 2,
    stderr: 'vigia: a password has at least 8 characters\n',
  });
  expect(users(['add', 'anna', '--role', 'admin'], `${PASSWORD}\nmore\n`)).toEqual({
    code: 0,
    stdout: 'user anna: admin of all cameras\n',
    stderr: '',
  });
  expect(users(['add', 'robot', '--cameras', 'hall, yard', '--no-password']).stdout).toBe(
    'user robot: viewer of hall, yard\n',
  );
  expect(users(['list']).stdout).toBe('anna   admin   all cameras\nrobot  viewer  hall, yard   tokens only\n');
  const made = users(['token', 'robot', '--for', 'home automation', '--days', '2']);
  expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('shown once') });
  expect(made.stdout).toMatch(/^vigia_[0-9a-f]{12}_[\w-]{43}\n$/);
  const [id = ''] = users(['tokens']).stdout.split(' ');
  expect(users(['tokens']).stdout).toMatch(
    /^[0-9a-f]{12} {2}robot {2}viewer {2}home automation {2}until \d{4}-\d\d-\d\d\n$/,
  );
  expect(users(['revoke', id]).stdout).toBe(`token ${id}: removed\n`);
  expect(users(['revoke', id])).toMatchObject({ code: 1, stderr: `vigia: there is no token "${id}"\n` });
  expect(users(['remove', 'anna'])).toMatchObject({ code: 1, stderr: expect.stringContaining('last admin') });
  const file = join(box.env['VIGIA_STATE_DIR'] ?? '', 'access.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).not.toMatch(
    new RegExp(`${PASSWORD}|${made.stdout.trim().split('_').slice(2).join('_')}`),
  );
  expect(existsSync(`${file}.new`)).toBe(false);
});

test.each([
  [['lst'], 'found "lst", allowed are list, add,'],
  [['add'], 'a user’s name is expected there'],
  [['add', 'Anna!'], 'a user’s name is 1 to 63 of a-z'],
  [['add', 'b', '--role', 'boss'], '--role: found "boss", allowed are screen, viewer, operator, admin'],
  [['add', 'b', '--cameras', '../x', '--no-password'], '--cameras: found "../x", allowed are `all` or ids'],
  [['list', '--role', 'admin'], '--role is not for it'],
  [['token', 'robot', '--days', 'soon'], 'days: '],
  [['change', 'robot'], 'give --role, --cameras or --password'],
])('%s is refused: exit code 2, one sentence', (words, sentence) => {
  const { code, stderr, stdout } = users(words, `${PASSWORD}\n`);
  expect(stderr).toContain(sentence);
  expect([code, stdout, stderr.trimEnd().split('\n').length]).toEqual([2, '', 1]);
});

test('a file that is damaged is not replaced', () => {
  const file = join(box.env['VIGIA_STATE_DIR'] ?? '', 'access.json');
  writeFileSync(file, 'damaged');
  expect(users(['list'])).toMatchObject({ code: 1, stderr: expect.stringContaining('it is no JSON') });
  expect(users(['add', 'c', '--role', 'admin'], `${PASSWORD}\n`).code).toBe(1);
  expect(readFileSync(file, 'utf8')).toBe('damaged');
});
