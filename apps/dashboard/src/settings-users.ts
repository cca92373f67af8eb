import { batch, type Signal, signal } from '@preact/signals';
import type { MadeToken, Role, Token, User } from '@vigia/contracts/api';
import { type Browser, type Reply, refusalText } from './connection.ts';

const REQUEST_MS = 5000;
/** Passwords are checked one at a time, each 0.3 s. */
const CHANGE_MS = 20_000;

/** Roles, the least first: each may do what those before it may. */
export const ROLES: readonly Role[] = ['screen', 'viewer', 'operator', 'admin'];

/** The form of a user. Its password is nowhere but in its field. */
export interface UserForm {
  /** The user that it changes; null: a new one. */
  readonly before: User | null;
  readonly name: string;
  readonly role: Role;
  readonly all: boolean;
  /** Those that are chosen. They stay while `all` is. */
  readonly cameras: readonly string[];
}

/** The form of a token. */
export interface TokenForm {
  readonly name: string;
  readonly role: Role;
  /** As typed; empty: until it is removed. */
  readonly days: string;
}

/** What a change is about, and where its outcome is shown. */
export type About = 'user' | 'removal' | 'token' | 'token-removal';

/** What became of a change. `unanswered`: not known. */
export type UsersOutcome =
  | { readonly kind: 'idle' }
  | { readonly kind: 'asking' | 'unanswered'; readonly about: About }
  | { readonly kind: 'refused'; readonly about: About; readonly why: string }
  | { readonly kind: 'done'; readonly about: About; readonly name: string; readonly isNew: boolean };

/** Users and their tokens on the screen, as signals. */
export class UsersScreen {
  /** Null before the first answer. */
  readonly users: Signal<readonly User[] | null> = signal(null);
  readonly tokens: Signal<readonly Token[]> = signal([]);
  /** Why they are not shown, or not current; empty: they are. */
  readonly failed: Signal<string> = signal('');
  /** The form that is open. */
  readonly form: Signal<UserForm | null> = signal(null);
  /** The form of a token for that user. */
  readonly token: Signal<TokenForm> = signal({ name: '', role: 'viewer', days: '' });
  /** What somebody is asked if they want to remove it: the user of the form, or one of their tokens by its id. */
  readonly removing: Signal<{ readonly token: string | null } | null> = signal(null);
  readonly outcome: Signal<UsersOutcome> = signal({ kind: 'idle' });
  /** A token with its secret, until the form is closed. */
  readonly made: Signal<MadeToken | null> = signal(null);
  readonly #browser: Pick<Browser, 'request'>;
  readonly #csrf: () => string | null;
  #asked = 0;

  constructor(browser: Pick<Browser, 'request'>, csrf: () => string | null) {
    this.#browser = browser;
    this.#csrf = csrf;
  }

  async load(): Promise<void> {
    this.#asked += 1;
    const number = this.#asked;
    const [users, tokens] = await Promise.all([
      this.#request('GET', '/api/v1/users', REQUEST_MS),
      this.#request('GET', '/api/v1/tokens', REQUEST_MS),
    ]);
    if (number !== this.#asked) return;
    if (users?.status !== 200 || tokens?.status !== 200) {
      this.failed.value = refusalText(users?.status === 200 ? tokens : users);
      return;
    }
    batch(() => {
      this.failed.value = '';
      this.users.value = users.body as readonly User[];
      this.tokens.value = tokens.body as readonly Token[];
    });
  }

  /** Nobody looks any more: what was done is not said again, and a token is shown once. Forms stay. */
  leave(): void {
    batch(() => {
      this.made.value = null;
      if (this.outcome.peek().kind === 'done') this.outcome.value = { kind: 'idle' };
    });
  }

  /** Tokens of the user of the form. */
  get ofForm(): readonly Token[] {
    const name = this.form.value?.before?.name;
    return this.tokens.value.filter(({ user }) => user === name);
  }

  /** Whether something was typed and not saved. */
  get isDirty(): boolean {
    const form = this.form.value;
    if (form === null) return false;
    return form.before === null ? form.name !== '' : Object.keys(changeOf(form)).length > 0;
  }

  /** Whether the form can be sent. */
  get isReady(): boolean {
    const form = this.form.value;
    return form !== null && form.name.trim() !== '' && (form.all || form.cameras.length > 0);
  }

  /** Opens the form of a user; null: of a new one. */
  edit(name: string | null): void {
    const before = this.users.peek()?.find((user) => user.name === name) ?? null;
    if (this.outcome.peek().kind === 'asking' || (name !== null && before === null)) return;
    batch(() => {
      this.#open(before);
      this.outcome.value = { kind: 'idle' };
    });
  }

  /** Closes the form. What was typed is given up, and a token that was made is not shown again. */
  close(): void {
    if (this.outcome.peek().kind === 'asking') return;
    batch(() => {
      this.form.value = null;
      this.removing.value = null;
      this.made.value = null;
      this.outcome.value = { kind: 'idle' };
    });
  }

  type(change: Partial<Omit<UserForm, 'before'>>): void {
    const form = this.form.peek();
    if (form === null || this.outcome.peek().kind === 'asking') return;
    batch(() => {
      this.form.value = { ...form, ...change };
      this.outcome.value = { kind: 'idle' };
    });
  }

  typeToken(change: Partial<TokenForm>): void {
    if (this.outcome.peek().kind !== 'asking') this.token.value = { ...this.token.peek(), ...change };
  }

  /** @param what Null: nothing is removed. */
  ask(what: { readonly token: string | null } | null): void {
    if (this.outcome.peek().kind === 'asking') return;
    batch(() => {
      this.removing.value = what;
      this.outcome.value = { kind: 'idle' };
    });
  }

  /** Adds or changes the user of the form. @param password Empty: none, or the one from before. */
  async save(password: string): Promise<void> {
    const form = this.form.peek();
    if (form === null || !this.isReady) return;
    const { before, role } = form;
    const name = form.name.trim();
    const secret = password === '' ? {} : { password };
    const change = { ...changeOf(form), ...secret };
    if (before !== null && Object.keys(change).length === 0) return;
    const reply =
      before === null
        ? await this.#change('user', 'POST', '/api/v1/users', { name, role, cameras: grantOf(form), ...secret })
        : await this.#change('user', 'PUT', userPath(name), change);
    if (reply === null) return;
    this.#finish({ kind: 'done', about: 'user', name, isNew: before === null }, reply.body as User);
  }

  /** Removes the user of the form. */
  async remove(): Promise<void> {
    const name = this.form.peek()?.before?.name;
    if (name === undefined) return;
    const reply = await this.#change('removal', 'DELETE', userPath(name));
    if (reply !== null) this.#finish({ kind: 'done', about: 'removal', name, isNew: false }, null);
  }

  /** Makes a token for the user of the form. */
  async makeToken(): Promise<void> {
    const user = this.form.peek()?.before?.name;
    const { name, role, days } = this.token.peek();
    if (user === undefined) return;
    // What is no number is for the node to refuse: it says why.
    const valid = days.trim() === '' ? {} : { days: Number.isFinite(Number(days)) ? Number(days) : days };
    const body = { name: name.trim(), user, role, ...valid };
    const reply = await this.#change('token', 'POST', '/api/v1/tokens', body);
    if (reply === null) return;
    batch(() => {
      this.made.value = reply.body as MadeToken;
      this.token.value = { ...this.token.peek(), name: '', days: '' };
      this.outcome.value = { kind: 'idle' };
    });
  }

  async removeToken(id: string): Promise<void> {
    const { name = id } = this.tokens.peek().find((token) => token.id === id) ?? {};
    const reply = await this.#change('token-removal', 'DELETE', `/api/v1/tokens/${encodeURIComponent(id)}`);
    if (reply === null) return;
    batch(() => {
      this.removing.value = null;
      if (this.made.peek()?.id === id) this.made.value = null;
      this.outcome.value = { kind: 'done', about: 'token-removal', name, isNew: false };
    });
  }

  /** @returns null without success: `outcome` says why. */
  async #change(about: About, method: string, path: string, body?: object): Promise<Reply | null> {
    if (this.outcome.peek().kind === 'asking') return null;
    this.outcome.value = { kind: 'asking', about };
    const reply = await this.#request(method, path, CHANGE_MS, body);
    if (reply?.status === 200) {
      await this.load();
      return reply;
    }
    this.outcome.value =
      reply === undefined ? { kind: 'unanswered', about } : { kind: 'refused', about, why: refusalText(reply) };
    return null;
  }

  #finish(outcome: UsersOutcome, user: User | null): void {
    batch(() => {
      this.#open(user);
      if (user === null) this.form.value = null;
      this.outcome.value = outcome;
    });
  }

  #open(before: User | null): void {
    const { name = '', role = 'viewer', cameras = 'all' } = before ?? {};
    this.form.value = {
      before,
      name,
      role,
      all: cameras === 'all',
      cameras: cameras === 'all' ? [] : cameras,
    };
    this.token.value = { name: '', role, days: '' };
    this.removing.value = null;
    this.made.value = null;
  }

  #request(method: string, path: string, timeoutMs: number, body?: object): Promise<Reply | undefined> {
    const options = { ...(body === undefined ? {} : { body }), csrf: this.#csrf(), timeoutMs };
    return this.#browser.request(method, path, options).catch(() => undefined);
  }
}

function grantOf({ all, cameras }: UserForm): User['cameras'] {
  return all ? 'all' : [...cameras];
}

function changeOf(form: UserForm): { readonly role?: Role; readonly cameras?: User['cameras'] } {
  const { before, role } = form;
  const cameras = grantOf(form);
  const sorted = (grant: User['cameras'] | undefined): string =>
    Array.isArray(grant) ? grant.toSorted().join(' ') : String(grant);
  return {
    ...(role === before?.role ? {} : { role }),
    ...(sorted(cameras) === sorted(before?.cameras) ? {} : { cameras }),
  };
}

function userPath(name: string): string {
  return `/api/v1/users/${encodeURIComponent(name)}`;
}
