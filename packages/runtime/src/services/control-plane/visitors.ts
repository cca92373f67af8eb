import type { Server } from 'node:https';
import { VigiaError } from '@vigia/base';
import { ROLES } from '@vigia/contracts/api';
import { type ApiRoute, CSRF_HEADER, SESSION_COOKIE } from '@vigia/contracts/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type AccessControl, type Identity, sameText } from '#core/access';

/** Somebody who sent a request. */
export interface Visitor {
  /** Undefined: somebody without a login, where one is needed. */
  readonly identity: Identity | undefined;
  /** What is wrong with the login that they sent. */
  readonly refusal?: VigiaError | undefined;
  /** Where they are; empty for the control socket. */
  readonly from: string;
  /** Whether they may still do what they might when the request began: its body may come much later. */
  readonly isStill?: (() => boolean) | undefined;
  /**
   * Whether they use this machine as the user that runs the node: only then settings may hold references (`${NAME}`),
   * commands and paths.
   */
  readonly trusted: boolean;
}

/** How one listener of the API differs from another. */
export interface Entrance {
  /** @throws VigiaError for a request that must not be answered. */
  readonly visitor: (request: FastifyRequest) => Visitor;
  /** Whether somebody whose stream is open may still read it. */
  readonly isStill: (identity: Identity) => boolean;
  /** Undefined: without TLS. */
  readonly tls?: Tls | undefined;
}

/** A certificate with its chain, and its key: PEM. */
export interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A server of the API, with TLS or without. */
export type ApiServer = FastifyInstance<Server>;

/** For the record: `user anna (192.168.1.7)`, `control socket (user care)`. */
export function nameOf({ identity, from }: Visitor): string {
  const who = identity?.who ?? 'somebody';
  return from === '' ? who : `${who} (${from})`;
}

/** Methods that change nothing. */
const READS = new Set(['GET', 'HEAD']);

/**
 * The owner of the token or session that a request carries; undefined without one. A token counts first: a program that
 * has one needs no cookie.
 *
 * @throws VigiaError `not_logged_in` for one that is not valid (any more), `forbidden` for a change in a session without
 *   its CSRF token.
 */
export function ownerOf(
  { headers, method }: Pick<FastifyRequest, 'headers' | 'method'>,
  access: AccessControl,
): Identity | undefined {
  const { authorization, cookie } = headers;
  if (authorization !== undefined) return known(access, bearerOf(authorization), 'token');
  const session = sessionIn(cookie);
  if (session === undefined) return undefined;
  const identity = known(access, session, 'session');
  const sent = headers[CSRF_HEADER];
  if (!READS.has(method) && (typeof sent !== 'string' || !sameText(sent, identity.csrf ?? '')))
    throw new VigiaError('forbidden', 'X-CSRF-Token: a change in a session needs the value of `csrf` (GET /api/v1/me)');
  return identity;
}

/** @throws VigiaError `not_logged_in`, `forbidden` */
export function refuseUnlessMay({ identity, refusal }: Visitor, { role, scope }: ApiRoute): void {
  if (role === 'anyone') return;
  if (refusal) throw refusal;
  if (!identity) throw new VigiaError('not_logged_in', 'a login (POST /api/v1/login) or a token is needed');
  if (ROLES.indexOf(identity.role) < ROLES.indexOf(role))
    throw new VigiaError('forbidden', `this needs the role ${role}; ${identity.who} has ${identity.role}`);
  if (scope === 'node' && identity.cameras !== 'all')
    throw new VigiaError('forbidden', `this concerns the whole node; ${identity.who} may see some cameras only`);
}

/** To somebody who may not see a camera it does not exist. @throws VigiaError `not_found` */
export function refuseUnlessSees({ identity }: Visitor, { scope }: ApiRoute, params: unknown): void {
  if (scope !== 'camera' || !identity || identity.cameras === 'all') return;
  const { camera } = params as { readonly camera: string };
  if (identity.cameras.includes(camera)) return;
  throw new VigiaError('not_found', `there is no camera "${camera}" that ${identity.who} may see`);
}

/** @throws VigiaError `not_logged_in` when a right was taken since the request began. */
export function refuseUnlessStill({ isStill }: Visitor): void {
  if (isStill && !isStill()) throw new VigiaError('not_logged_in', 'the login is not valid any more');
}

/** Whose `Idempotency-Key` it is: two tokens of a user may differ in what they may do. */
export function ownerOfKey(visitor: Visitor): string {
  const { identity } = visitor;
  return identity?.key === undefined ? nameOf(visitor) : `${identity.user} ${identity.key}`;
}

/** Leaves out of a conflict what concerns cameras that the asker may not see. */
export async function withoutForeign<T>({ identity }: Visitor, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!identity || identity.cameras === 'all' || !(error instanceof VigiaError) || !error.details) throw error;
    const { cameras } = identity;
    const { changes, ...details } = error.details;
    const own = Array.isArray(changes)
      ? changes.filter((line) => cameras.some((id) => new RegExp(`^cameras\\.${id}[.:]`).test(String(line))))
      : undefined;
    throw new VigiaError(error.code, error.message, { details: own ? { ...details, changes: own } : details });
  }
}

function known(access: AccessControl, text: string, kind: 'token' | 'session'): Identity {
  const identity = access.identify(text);
  // A cookie's text in a header would be a way around its CSRF token; a token is no session.
  if (identity && (identity.csrf === undefined) === (kind === 'token')) return identity;
  throw new VigiaError('not_logged_in', `the ${kind} is not valid, or not any more`);
}

function bearerOf(authorization: string): string {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
}

function sessionIn(cookie: string | undefined): string | undefined {
  for (const part of (cookie ?? '').split(';')) {
    const [name = '', value = ''] = part.trim().split('=', 2);
    if (name === SESSION_COOKIE) return value;
  }
  return undefined;
}
