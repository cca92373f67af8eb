import { VigiaError } from '@vigia/base';
import { loginSchema, type Me } from '@vigia/contracts/api';
import { SESSION_COOKIE } from '@vigia/contracts/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessControl } from '#core/access';
import { meOf } from './access-handlers.ts';
import type { Audit } from './audit.ts';
import { checked } from './refusal.ts';
import type { Visitor } from './visitors.ts';

/** Login and logout: the only routes that set a cookie. */
export class SessionRoutes {
  readonly #access: AccessControl;
  readonly #audit: Audit;

  constructor(access: AccessControl, audit: Audit) {
    this.#access = access;
    this.#audit = audit;
  }

  /** @throws UsageError; VigiaError `login_failed`, `too_many`, `busy`, `access_damaged` */
  async login(visitor: Visitor, request: FastifyRequest, reply: FastifyReply): Promise<Me> {
    const { user, password } = checked(loginSchema, request.body, 'body');
    const asking = { ...visitor, identity: undefined };
    try {
      const { identity, text, lastsMs } = await this.#access.login(user, password, visitor.from);
      this.#audit.done({ ...visitor, identity }, 'login', user);
      void reply.header('set-cookie', sessionCookie(text, lastsMs / 1_000, isSecure(request)));
      return meOf(identity);
    } catch (error) {
      if (error instanceof VigiaError) this.#audit.refused(asking, 'login', user, error.code);
      throw error;
    }
  }

  /** Ends the session that the request carries, if any. */
  async logout({ identity, ...visitor }: Visitor, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    if (identity?.csrf !== undefined) {
      await this.#access.logout(identity);
      this.#audit.done({ ...visitor, identity }, 'logout', identity.user ?? null);
      void reply.header('set-cookie', sessionCookie('', 0, isSecure(request)));
    }
    return {};
  }
}

/** Also when a proxy in front of this node speaks TLS: the browser then says so in `Origin`. */
function isSecure({ protocol, headers }: FastifyRequest): boolean {
  return protocol === 'https' || headers.origin?.startsWith('https://') === true;
}

/**
 * The `Set-Cookie` of a session. Pages of other sites can neither read it (`HttpOnly`) nor send it (`SameSite=Strict`).
 *
 * @param seconds How long it is valid; 0 removes it.
 */
function sessionCookie(value: string, seconds: number, secure: boolean): string {
  return `${SESSION_COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
}
