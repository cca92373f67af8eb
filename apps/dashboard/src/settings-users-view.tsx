import type { Role, Token, User } from '@vigia/contracts/api';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icons.tsx';
import { me, serverSecond } from './screen.ts';
import { Done, focusRow, FormHead, NEW_USER, Question, Refusal, say } from './settings-parts.tsx';
import type { SettingsScreen } from './settings-screen.ts';
import { type About, ROLES, type UserForm, type UsersScreen } from './settings-users.ts';
import { dayText, roomName, text } from './texts.ts';

/** What asks whether a user is removed. */
const REMOVE = 'remove-user';

/** The users of the node, and the form of one with their tokens. */
export function Users({ screen, settings }: { screen: UsersScreen; settings: SettingsScreen }): VNode {
  const users = screen.users.value;
  const form = screen.form.value;
  if (users === null)
    return screen.failed.value === '' ? (
      <p class="mute">{say('asking')}</p>
    ) : (
      <p class="st wrap" role="status">
        {screen.failed.value}
      </p>
    );
  return (
    <div class={`se-two ${form === null ? '' : 'open'}`}>
      <section class="card se-list" aria-label={say('users')}>
        <header>
          <h2 tabIndex={-1}>{say('users')}</h2>
          <span class="sp" />
          <button type="button" class="btn pri" data-row={NEW_USER} onClick={() => screen.edit(null)}>
            {say('u.add')}
          </button>
        </header>
        <div class="body">
          {screen.failed.value !== '' && (
            <p class="st blind wrap" role="status">
              <Icon name="lost" />
              {say('failed', { why: screen.failed.value })}
            </p>
          )}
          {form === null && <Said screen={screen} about="removal" />}
        </div>
        <table>
          <thead>
            <tr>
              <th scope="col">{say('u.name')}</th>
              <th scope="col">{say('u.role')}</th>
              <th scope="col" class="wide">
                {say('u.sees')}
              </th>
              <th scope="col" class="wide">
                {say('u.since')}
              </th>
              <th scope="col" class="r">
                {say('u.tokens')}
              </th>
            </tr>
          </thead>
          <tbody>
            {users.map((user) => (
              <Row key={user.name} user={user} screen={screen} />
            ))}
          </tbody>
        </table>
        <dl class="se-roles">
          {ROLES.map((role) => (
            <div key={role}>
              <dt>{role}</dt>
              <dd class="soft">{say(`role.${role}`)}</dd>
            </div>
          ))}
        </dl>
      </section>
      {form !== null && <Form key={form.before?.name ?? NEW_USER} form={form} screen={screen} settings={settings} />}
    </div>
  );
}

function Row({ user, screen }: { user: User; screen: UsersScreen }): VNode {
  const { name, role, cameras, password, created_at: since } = user;
  const isOpen = screen.form.value?.before?.name === name;
  return (
    <tr class={isOpen ? 'cur' : ''}>
      <th scope="row">
        <span class="row">
          <span class="av" aria-hidden="true">
            {name.slice(0, 2).toUpperCase()}
          </span>
          <button type="button" class="se-row" data-row={name} aria-expanded={isOpen} onClick={() => screen.edit(name)}>
            {name}
          </button>
          {name === me.value?.user && <span class="mute">{say('u.you')}</span>}
        </span>
      </th>
      <td>
        <span class="tag">{role}</span>
        {!password && <div class="mute">{say('u.nologin')}</div>}
      </td>
      <td class="wide soft">{cameras === 'all' ? say('u.all') : cameras.map((id) => roomName(id)).join(', ')}</td>
      <td class="wide soft nowrap">{dayText(Date.parse(since))}</td>
      <td class="r">{screen.tokens.value.filter((token) => token.user === name).length}</td>
    </tr>
  );
}

function Form({ form, screen, settings }: { form: UserForm; screen: UsersScreen; settings: SettingsScreen }): VNode {
  const { before, name } = form;
  const password = useRef<HTMLInputElement>(null);
  const [hasPassword, setHasPassword] = useState(false);
  const [sentPassword, setSentPassword] = useState(false);
  const outcome = screen.outcome.value;
  const isAsking = outcome.kind === 'asking';
  const close = (): void => {
    screen.close();
    focusRow(before?.name ?? NEW_USER);
  };
  const save = async (): Promise<void> => {
    const typed = password.current?.value ?? '';
    // Not kept, whether the node takes it or not.
    if (password.current) password.current.value = '';
    setHasPassword(false);
    setSentPassword(typed !== '');
    await screen.save(typed);
  };
  const isSelf = before !== null && before.name === me.value?.user;
  const wasLost =
    (outcome.kind === 'refused' || outcome.kind === 'unanswered') && outcome.about === 'user' && sentPassword;
  return (
    <section class="card se-form" aria-label={before?.name ?? say('u.add')}>
      <FormHead label={text('close')} close={close}>
        {before?.name ?? say('u.add')}
      </FormHead>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <fieldset class="se-fields" disabled={isAsking}>
          {before === null && (
            <label class="field">
              <span>{say('u.name')}</span>
              <input
                class="in"
                value={name}
                maxLength={63}
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
                onInput={({ currentTarget }) => screen.type({ name: currentTarget.value })}
              />
            </label>
          )}
          <label class="field">
            <span>{say('u.role')}</span>
            <RoleChoice value={form.role} roles={ROLES} choose={(role) => screen.type({ role })} />
            <small class="mute">{say(`role.${form.role}`)}</small>
          </label>
          <Grants form={form} screen={screen} settings={settings} />
          <label class="field">
            <span>{say(before === null ? 'u.password' : 'u.password.new')}</span>
            <input
              ref={password}
              class="in"
              type="password"
              autocomplete="new-password"
              minLength={8}
              maxLength={256}
              onInput={({ currentTarget }) => setHasPassword(currentTarget.value !== '')}
            />
            <small class="mute">{say(before?.password === true ? 'u.password.stays' : 'u.password.none')}</small>
            {isSelf && <small class="mute">{say('u.password.self')}</small>}
          </label>
        </fieldset>
        <Said screen={screen} about="user">
          {wasLost && <div>{say('u.password.again')}</div>}
        </Said>
        <div class="row se-foot">
          <span class="sp" />
          <button type="button" class="btn gh" disabled={isAsking} onClick={close}>
            {say('cancel')}
          </button>
          <button
            type="submit"
            class="btn pri"
            disabled={isAsking || !screen.isReady || !(screen.isDirty || hasPassword)}
          >
            {outcome.kind === 'asking' && outcome.about === 'user'
              ? say('saving')
              : say(before === null ? 'u.add' : 'save')}
          </button>
        </div>
      </form>
      {before !== null && <Tokens user={before} screen={screen} />}
      {before !== null && <Removal user={before.name} screen={screen} />}
    </section>
  );
}

function RoleChoice({
  value,
  roles,
  choose,
}: {
  value: Role;
  roles: readonly Role[];
  choose: (role: Role) => void;
}): VNode {
  return (
    <select class="in" value={value} onChange={({ currentTarget }) => choose(currentTarget.value as Role)}>
      {roles.map((role) => (
        <option key={role} value={role}>
          {role}
        </option>
      ))}
    </select>
  );
}

/** Which cameras a user sees: all, also those that come later, or some. */
function Grants({ form, screen, settings }: { form: UserForm; screen: UsersScreen; settings: SettingsScreen }): VNode {
  const { all, cameras } = form;
  // One that the node does not have any more stays to be seen, and to be taken away.
  const ids = [...new Set([...Object.keys(settings.config.value?.document.cameras ?? {}), ...cameras])];
  return (
    <fieldset>
      <legend>{say('u.sees')}</legend>
      {[true, false].map((one) => (
        <label key={String(one)} class="check">
          <input type="radio" name="grant" checked={all === one} onChange={() => screen.type({ all: one })} />
          <span>{say(one ? 'u.all' : 'u.these')}</span>
        </label>
      ))}
      {!all && (
        <div class="se-grants">
          {ids.map((id) => (
            <label key={id} class="check">
              <input
                type="checkbox"
                checked={cameras.includes(id)}
                onChange={({ currentTarget }) =>
                  screen.type({
                    cameras: currentTarget.checked ? [...cameras, id] : cameras.filter((one) => one !== id),
                  })
                }
              />
              <span>{roomName(id)}</span>
            </label>
          ))}
        </div>
      )}
      {!all && cameras.length === 0 && <small class="mute">{say('u.choose')}</small>}
    </fieldset>
  );
}

/** What became of a change, where it was made. */
function Said({
  screen,
  about,
  children,
}: {
  screen: UsersScreen;
  about: About;
  children?: ComponentChildren;
}): VNode | null {
  const outcome = screen.outcome.value;
  if (outcome.kind === 'idle' || outcome.about !== about) return null;
  if (outcome.kind === 'unanswered')
    return (
      <Refusal of={outcome}>
        {say('unanswered')}
        {children}
      </Refusal>
    );
  if (outcome.kind === 'refused') {
    const { why } = outcome;
    const refused = {
      user: () => text('z.refused', { why }),
      token: () => say('t.refused', { why }),
      removal: () => say('remove.refused', { why }),
      'token-removal': () => say('remove.refused', { why }),
    };
    return (
      <Refusal of={outcome}>
        {refused[about]()}
        {children}
      </Refusal>
    );
  }
  if (outcome.kind !== 'done') return null;
  const { name, isNew } = outcome;
  const done = {
    user: () => say(isNew ? 'u.added' : 'u.changed', { user: name }),
    token: () => '',
    removal: () => say('u.removed', { user: name }),
    'token-removal': () => say('t.removed', { name }),
  };
  return <Done>{done[about]()}</Done>;
}

function Tokens({ user, screen }: { user: User; screen: UsersScreen }): VNode {
  const tokens = screen.ofForm;
  const { name, role, days } = screen.token.value;
  const isAsking = screen.outcome.value.kind === 'asking';
  const roles = ROLES.slice(0, ROLES.indexOf(user.role) + 1);
  return (
    <div class="se-more">
      <h3>{say('u.tokens')}</h3>
      {tokens.length === 0 && <p class="mute">{say('t.none')}</p>}
      <ul class="se-tokens">
        {tokens.map((token) => (
          <TokenRow key={token.id} token={token} screen={screen} />
        ))}
      </ul>
      <Said screen={screen} about="token-removal" />
      {screen.made.value !== null && <Made key={screen.made.value.id} {...screen.made.value} />}
      <form
        class="se-token"
        onSubmit={(event) => {
          event.preventDefault();
          void screen.makeToken();
        }}
      >
        <label class="field">
          <span>{say('t.for')}</span>
          <input
            class="in"
            value={name}
            maxLength={64}
            autocomplete="off"
            onInput={({ currentTarget }) => screen.typeToken({ name: currentTarget.value })}
          />
        </label>
        <label class="field">
          <span>{say('t.most')}</span>
          <RoleChoice value={role} roles={roles} choose={(one) => screen.typeToken({ role: one })} />
        </label>
        <label class="field">
          <span>{say('t.days')}</span>
          <input
            class="in"
            inputMode="numeric"
            value={days}
            onInput={({ currentTarget }) => screen.typeToken({ days: currentTarget.value })}
          />
        </label>
        <small class="mute">{say('t.days.hint')}</small>
        <button type="submit" class="btn" disabled={isAsking || name.trim() === ''}>
          {say('t.make')}
        </button>
      </form>
      <Said screen={screen} about="token" />
    </div>
  );
}

function TokenRow({ token, screen }: { token: Token; screen: UsersScreen }): VNode {
  const { id, name, role, created_at: since, expires_at: until } = token;
  const isAsked = screen.removing.value?.token === id;
  const label = say('t.remove', { name });
  return (
    <li>
      <span class="b">{name}</span>
      <span class="tag">{role}</span>
      <span class="mute">
        {dayText(Date.parse(since))} · <Until at={until} />
      </span>
      <span class="sp" />
      <button
        type="button"
        class="icb"
        data-row={id}
        aria-label={label}
        title={label}
        onClick={() => screen.ask({ token: id })}
      >
        <Icon name="close" size="s" />
      </button>
      {isAsked && (
        <Question
          yes={label}
          isAsking={screen.outcome.value.kind === 'asking'}
          row={id}
          answer={(isYes) => (isYes ? void screen.removeToken(id) : screen.ask(null))}
        >
          <p>{say('t.remove.q', { name })}</p>
        </Question>
      )}
    </li>
  );
}

function Until({ at }: { at: string | null }): VNode {
  if (at === null) return <>{say('t.forever')}</>;
  const isOver = Date.parse(at) <= (serverSecond.value ?? 0) * 1000;
  return <>{say(isOver ? 't.over' : 't.until', { d: dayText(Date.parse(at)) })}</>;
}

/** A token, to be copied now. The focus goes to it. */
function Made({ name, token }: { readonly name: string; readonly token: string }): VNode {
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState<'no' | 'yes' | 'selected'>('no');
  useEffect(() => field.current?.select(), []);
  const copy = async (): Promise<void> => {
    field.current?.select();
    // Only over TLS and on this machine a page may write to the clipboard.
    const isCopied = await (navigator.clipboard as Clipboard | undefined)?.writeText(token).then(
      () => true,
      () => false,
    );
    setCopied(isCopied === true ? 'yes' : 'selected');
  };
  return (
    <div class="se-made" role="status">
      <label class="field">
        <span>{say('t.made', { name })}</span>
        <input ref={field} class="in mono" readOnly value={token} />
      </label>
      <div class="row">
        <button type="button" class="btn" onClick={() => void copy()}>
          {say('t.copy')}
        </button>
        <span class="mute">{copied === 'no' ? '' : say(copied === 'yes' ? 't.copied' : 't.select')}</span>
      </div>
    </div>
  );
}

function Removal({ user, screen }: { user: string; screen: UsersScreen }): VNode {
  const isAsked = screen.removing.value?.token === null;
  const isAsking = screen.outcome.value.kind === 'asking';
  return (
    <div class="se-more">
      <Said screen={screen} about="removal" />
      {isAsked ? (
        <Question
          yes={say('u.remove.yes', { user })}
          isAsking={isAsking}
          row={REMOVE}
          answer={(isYes) => (isYes ? void screen.remove() : screen.ask(null))}
        >
          <p>{say('u.remove.q', { user })}</p>
        </Question>
      ) : (
        <div class="row">
          <span class="sp" />
          <button
            type="button"
            class="btn"
            data-row={REMOVE}
            disabled={isAsking}
            onClick={() => screen.ask({ token: null })}
          >
            {say('u.remove')}
          </button>
        </div>
      )}
    </div>
  );
}
