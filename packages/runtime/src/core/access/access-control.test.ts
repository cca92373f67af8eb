import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FakeClock, messageOf } from '@vigia/base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AccessControl } from './access-control.ts';
import { Passwords } from './passwords.ts';

const PASSWORD = 'correct horse';
const ADMIN = { name: 'anna', role: 'admin', cameras: 'all', password: undefined } as const;

let dir: string;
let path: string;
let clock: FakeClock;
let access: AccessControl;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vigia-access-'));
  path = join(dir, 'state', 'access.json');
  clock = new FakeClock();
  access = new AccessControl({ path, clock, passwords: new Passwords({ n: 10, r: 8, p: 1 }) });
  await access.load();
});
afterEach(() => rmSync(dir, { recursive: true }));

const DAY = 86_400_000;

describe('users', () => {
  test('none at first; the first one is an admin of all cameras, and the last one stays', async () => {
    expect([access.hasUsers, access.users()]).toEqual([false, []]);
    await expect(access.addUser({ ...ADMIN, role: 'operator' })).rejects.toMatchObject({ code: 'last_admin' });
    await expect(access.addUser({ ...ADMIN, cameras: ['hall'] })).rejects.toMatchObject({ code: 'last_admin' });
    await access.addUser(ADMIN);
    await access.addUser({ ...ADMIN, name: 'vera', role: 'viewer', cameras: ['hall'] });
    expect(access.hasUsers).toBe(true);
    await expect(access.removeUser('anna')).rejects.toMatchObject({ code: 'last_admin' });
    await expect(access.changeUser('anna', { role: 'viewer' })).rejects.toMatchObject({ code: 'last_admin' });
    await expect(access.changeUser('anna', { cameras: ['hall'] })).rejects.toMatchObject({ code: 'last_admin' });
    expect(access.users().map(({ name, role }) => `${name} ${role}`)).toEqual(['anna admin', 'vera viewer']);
    await access.removeUser('vera');
    await access.removeUser('anna');
    expect(access.hasUsers).toBe(false);
  });

  test('are there again after a restart, in a file that only its owner can read and that has no secret', async () => {
    await access.addUser({ ...ADMIN, password: PASSWORD });
    const { token } = await access.addToken('anna', { name: 'home', role: undefined, days: undefined });
    const { text } = await access.login('anna', PASSWORD, '10.0.0.1');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const stored = readFileSync(path, 'utf8');
    // A key is `vigia_ID_SECRET`; its secret may itself have underscores.
    const secretOf = (key: string): string => key.split('_').slice(2).join('_');
    for (const secret of [PASSWORD, secretOf(token), secretOf(text)]) {
      expect(secret.length).toBeGreaterThan(8);
      expect(stored).not.toContain(secret);
    }
    const again = new AccessControl({ path, clock });
    await again.load();
    expect(again.users()).toEqual(access.users());
    expect([again.identify(token)?.user, again.identify(text)?.user]).toEqual(['anna', 'anna']);
  });

  test('a change begins with what another program stored', async () => {
    const other = new AccessControl({ path, clock });
    await access.addUser(ADMIN);
    await other.addUser({ ...ADMIN, name: 'otto' });
    await access.addUser({ ...ADMIN, name: 'vera' });
    expect(access.users().map(({ name }) => name)).toEqual(['anna', 'otto', 'vera']);
    await expect(access.addUser({ ...ADMIN, name: 'otto' })).rejects.toMatchObject({ code: 'exists' });
  });

  test.each(['nope', 'constructor', '__proto__'])('%s is nobody', async (name) => {
    await access.addUser(ADMIN);
    await expect(access.changeUser(name, { role: 'viewer' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(access.addToken(name, { name: 't', role: undefined, days: undefined })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(access.login(name, PASSWORD, '10.0.0.1')).rejects.toMatchObject({ code: 'login_failed' });
  });
});

describe('the file', () => {
  test.each([
    ['no JSON', '{"version":1,', 'it is no JSON'],
    ['another form', '{"version":2,"users":{},"keys":{}}', 'it has another form than vigia writes'],
    [
      'a hash that would take memory',
      JSON.stringify({
        version: 1,
        keys: {},
        users: {
          a: {
            role: 'admin',
            cameras: 'all',
            password: `scrypt$24$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
            created_at: '2026-01-01T00:00:00Z',
          },
        },
      }),
      'it has another form',
    ],
  ])('%s: nobody is let in, nothing is changed, and it is as it was', async (_what, text, why) => {
    await access.addUser({ ...ADMIN, password: PASSWORD });
    const { token } = await access.addToken('anna', { name: 'home', role: undefined, days: undefined });
    writeFileSync(path, text);
    expect((await access.load())?.message).toContain(why);
    expect([access.hasUsers, access.identify(token)]).toEqual([true, undefined]);
    await expect(access.login('anna', PASSWORD, '10.0.0.1')).rejects.toMatchObject({ code: 'access_damaged' });
    expect(() => access.users()).toThrow('cannot be read');
    await expect(access.addUser({ ...ADMIN, name: 'b' })).rejects.toMatchObject({ code: 'access_damaged' });
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test('one that is gone lets nobody in', async () => {
    await access.addUser({ ...ADMIN, password: PASSWORD });
    rmSync(path);
    expect((await access.load())?.message).toContain('the file of the users is gone');
    expect(access.hasUsers).toBe(true);
    expect(access.failure?.code).toBe('access_damaged');
  });

  /** Lets time pass while files are read. */
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 25) {
      for (let turn = 0; turn < 5; turn += 1) await setImmediate();
      await readFile(path, 'utf8');
      clock.advance(25);
    }
  };

  test('while another program changes it, a change waits a second, then it is refused; what a dead one left is not in the way', async () => {
    await access.addUser(ADMIN);
    const busy = (): void => {
      writeFileSync(`${path}.new`, '');
      utimesSync(`${path}.new`, clock.wallMs() / 1_000, clock.wallMs() / 1_000);
    };
    busy();
    const adding = access.addUser({ ...ADMIN, name: 'b' });
    await pass(200);
    expect(access.users()).toHaveLength(1);
    rmSync(`${path}.new`);
    await pass(200);
    await adding;
    expect(access.users()).toHaveLength(2);
    busy();
    const refused = access.addUser({ ...ADMIN, name: 'c' }).catch(messageOf);
    await pass(2_000);
    expect(await refused).toContain('another program changes it');
    expect(existsSync(`${path}.new`)).toBe(true);
    clock.advance(10_001);
    await access.addUser({ ...ADMIN, name: 'c' });
    expect(access.users()).toHaveLength(3);
  });

  test('one that cannot be written changes nothing', async () => {
    writeFileSync(join(dir, 'file'), '');
    const nowhere = new AccessControl({ path: join(dir, 'file', 'access.json'), clock });
    await expect(nowhere.addUser(ADMIN)).rejects.toMatchObject({ code: 'access_file' });
    expect(nowhere.hasUsers).toBe(false);
  });
});

describe('tokens', () => {
  test('may do what their user may, or less, until they expire or are removed', async () => {
    await access.addUser(ADMIN);
    await access.addUser({ ...ADMIN, name: 'otto', role: 'operator', cameras: ['hall'] });
    const own = await access.addToken('otto', { name: 'a', role: 'admin', days: 2 });
    const less = await access.addToken('otto', { name: 'b', role: 'viewer', days: undefined });
    expect(access.identify(own.token)).toMatchObject({
      who: 'user otto',
      role: 'operator',
      cameras: ['hall'],
      csrf: undefined,
    });
    expect(access.identify(less.token)?.role).toBe('viewer');
    await access.changeUser('otto', { role: 'viewer', cameras: 'all' });
    expect(access.identify(own.token)).toMatchObject({ role: 'viewer', cameras: 'all' });
    clock.advance(2 * DAY);
    expect(access.identify(own.token)).toBeUndefined();
    expect(access.tokens('otto').map(({ id }) => id)).toEqual([own.id, less.id]);
    await access.removeToken(less.id);
    expect(access.identify(less.token)).toBeUndefined();
    await expect(access.removeToken(less.id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('nothing else is one', async () => {
    await access.addUser(ADMIN);
    const { token } = await access.addToken('anna', { name: 'a', role: undefined, days: undefined });
    const last = token.endsWith('A') ? 'B' : 'A';
    for (const wrong of ['', 'vigia', token.slice(0, -1), `${token}x`, token.slice(0, -1) + last, token.toUpperCase()])
      expect(access.identify(wrong)).toBeUndefined();
  });

  test('go with their user', async () => {
    await access.addUser(ADMIN);
    await access.addUser({ ...ADMIN, name: 'otto' });
    const { token } = await access.addToken('otto', { name: 'a', role: undefined, days: undefined });
    await access.removeUser('otto');
    await access.addUser({ ...ADMIN, name: 'otto' });
    expect([access.identify(token), access.tokens()]).toEqual([undefined, []]);
  });

  test('at most 100 of a user', async () => {
    await access.addUser(ADMIN);
    for (let n = 0; n < 100; n += 1) await access.addToken('anna', { name: 't', role: undefined, days: undefined });
    await expect(access.addToken('anna', { name: 't', role: undefined, days: undefined })).rejects.toMatchObject({
      code: 'limit',
    });
  });
});

describe('sessions', () => {
  beforeEach(() => access.addUser({ ...ADMIN, password: PASSWORD }));
  const login = (): Promise<{ readonly text: string }> => access.login('anna', PASSWORD, '10.0.0.1');

  test('last a week, have a CSRF token of their own, and end with the logout', async () => {
    const [{ text: one }, { text: other }] = [await login(), await login()];
    const [first, second] = [access.identify(one), access.identify(other)];
    expect(first?.csrf).toHaveLength(43);
    expect(first?.csrf).not.toBe(second?.csrf);
    await access.logout(first as NonNullable<typeof first>);
    expect([access.identify(one), access.identify(other)?.user]).toEqual([undefined, 'anna']);
    clock.advance(7 * DAY);
    expect(access.identify(other)).toBeUndefined();
  });

  test('of a screen in a corridor last a year, and stay those of a screen', async () => {
    await access.addUser({ name: 'corridor', role: 'screen', cameras: 'all', password: PASSWORD });
    const { text } = await access.login('corridor', PASSWORD, '10.0.0.1');
    clock.advance(364 * DAY);
    expect(access.identify(text)?.role).toBe('screen');
    await access.changeUser('corridor', { role: 'admin' });
    expect(access.identify(text)?.role).toBe('screen');
    clock.advance(DAY);
    expect(access.identify(text)).toBeUndefined();
  });

  test('end when the password changes; tokens stay', async () => {
    const { text } = await login();
    const { token } = await access.addToken('anna', { name: 'a', role: undefined, days: undefined });
    await access.changeUser('anna', { password: 'another password' });
    expect([access.identify(text), access.identify(token)?.user]).toEqual([undefined, 'anna']);
    await expect(login()).rejects.toMatchObject({ code: 'login_failed' });
  });

  test('of those who began something: still valid, until a right or the login changes', async () => {
    const { text } = await login();
    const began = access.identify(text) as NonNullable<ReturnType<AccessControl['identify']>>;
    let changes = 0;
    access.onChange(() => (changes += 1));
    await access.addUser({ ...ADMIN, name: 'otto' });
    expect([access.isStill(began), changes]).toEqual([true, 1]);
    await access.changeUser('anna', { cameras: ['hall'] });
    expect([access.isStill(began), changes]).toEqual([false, 2]);
    await access.changeUser('anna', { cameras: 'all' });
    expect(access.isStill(began)).toBe(true);
    await access.logout(began);
    expect(access.isStill(began)).toBe(false);
  });

  test('a wrong name and a wrong password are the same error', async () => {
    const failures = [
      ['anna', 'wrong'],
      ['nobody', PASSWORD],
    ].map(([name = '', password = '']) =>
      access.login(name, password, '10.0.0.1').catch((error: unknown) => String(error)),
    );
    const [one, other] = await Promise.all(failures);
    expect(one).toBe(other);
  });

  test('a user without a password cannot log in', async () => {
    await access.addUser({ ...ADMIN, name: 'robot' });
    await expect(access.login('robot', '', '10.0.0.1')).rejects.toMatchObject({ code: 'login_failed' });
  });
});
