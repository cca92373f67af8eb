import { type Clock, VigiaError } from '@vigia/base';
import {
  type Grant,
  type MadeToken,
  type NewToken,
  type NewUser,
  type Role,
  ROLES,
  type Token,
  type User,
  type UserChange,
} from '@vigia/contracts/api';
import {
  type AccessDocument,
  KEYS_LIMIT,
  NOBODY,
  type StoredKey,
  type StoredUser,
  USERS_LIMIT,
} from './access-document.ts';
import { AccessFile } from './access-file.ts';
import type { Identity } from './identity.ts';
import { csrfOf, isSecretOf, keyParts, newKey } from './keys.ts';
import { type LoginAttempt, LoginLimits } from './login-limits.ts';
import { Passwords } from './passwords.ts';

const DAY_MS = 86_400_000;
/** How long a login of a browser lasts. */
const SESSION_MS = 7 * DAY_MS;
/** That of a screen in a corridor: it shows no pictures, and nobody is there to log in again in the night it ends. */
const SCREEN_SESSION_MS = 365 * DAY_MS;
/** Of one user. */
const TOKENS_LIMIT = 100;
/** Of one user; a further login ends the oldest. */
const SESSIONS_LIMIT = 20;

/** Options of {@link AccessControl}. */
export interface AccessControlOptions {
  /** Of the file. */
  readonly path: string;
  readonly clock: Clock;
  /** Default: with the usual cost. */
  readonly passwords?: Passwords;
}

/** A login that succeeded. */
export interface Session {
  readonly identity: Identity;
  /** The cookie's value. */
  readonly text: string;
  /** How long it lasts. Milliseconds. */
  readonly lastsMs: number;
}

/**
 * Users, tokens and sessions of a node. Every change is stored before it counts. What cannot be read lets nobody in:
 * `failure` then has the reason.
 */
export class AccessControl {
  readonly #file: AccessFile;
  readonly #clock: Clock;
  readonly #passwords: Passwords;
  readonly #limits: LoginLimits;
  readonly #listeners = new Set<() => void>();
  #document: AccessDocument = NOBODY;
  #failure: VigiaError | undefined;
  #work: Promise<unknown> = Promise.resolve();

  constructor({ path, clock, passwords = new Passwords() }: AccessControlOptions) {
    this.#passwords = passwords;
    this.#file = new AccessFile(path, clock);
    this.#clock = clock;
    this.#limits = new LoginLimits(clock);
  }

  /** Reads the file again. @returns why it cannot be read. */
  load(): Promise<VigiaError | undefined> {
    return this.#inTurn(async () => {
      try {
        const found = await this.#file.read();
        // Gone, and not removed one by one: letting everybody in would be worse than letting nobody in.
        if (found === NOBODY && this.#document.users.size > 0) throw this.#file.gone();
        this.#become(found);
      } catch (error) {
        if (!(error instanceof VigiaError)) throw error;
        this.#failure = error;
        this.#tell();
      }
      return this.#failure;
    });
  }

  /** Why nobody is let in; undefined while the file can be read. */
  get failure(): VigiaError | undefined {
    return this.#failure;
  }

  /** Whether a login is needed. */
  get hasUsers(): boolean {
    return this.#failure !== undefined || this.#document.users.size > 0;
  }

  /** Calls back after each change of users, tokens or sessions. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  users(): User[] {
    return [...this.#readable().users].map(([name, user]) => shownUser(name, user)).sort(byName);
  }

  /** @throws VigiaError `exists`, `limit`, `busy`, `access_file` */
  async addUser({ name, role, cameras, password }: NewUser): Promise<User> {
    const hash = password === undefined ? null : await this.#passwords.hash(password);
    const user: StoredUser = { role, cameras, password: hash, created_at: this.#at(0) };
    await this.#change(({ users, keys }) => {
      if (users.has(name)) throw new VigiaError('exists', `there is already a user "${name}"`);
      if (users.size >= USERS_LIMIT)
        throw new VigiaError('limit', `there are ${USERS_LIMIT} users: no further one fits`);
      if (users.size === 0 && !isFullAdmin(user))
        throw new VigiaError('last_admin', 'the first user must be an admin of all cameras');
      return { users: new Map(users).set(name, user), keys };
    });
    return shownUser(name, user);
  }

  /** @throws VigiaError `not_found`, `last_admin`, `busy`, `access_file` */
  async changeUser(name: string, { role, cameras, password }: UserChange): Promise<User> {
    const hash = password === undefined ? undefined : await this.#passwords.hash(password);
    const { users } = await this.#change((document) => {
      const before = userOf(document, name);
      const user = {
        ...before,
        role: role ?? before.role,
        cameras: cameras ?? before.cameras,
        password: hash ?? before.password,
      };
      const changed = { users: new Map(document.users).set(name, user), keys: new Map(document.keys) };
      if (hash !== undefined) endKeys(changed.keys, (key) => key.user === name && key.kind === 'session');
      keepAdmin(changed.users);
      return changed;
    });
    return shownUser(name, userOf({ users }, name));
  }

  /** Removes a user with their tokens and sessions. @throws VigiaError `not_found`, `last_admin`, `access_file` */
  async removeUser(name: string): Promise<void> {
    await this.#change((document) => {
      userOf(document, name);
      const changed = { users: new Map(document.users), keys: new Map(document.keys) };
      changed.users.delete(name);
      endKeys(changed.keys, (key) => key.user === name);
      keepAdmin(changed.users);
      return changed;
    });
  }

  /** @param user Only theirs. */
  tokens(user?: string): Token[] {
    return [...this.#readable().keys]
      .filter(([, key]) => key.kind === 'token' && (user === undefined || key.user === user))
      .map(([id, key]) => shownToken(id, key));
  }

  /** Makes a token. @param user Whose. @throws VigiaError `not_found`, `limit`, `access_file` */
  async addToken(user: string, { name, role, days }: Omit<NewToken, 'user'>): Promise<MadeToken> {
    const { id, hash, text } = newKey();
    const expiresAt = days === undefined ? null : this.#at(days * DAY_MS);
    const { keys } = await this.#change((document) => {
      const { role: most } = userOf(document, user);
      if (keysOf(document, user, 'token').length >= TOKENS_LIMIT)
        throw new VigiaError('limit', `user "${user}" has ${TOKENS_LIMIT} tokens; remove one first`);
      const key = { kind: 'token', user, name, hash, role: least(role ?? most, most) } as const;
      return withKey(document, id, { ...key, created_at: this.#at(0), expires_at: expiresAt });
    });
    return { ...shownToken(id, keys.get(id) as StoredKey), token: text };
  }

  /** The owner of a token. @throws VigiaError `not_found` */
  ownerOf(token: string): string {
    return tokenOf(this.#readable(), token).user;
  }

  /** @throws VigiaError `not_found`, `access_file` */
  async removeToken(id: string): Promise<void> {
    await this.#change((document) => {
      tokenOf(document, id);
      return withoutKey(document, id);
    });
  }

  /**
   * Begins a session. @param from The address.
   *
   * @throws VigiaError `login_failed` for a wrong name or password alike, `too_many` with `retry_after_s`, `busy`.
   */
  async login(name: string, password: string, from: string): Promise<Session> {
    this.#readable();
    const attempt = this.#limits.begin(name, from);
    const stored = this.#document.users.get(name)?.password ?? null;
    if (!(await this.#tried(attempt, password, stored)))
      throw new VigiaError('login_failed', 'the name or the password is wrong');
    attempt.succeeded();
    const { id, hash, text } = newKey();
    let lastsMs = SESSION_MS;
    await this.#change((document) => {
      const { role, password: now } = userOf(document, name);
      lastsMs = role === 'screen' ? SCREEN_SESSION_MS : SESSION_MS;
      // The password was changed while it was checked.
      if (now !== stored) throw new VigiaError('login_failed', 'the name or the password is wrong');
      const session = { kind: 'session', user: name, name: 'login', role, hash } as const;
      const begun = withKey(document, id, { ...session, created_at: this.#at(0), expires_at: this.#at(lastsMs) });
      const [oldest] = keysOf(begun, name, 'session');
      return keysOf(begun, name, 'session').length > SESSIONS_LIMIT && oldest ? withoutKey(begun, oldest) : begun;
    });
    return { identity: this.identify(text) as Identity, text, lastsMs };
  }

  /** A password that was not looked at does not count as a wrong one. */
  async #tried(attempt: LoginAttempt, password: string, stored: string | null): Promise<boolean> {
    try {
      return await this.#passwords.matches(password, stored);
    } catch (error) {
      attempt.untried();
      throw error;
    }
  }

  /** Ends a session. */
  async logout({ key }: Identity): Promise<void> {
    if (key !== undefined) await this.#change((document) => withoutKey(document, key));
  }

  /** Whose token or session a text is; undefined for one that is not valid (any more). */
  identify(text: string): Identity | undefined {
    const parts = keyParts(text);
    const key = parts && this.#document.keys.get(parts.id);
    if (!key || this.#failure || this.#hasExpired(key) || !isSecretOf(key.hash, parts.secret)) return undefined;
    const user = this.#document.users.get(key.user);
    if (!user) return undefined;
    return {
      who: `user ${key.user}`,
      user: key.user,
      role: roleOf(key, user),
      cameras: user.cameras,
      key: parts.id,
      csrf: key.kind === 'session' ? csrfOf(parts.secret) : undefined,
      expiresAt: key.expires_at,
    };
  }

  /** Whether somebody may still do what they might when they began. */
  isStill({ user, key, role, cameras }: Identity): boolean {
    if (user === undefined || key === undefined) return !this.hasUsers;
    const [now, known] = [this.#document.users.get(user), this.#document.keys.get(key)];
    if (!now || !known || this.#failure || this.#hasExpired(known)) return false;
    return roleOf(known, now) === role && sameGrant(now.cameras, cameras);
  }

  #hasExpired({ expires_at: at }: StoredKey): boolean {
    return at !== null && Date.parse(at) <= this.#clock.wallMs();
  }

  #at(inMs: number): string {
    return new Date(this.#clock.wallMs() + inMs).toISOString();
  }

  /** @throws VigiaError `access_damaged` */
  #readable(): AccessDocument {
    if (this.#failure)
      throw new VigiaError('access_damaged', 'the users of this node cannot be read; its log says why');
    return this.#document;
  }

  #change(edit: (document: AccessDocument) => AccessDocument): Promise<AccessDocument> {
    return this.#inTurn(async () => {
      const document = await this.#file.change((found) => edit(this.#withoutExpired(found)));
      this.#become(document);
      return document;
    });
  }

  /** Expired sessions are of no use to anybody. Expired tokens stay, so that their owners see why they do not work. */
  #withoutExpired({ users, keys }: AccessDocument): AccessDocument {
    const kept = new Map(keys);
    endKeys(kept, (key) => key.kind === 'session' && this.#hasExpired(key));
    return { users, keys: kept };
  }

  #become(document: AccessDocument): void {
    this.#document = document;
    this.#failure = undefined;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }
}

function shownUser(name: string, { role, cameras, password, created_at }: StoredUser): User {
  return { name, role, cameras, password: password !== null, created_at };
}

function shownToken(id: string, { user, name, role, created_at, expires_at }: StoredKey): Token {
  return { id, user, name, role, created_at, expires_at };
}

function byName({ name: a }: User, { name: b }: User): number {
  return a < b ? -1 : 1;
}

/** @throws VigiaError `not_found` */
function userOf({ users }: Pick<AccessDocument, 'users'>, name: string): StoredUser {
  const user = users.get(name);
  if (user) return user;
  throw new VigiaError('not_found', `there is no user "${name}"`);
}

/** @throws VigiaError `not_found` */
function tokenOf({ keys }: AccessDocument, id: string): StoredKey {
  const key = keys.get(id);
  if (key?.kind === 'token') return key;
  throw new VigiaError('not_found', `there is no token "${id}"`);
}

/** Ids, oldest first. */
function keysOf({ keys }: AccessDocument, user: string, kind: StoredKey['kind']): string[] {
  return [...keys].filter(([, key]) => key.user === user && key.kind === kind).map(([id]) => id);
}

/** @throws VigiaError `limit` */
function withKey({ users, keys }: AccessDocument, id: string, key: StoredKey): AccessDocument {
  if (keys.size >= KEYS_LIMIT)
    throw new VigiaError('limit', `there are ${KEYS_LIMIT} tokens and logins: no further one fits`);
  return { users, keys: new Map(keys).set(id, key) };
}

function withoutKey({ users, keys }: AccessDocument, id: string): AccessDocument {
  const kept = new Map(keys);
  kept.delete(id);
  return { users, keys: kept };
}

function endKeys(keys: Map<string, StoredKey>, ends: (key: StoredKey) => boolean): void {
  for (const [id, key] of keys) if (ends(key)) keys.delete(id);
}

/** Somebody must be able to add users. @throws VigiaError `last_admin` */
function keepAdmin(users: ReadonlyMap<string, StoredUser>): void {
  if (users.size > 0 && ![...users.values()].some(isFullAdmin))
    throw new VigiaError('last_admin', 'this is the last admin of all cameras: make another one first');
}

function isFullAdmin({ role, cameras }: StoredUser): boolean {
  return role === 'admin' && cameras === 'all';
}

/** A token may do less than its user, and so may a session that lasts for long. Any other has the role that its user has now. */
function roleOf(key: StoredKey, user: StoredUser): Role {
  return key.kind === 'session' && key.role !== 'screen' ? user.role : least(key.role, user.role);
}

function least(one: Role, other: Role): Role {
  return ROLES.indexOf(one) < ROLES.indexOf(other) ? one : other;
}

function sameGrant(one: Grant, other: Grant): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
