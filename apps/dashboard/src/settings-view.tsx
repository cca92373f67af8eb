import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Alarm, Go } from './alarms.ts';
import type { Browser } from './connection.ts';
import { Icon, type IconName } from './icons.tsx';
import { linkToSettings, type SettingsPart, settingsOf } from './route.ts';
import { address, help, mayChangeNode, me, wallMs } from './screen.ts';
import { AddScreen } from './settings-add.ts';
import { NEW_CAMERA } from './settings-add-view.tsx';
import { Cameras } from './settings-cameras-view.tsx';
import { authorOf, focusRow, NEW_USER, say } from './settings-parts.tsx';
import { Revisions } from './settings-revisions-view.tsx';
import { SettingsScreen } from './settings-screen.ts';
import { Users } from './settings-users-view.tsx';
import { UsersScreen } from './settings-users.ts';
import { AlarmRows } from './stage.tsx';
import { dayTime, text } from './texts.ts';
import type { Ward } from './ward.ts';
import './settings-view.css';
import './settings-forms.css';

/** What the view of the settings gets. */
export interface SettingsViewProps {
  readonly ward: Ward;
  readonly browser: Browser;
  /** All that have not ended. */
  readonly alarms: readonly Alarm[];
  readonly go: Go;
}

interface Screens {
  readonly user: string | null;
  readonly settings: SettingsScreen;
  readonly adding: AddScreen;
  readonly users: UsersScreen;
}

/** What was typed outlives the view: who comes back goes on. Another user does not find it. */
let kept: Screens | undefined;

/** Cameras, users and revisions of the node, for admins of all cameras. */
export function SettingsView({ ward, browser, alarms, go }: SettingsViewProps): VNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const [screens] = useState(() => screensOf(browser));
  const part = settingsOf(address.value) ?? 'cameras';
  const may = mayChangeNode(me.value);
  const nowMs = (): number => wallMs(ward, browser.now());
  return (
    <main class="se">
      <div class="se-head">
        <h1 ref={heading} tabIndex={-1}>
          {text('nav.settings')}
        </h1>
        {may && <InForce screen={screens.settings} nowMs={nowMs} />}
        <span class="sp" />
        {may && <span class="mute se-how">{say(part === 'users' ? 'how.users' : 'how')}</span>}
      </div>
      {alarms.length > 0 && <AlarmRows alarms={alarms} go={go} />}
      {may ? (
        <Parts part={part} screens={screens} ward={ward} nowMs={nowMs} />
      ) : (
        <p class="st blind wrap" role="status">
          <Icon name="off" />
          {say('only')}
        </p>
      )}
    </main>
  );
}

function screensOf(browser: Browser): Screens {
  const user = me.peek()?.user ?? null;
  const csrf = (): string | null => me.peek()?.csrf ?? null;
  if (kept === undefined || kept.user !== user)
    kept = {
      user,
      settings: new SettingsScreen(browser, csrf),
      adding: new AddScreen(browser, csrf),
      users: new UsersScreen(browser, csrf),
    };
  return kept;
}

const PARTS: readonly (readonly [part: SettingsPart, icon: IconName, word: 'cams' | 'users' | 'revs'])[] = [
  ['cameras', 'camera', 'cams'],
  ['users', 'person', 'users'],
  ['revisions', 'old', 'revs'],
];

function Parts({
  part,
  screens: { settings, adding, users },
  ward,
  nowMs,
}: {
  part: SettingsPart;
  screens: Screens;
  ward: Ward;
  nowMs: () => number;
}): VNode {
  useEffect(() => settings.start(), [settings]);
  useEffect(() => {
    // Where a node has no users it gives none over the network.
    if (part === 'users') void users.load();
    return () => {
      settings.leave();
      users.leave();
    };
  }, [settings, users, part]);
  useEscape(settings, users, adding);
  useUnsaved(settings, users, adding);
  const counts: Readonly<Record<SettingsPart, number | undefined>> = {
    cameras: Object.keys(settings.config.value?.document.cameras ?? {}).length,
    users: users.users.value?.length,
    revisions: settings.revisions.value.length,
  };
  return (
    <>
      <nav class="se-nav" aria-label={say('parts')}>
        {PARTS.map(([one, icon, word]) => (
          <a key={one} href={linkToSettings(one)} aria-current={one === part ? 'page' : undefined}>
            <Icon name={icon} />
            <span>{say(word)}</span>
            <span class="mute">{settings.config.value === null ? '' : counts[one]}</span>
          </a>
        ))}
      </nav>
      <div class="se-part">
        {settings.failed.value !== '' && (
          <div class="se-said st blind wrap" role="status">
            <Icon name="lost" />
            <span>{say('failed', { why: settings.failed.value })}</span>
            <button type="button" class="btn" onClick={() => void settings.load()}>
              {say('again')}
            </button>
          </div>
        )}
        {settings.config.value === null ? (
          settings.failed.value === '' && <p class="mute">{say('asking')}</p>
        ) : part === 'cameras' ? (
          <Cameras screen={settings} adding={adding} ward={ward} />
        ) : part === 'users' ? (
          <Users screen={users} settings={settings} />
        ) : (
          <Revisions screen={settings} nowMs={nowMs} />
        )}
      </div>
    </>
  );
}

/** `Revision 42 is in force since 03:07:40, by tom`. */
function InForce({ screen, nowMs }: { screen: SettingsScreen; nowMs: () => number }): VNode | null {
  if (screen.config.value === null) return null;
  const { revision, at, by } = screen.config.value;
  const t = dayTime(Date.parse(at), nowMs());
  return <span class="mute">{say('revision', { n: revision, t, who: authorOf(by) })}</span>;
}

/** Escape closes a question, then a form in which nothing was typed. What was typed is not lost by a key. */
function useEscape(settings: SettingsScreen, users: UsersScreen, adding: AddScreen): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape' || event.defaultPrevented || help.peek()) return;
      const part = settingsOf(address.peek());
      if (!escapes(part, { settings, users, adding })) return;
      event.preventDefault();
      event.stopPropagation();
    };
    document.addEventListener('keydown', press, { capture: true });
    return () => document.removeEventListener('keydown', press, { capture: true });
  }, [settings, users, adding]);
}

/** @returns whether the key was for the part that is open. */
function escapes(part: SettingsPart | null, { settings, users, adding }: Omit<Screens, 'user'>): boolean {
  const [target, draft, form] = [settings.target.peek(), settings.draft.peek(), users.form.peek()];
  if (part === 'revisions' && target !== null) {
    settings.consider(null);
    focusRow(`revision ${target.revision}`);
  } else if (part === 'cameras' && draft !== null) {
    if (settings.removing.peek()) settings.removing.value = false;
    else if (!settings.isDirty) {
      settings.close();
      focusRow(draft.camera);
    }
  } else if (part === 'cameras' && adding.open.peek()) {
    if (adding.isDirty) return true;
    adding.close();
    focusRow(NEW_CAMERA);
  } else if (part === 'users' && form !== null) {
    if (users.removing.peek() !== null) users.ask(null);
    else if (!users.isDirty && users.made.peek() === null) {
      users.close();
      focusRow(form.before?.name ?? NEW_USER);
    }
  } else return false;
  return true;
}

/** A tab that is closed says that something is not saved. */
function useUnsaved(settings: SettingsScreen, users: UsersScreen, adding: AddScreen): void {
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent): void => {
      if (settings.isDirty || users.isDirty || adding.isDirty) event.preventDefault();
    };
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [settings, users, adding]);
}
