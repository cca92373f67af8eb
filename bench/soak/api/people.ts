import { type Role, ROLES } from '@vigia/contracts/api';
import { API, type ApiName, type ApiRoute } from '@vigia/contracts/api';

/** The camera that everybody may see, and the one that some may not. */
export const SEEN = 'hall';
export const HIDDEN = 'yard-out-of-sight';

/** Somebody who sends requests. */
export interface Person {
  readonly name: string;
  /** Of the account; empty without one. */
  readonly user: string;
  /** Undefined: somebody without a login. */
  readonly role: Role | undefined;
  readonly cameras: 'all' | readonly string[];
  /** `bare session`: its cookie, but not its CSRF token. */
  readonly by: 'nothing' | 'token' | 'session' | 'bare session';
  /** Where they connect from: each has failed logins of their own. */
  readonly address: string;
}

const ACCOUNTS = ROLES.flatMap((role) => [
  { role, cameras: 'all' as const, user: `${role}-all` },
  { role, cameras: [SEEN], user: `${role}-one` },
]);

/** Everybody: without a login, with each role for all and for one camera, and in a session with and without CSRF token. */
export const PEOPLE: readonly Person[] = [
  { name: 'anonymous', user: '', role: undefined, cameras: [], by: 'nothing', address: '127.0.1.1' },
  ...ACCOUNTS.map(({ role, cameras, user }, i) => {
    const name = `${role}, ${cameras === 'all' ? 'all cameras' : 'one camera'}`;
    return { name, user, role, cameras, by: 'token' as const, address: `127.0.2.${i + 1}` };
  }),
  {
    name: 'operator in a session',
    user: 'operator-all',
    role: 'operator',
    cameras: 'all',
    by: 'session',
    address: '127.0.3.1',
  },
  {
    name: 'admin in a session, no CSRF token',
    user: 'admin-all',
    role: 'admin',
    cameras: 'all',
    by: 'bare session',
    address: '127.0.3.2',
  },
];

/** Status of a request that somebody may not make; undefined: they may. By the table alone. */
export function refusalFor(
  { role, cameras, by }: Person,
  name: ApiName,
  camera: string | undefined,
): 401 | 403 | 404 | undefined {
  const { role: least, scope, method }: ApiRoute = API[name];
  if (least === 'anyone') return undefined;
  if (role === undefined) return 401;
  if (by === 'bare session' && method !== 'GET') return 403;
  if (ROLES.indexOf(role) < ROLES.indexOf(least)) return 403;
  if (cameras === 'all') return undefined;
  if (scope === 'node') return 403;
  return scope === 'camera' && !cameras.includes(camera ?? '') ? 404 : undefined;
}
