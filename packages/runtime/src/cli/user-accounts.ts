import { join } from 'node:path';
import { systemClock, UsageError, VigiaError } from '@vigia/base';
import { ApiError, createClient } from '@vigia/client';
import type { MadeToken, NewToken, NewUser, Token, User, UserChange } from '@vigia/contracts/api';
import { stateDirOf } from '#core/node-dirs';
import { AccessControl } from '#core/access';
import { socketSender } from '#services/control-client';
import { socketOfNode } from './which-node.ts';

/** Users and tokens of a node, whether it runs or not. */
export interface Accounts {
  users(): Promise<User[]>;
  add(user: NewUser): Promise<User>;
  change(name: string, change: UserChange): Promise<User>;
  remove(name: string): Promise<void>;
  tokens(): Promise<Token[]>;
  makeToken(token: NewToken & { readonly user: string }): Promise<MadeToken>;
  removeToken(id: string): Promise<void>;
}

/** The accounts of a node: through its control socket when it runs, so that it knows at once; else in its file. */
export async function accountsOf(node: string): Promise<Accounts> {
  const running = overSocket(socketOfNode(node));
  try {
    await running.users();
    return running;
  } catch (error) {
    if (!(error instanceof VigiaError) || error.code !== 'not_running') throw error;
  }
  return inFile(join(stateDirOf(node), 'access.json'));
}

function overSocket(path: string): Accounts {
  const client = createClient({ send: socketSender(path) });
  return {
    users: () => asked(client.users()),
    add: (body) => asked(client.addUser({ body })),
    change: (user, body) => asked(client.changeUser({ params: { user }, body })),
    remove: (user) => asked(client.removeUser({ params: { user } })).then(() => undefined),
    tokens: () => asked(client.tokens()),
    makeToken: (body) => asked(client.addToken({ body })),
    removeToken: (token) => asked(client.removeToken({ params: { token } })).then(() => undefined),
  };
}

/** Errors as the command line shows them. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError)
      throw error.code === 'usage' ? new UsageError(error.message) : new VigiaError(error.code, error.message);
    if (isAbsent(error)) throw new VigiaError('not_running', 'no node answers', { cause: error });
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}

async function inFile(path: string): Promise<Accounts> {
  const access = new AccessControl({ path, clock: systemClock });
  const failure = await access.load();
  if (failure) throw failure;
  return {
    users: async () => access.users(),
    add: (user) => access.addUser(user),
    change: (name, change) => access.changeUser(name, change),
    remove: (name) => access.removeUser(name),
    tokens: async () => access.tokens(),
    makeToken: ({ user, ...token }) => access.addToken(user, token),
    removeToken: (id) => access.removeToken(id),
  };
}
