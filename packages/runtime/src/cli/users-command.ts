import { UsageError, VigiaError } from '@vigia/base';
import {
  type Grant,
  grantSchema,
  newTokenSchema,
  ROLES,
  type Role,
  tokenIdSchema,
  userNameSchema,
} from '@vigia/contracts/api';
import type { z } from 'zod';
import { askPassword } from './ask-password.ts';
import { text, type Values } from './options.ts';
import { type Accounts, accountsOf } from './user-accounts.ts';
import { USERS_OPTIONS, type UsersOption } from './users-options.ts';
import { nodeNamed } from './which-node.ts';

interface Verb {
  readonly options: readonly UsersOption[];
  /** Its argument, for a sentence. */
  readonly word: 'a user’s name' | 'a token’s id' | undefined;
  run(accounts: Accounts, values: Values, word: string): Promise<string>;
}

const VERBS: Readonly<Record<string, Verb>> = {
  list: { options: ['json'], word: undefined, run: list },
  add: { options: ['role', 'cameras', 'no-password'], word: 'a user’s name', run: add },
  change: { options: ['role', 'cameras', 'password'], word: 'a user’s name', run: change },
  remove: { options: [], word: 'a user’s name', run: remove },
  token: { options: ['for', 'role', 'days', 'json'], word: 'a user’s name', run: token },
  tokens: { options: ['json'], word: undefined, run: tokens },
  revoke: { options: [], word: 'a token’s id', run: revoke },
};

/** `vigia users`. */
export async function usersCommand(values: Values, [name = '', word]: readonly string[]): Promise<number> {
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (!verb) throw new UsageError(`vigia users: found "${name}", allowed are ${Object.keys(VERBS).join(', ')}`);
  refuseOptions(name, verb, values);
  if ((verb.word === undefined) !== (word === undefined))
    throw new UsageError(`vigia users ${name}: ${verb.word ?? 'nothing'} is expected there, found "${word ?? ''}"`);
  const accounts = await accountsOf(await nodeNamed(values, 'users'));
  process.stdout.write(await verb.run(accounts, values, word ?? ''));
  return 0;
}

function refuseOptions(name: string, { options }: Verb, values: Values): void {
  const all = Object.keys(USERS_OPTIONS) as UsersOption[];
  const wrong = all.find((option) => values[option] !== undefined && !options.includes(option));
  if (wrong === undefined) return;
  const allowed = options.length > 0 ? `its options are ${options.map((one) => `--${one}`).join(', ')}` : 'it has none';
  throw new UsageError(`vigia users ${name}: --${wrong} is not for it; ${allowed}`);
}

async function list(accounts: Accounts, values: Values): Promise<string> {
  const users = await accounts.users();
  if (values['json']) return `${JSON.stringify(users)}\n`;
  if (users.length === 0) return 'no users: without a login this node can be used from its own machine only\n';
  const rows = users.map(({ name, role, cameras, password }) => [
    name,
    role,
    cameras === 'all' ? 'all cameras' : cameras.join(', '),
    password ? '' : 'tokens only',
  ]);
  return table(rows);
}

async function add(accounts: Accounts, values: Values, word: string): Promise<string> {
  const name = argument(userNameSchema, word);
  if ((await accounts.users()).some((user) => user.name === name))
    throw new VigiaError('exists', `there is already a user "${name}"`);
  const password = values['no-password'] ? undefined : await askPassword(name);
  const user = { name, role: roleOf(values) ?? 'viewer', cameras: grantOf(values) ?? 'all', password };
  const { role, cameras } = await accounts.add(user);
  return `user ${name}: ${role} of ${cameras === 'all' ? 'all cameras' : cameras.join(', ')}\n`;
}

async function change(accounts: Accounts, values: Values, name: string): Promise<string> {
  const [role, cameras] = [roleOf(values), grantOf(values)];
  if (role === undefined && cameras === undefined && !values['password'])
    throw new UsageError('vigia users change: give --role, --cameras or --password');
  const password = values['password'] ? await askPassword(name) : undefined;
  const changed = await accounts.change(argument(userNameSchema, name), { role, cameras, password });
  return `user ${name}: ${changed.role} of ${changed.cameras === 'all' ? 'all cameras' : changed.cameras.join(', ')}\n`;
}

async function remove(accounts: Accounts, _values: Values, name: string): Promise<string> {
  await accounts.remove(argument(userNameSchema, name));
  return `user ${name}: removed, with all tokens and logins\n`;
}

async function token(accounts: Accounts, values: Values, user: string): Promise<string> {
  const days = text(values, 'days');
  const wanted = newTokenSchema.safeParse({
    user,
    name: text(values, 'for') ?? 'vigia users token',
    role: roleOf(values),
    days: days === undefined ? undefined : Number(days),
  });
  if (!wanted.success) {
    const [issue] = wanted.error.issues;
    throw new UsageError(`vigia users token: ${String(issue?.path[0] ?? '')}: ${issue?.message ?? 'wrong'}`);
  }
  const made = await accounts.makeToken({ ...wanted.data, user });
  if (values['json']) return `${JSON.stringify(made)}\n`;
  // The token alone on stdout, so that a script can keep it.
  process.stderr.write('This token is shown once. Send it as "Authorization: Bearer TOKEN".\n');
  return `${made.token}\n`;
}

async function tokens(accounts: Accounts, values: Values): Promise<string> {
  const all = await accounts.tokens();
  if (values['json']) return `${JSON.stringify(all)}\n`;
  if (all.length === 0) return 'no tokens\n';
  return table(
    all.map(({ id, user, role, name, expires_at: end }) => [
      id,
      user,
      role,
      name,
      end === null ? '' : `until ${end.slice(0, 10)}`,
    ]),
  );
}

async function revoke(accounts: Accounts, _values: Values, id: string): Promise<string> {
  await accounts.removeToken(argument(tokenIdSchema, id));
  return `token ${id}: removed\n`;
}

function argument(schema: z.ZodType<string>, word: string): string {
  const checked = schema.safeParse(word);
  if (checked.success) return checked.data;
  throw new UsageError(`vigia users: found "${word}": ${checked.error.issues[0]?.message ?? 'not allowed'}`);
}

function roleOf(values: Values): Role | undefined {
  const role = text(values, 'role');
  const known = ROLES.find((one) => one === role);
  if (role !== undefined && !known)
    throw new UsageError(`vigia users: --role: found "${role}", allowed are ${ROLES.join(', ')}`);
  return known;
}

function grantOf(values: Values): Grant | undefined {
  const cameras = text(values, 'cameras');
  if (cameras === undefined) return undefined;
  const grant = grantSchema.safeParse(cameras === 'all' ? cameras : cameras.split(',').map((id) => id.trim()));
  if (grant.success) return grant.data;
  throw new UsageError(
    `vigia users: --cameras: found "${cameras}", allowed are \`all\` or ids of cameras, separated by commas`,
  );
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}
