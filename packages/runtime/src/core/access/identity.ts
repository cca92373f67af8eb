import type { Grant, Role } from '@vigia/contracts/api';

/** Who asks, and what they may do. */
export interface Identity {
  /** For the record: `user anna`, `control socket (user care)`. */
  readonly who: string;
  /** Undefined where no login is needed. */
  readonly user: string | undefined;
  readonly role: Role;
  readonly cameras: Grant;
  /** The token or session, by id. */
  readonly key: string | undefined;
  /** Of a session: what each change must be sent with. */
  readonly csrf: string | undefined;
  /** RFC 3339; null: never. */
  readonly expiresAt: string | null;
}

/** Somebody who may do everything without a login: the control socket, and a node without users. @param who For the record. */
export function unlimited(who: string): Identity {
  return { who, user: undefined, role: 'admin', cameras: 'all', key: undefined, csrf: undefined, expiresAt: null };
}
