import { UsageError, VigiaError } from '@vigia/base';
import { type Me, newTokenSchema, newUserSchema, userChangeSchema } from '@vigia/contracts/api';
import type { AccessControl, Identity } from '#core/access';
import type { AccessHandlers, Asked } from './asked.ts';
import { checked } from './refusal.ts';

/** What each route about users and tokens does. */
export function accessHandlers(access: AccessControl): AccessHandlers {
  return {
    me: ({ identity }) => meOf(identity),
    users: (asked) => {
      refuseStranger(asked);
      return access.users();
    },
    addUser: (asked) => {
      refuseStranger(asked);
      return access.addUser(checked(newUserSchema, asked.body, 'body'));
    },
    changeUser: (asked) => {
      refuseStranger(asked);
      return access.changeUser(asked.params.user, checked(userChangeSchema, asked.body, 'body'));
    },
    removeUser: async (asked) => {
      refuseStranger(asked);
      // Without users the port of this machine would be open to all of its programs.
      if (!asked.trusted && access.users().length === 1)
        throw new VigiaError('last_admin', 'the last user is removed on the machine of the node: `vigia users remove`');
      await access.removeUser(asked.params.user);
      return {};
    },
    tokens: (asked) => {
      refuseStranger(asked);
      return access.tokens(mayAll(asked.identity) ? undefined : asked.identity?.user);
    },
    addToken: (asked) => {
      refuseStranger(asked);
      refuseToken(asked.identity);
      const { user, ...token } = checked(newTokenSchema, asked.body, 'body');
      return access.addToken(ownerFor(asked.identity, user), token);
    },
    removeToken: async ({ params: { token }, ...asked }) => {
      refuseStranger(asked);
      const owner = access.ownerOf(token);
      if (!mayAll(asked.identity) && owner !== asked.identity?.user) throw noToken(token);
      await access.removeToken(token);
      return {};
    },
  };
}

/** Who asks, as an answer. */
export function meOf(identity: Identity | undefined): Me {
  if (!identity) throw new VigiaError('not_logged_in', 'a login or a token is needed');
  const { user, role, cameras, csrf, expiresAt } = identity;
  return { user: user ?? null, role, cameras, csrf: csrf ?? null, expires_at: expiresAt };
}

/**
 * On a port without users any program of this machine may do everything, except give itself a login that lasts.
 *
 * @throws VigiaError `forbidden`
 */
function refuseStranger({ identity, trusted }: Pick<Asked<'me'>, 'identity' | 'trusted'>): void {
  if (trusted || identity?.user !== undefined) return;
  throw new VigiaError(
    'forbidden',
    'this node has no users: `vigia users add NAME --role admin` on its machine adds the first one',
  );
}

/** One that was seen by others would otherwise live on in those that it made. @throws VigiaError `forbidden` */
function refuseToken(identity: Identity | undefined): void {
  if (identity?.user !== undefined && identity.csrf === undefined)
    throw new VigiaError('forbidden', 'a token makes no tokens: log in, or use `vigia users token` on the node');
}

function mayAll(identity: Identity | undefined): boolean {
  return identity?.role === 'admin' && identity.cameras === 'all';
}

/** @throws UsageError, VigiaError `not_found` */
function ownerFor(identity: Identity | undefined, wanted: string | undefined): string {
  const user = wanted ?? identity?.user;
  if (user === undefined) throw new UsageError('body.user: the name of a user is needed here');
  if (user === identity?.user || mayAll(identity)) return user;
  throw new VigiaError('forbidden', 'body.user: only an admin of all cameras may make tokens for others');
}

function noToken(id: string): VigiaError {
  return new VigiaError('not_found', `there is no token "${id}"`);
}
