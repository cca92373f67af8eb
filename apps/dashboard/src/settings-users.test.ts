import { beforeEach, expect, test } from 'vitest';
import { UsersScreen } from './settings-users.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly options: { readonly body?: unknown };
  /** Undefined: no answer. */
  answer(status: number | undefined, body?: unknown): Promise<void>;
}

const at = '2026-11-22T03:00:00.000Z';
const ANNA = { name: 'anna', role: 'admin', cameras: 'all', password: true, created_at: at };
const NADIA = { name: 'nadia', role: 'operator', cameras: ['hall'], password: true, created_at: at };
const HOME = { id: '0123456789ab', user: 'nadia', name: 'home', role: 'viewer', created_at: at, expires_at: null };

let asked: Asked[];
let screen: UsersScreen;

async function settled(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await Promise.resolve();
}

beforeEach(() => {
  asked = [];
  screen = new UsersScreen(
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
    },
    () => 'token',
  );
});

/** The last change. */
const change = (): Asked => asked.findLast(({ method }) => method !== 'GET') as Asked;

/** Answers the questions for users and tokens. */
async function answers(users: readonly object[] = [ANNA, NADIA], tokens: readonly object[] = [HOME]): Promise<void> {
  const [first, second] = asked.slice(-2);
  await first?.answer(200, users);
  await second?.answer(200, tokens);
}

async function opened(): Promise<void> {
  void screen.load();
  await answers();
}

test('shows users and tokens; without them it says why', async () => {
  void screen.load();
  await asked.at(-2)?.answer(403, { error: { message: 'this node has no users' } });
  await asked.at(-1)?.answer(403, { error: { message: 'this node has no users' } });
  expect([screen.failed.value, screen.users.value]).toEqual(['this node has no users', null]);
  await opened();
  expect([screen.failed.value, screen.users.value?.length]).toEqual(['', 2]);
  screen.edit('nadia');
  expect(screen.ofForm.map(({ name }) => name)).toEqual(['home']);
});

test('adds a user; a refusal loses nothing but the password, which is nowhere', async () => {
  await opened();
  screen.edit(null);
  expect(screen.isReady).toBe(false);
  screen.type({ name: 'otto', role: 'operator', all: false });
  // No camera is chosen.
  expect(screen.isReady).toBe(false);
  screen.type({ cameras: ['hall', 'yard'] });
  void screen.save('correct horse');
  const body = { name: 'otto', role: 'operator', cameras: ['hall', 'yard'], password: 'correct horse' };
  expect(change()).toMatchObject({ method: 'POST', path: '/api/v1/users', options: { body, csrf: 'token' } });
  await change().answer(409, { error: { message: 'there is a user otto' } });
  expect(screen.outcome.value).toEqual({ kind: 'refused', about: 'user', why: 'there is a user otto' });
  expect(screen.form.value).toMatchObject({ name: 'otto', role: 'operator', cameras: ['hall', 'yard'] });
  expect(JSON.stringify(Object.entries(screen))).not.toContain('horse');
  screen.type({ name: 'otto2' });
  expect(screen.outcome.value.kind).toBe('idle');
  void screen.save('');
  expect(change().options.body).toEqual({ name: 'otto2', role: 'operator', cameras: ['hall', 'yard'] });
  const added = { ...NADIA, name: 'otto2', cameras: ['hall', 'yard'] };
  await change().answer(200, added);
  await answers([ANNA, NADIA, added], []);
  expect(screen.outcome.value).toEqual({ kind: 'done', about: 'user', name: 'otto2', isNew: true });
  // Its tokens can be made now.
  expect(screen.form.value?.before?.name).toBe('otto2');
});

test('a change has only what differs', async () => {
  await opened();
  screen.edit('nadia');
  expect(screen.isDirty).toBe(false);
  await screen.save('');
  expect(change()).toBeUndefined();
  void screen.save('a new password');
  expect(change()).toMatchObject({ method: 'PUT', path: '/api/v1/users/nadia' });
  expect(change().options.body).toEqual({ password: 'a new password' });
  await change().answer(undefined);
  expect(screen.outcome.value).toEqual({ kind: 'unanswered', about: 'user' });
  screen.type({ all: true, role: 'viewer' });
  expect(screen.isDirty).toBe(true);
  void screen.save('');
  expect(change().options.body).toEqual({ role: 'viewer', cameras: 'all' });
  // Nothing can be typed, closed or sent meanwhile.
  screen.type({ role: 'admin' });
  screen.close();
  screen.edit('anna');
  void screen.remove();
  expect([screen.form.value?.role, change().method]).toEqual(['viewer', 'PUT']);
});

test('a user is removed; the last admin is not, which is said', async () => {
  await opened();
  screen.edit('anna');
  screen.ask({ token: null });
  void screen.remove();
  expect(change()).toMatchObject({ method: 'DELETE', path: '/api/v1/users/anna' });
  await change().answer(409, { error: { message: 'this is the last admin' } });
  expect(screen.outcome.value).toEqual({ kind: 'refused', about: 'removal', why: 'this is the last admin' });
  expect(screen.removing.value).toEqual({ token: null });
  screen.edit('nadia');
  expect(screen.removing.value).toBeNull();
  void screen.remove();
  await change().answer(200, {});
  await answers([ANNA], []);
  expect([screen.form.value, screen.users.value?.length]).toEqual([null, 1]);
  expect(screen.outcome.value).toMatchObject({ kind: 'done', about: 'removal', name: 'nadia' });
});

test('a token is shown once, and removed', async () => {
  await opened();
  screen.edit('nadia');
  screen.typeToken({ name: ' home ', role: 'viewer', days: '30' });
  void screen.makeToken();
  expect(change().options.body).toEqual({ name: 'home', user: 'nadia', role: 'viewer', days: 30 });
  await change().answer(400, { error: { message: 'body.days: at most 3650' } });
  expect(screen.token.value).toEqual({ name: ' home ', role: 'viewer', days: '30' });
  screen.typeToken({ days: 'ever' });
  void screen.makeToken();
  expect(change().options.body).toMatchObject({ days: 'ever' });
  await change().answer(400, { error: { message: 'body.days: a number' } });
  screen.typeToken({ days: '' });
  void screen.makeToken();
  expect(change().options.body).toEqual({ name: 'home', user: 'nadia', role: 'viewer' });
  await change().answer(200, { ...HOME, token: 'vigia_secret' });
  await answers();
  expect([screen.made.value?.token, screen.token.value.name]).toEqual(['vigia_secret', '']);
  screen.ask({ token: HOME.id });
  void screen.removeToken(HOME.id);
  expect(change()).toMatchObject({ method: 'DELETE', path: '/api/v1/tokens/0123456789ab' });
  await change().answer(200, {});
  await answers([ANNA, NADIA], []);
  expect([screen.made.value, screen.removing.value]).toEqual([null, null]);
  expect(screen.outcome.value).toMatchObject({ kind: 'done', about: 'token-removal', name: 'home' });
});

test('a token that was made is not shown to who comes back', async () => {
  await opened();
  screen.edit('nadia');
  screen.typeToken({ name: 'home' });
  void screen.makeToken();
  await change().answer(200, { ...HOME, token: 'vigia_secret' });
  await answers();
  screen.leave();
  expect([screen.made.value, screen.form.value?.name]).toEqual([null, 'nadia']);
});
