import { type Signal, signal, useSignalEffect } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Go } from './alarms.ts';
import type { Browser, LoginOutcome } from './connection.ts';
import { CorridorView } from './corridor-view.tsx';
import { Cover } from './cover.tsx';
import { CameraDoor, EventsDoor, SettingsDoor, SystemDoor, TimelineDoor, ZonesDoor } from './doors.tsx';
import { Brand, Icon, type IconName } from './icons.tsx';
import { fewestColumns } from './layout.ts';
import { Login } from './login.tsx';
import { EVENTS, linkTo, SETTINGS, SYSTEM, TIMELINE, WALL } from './route.ts';
import {
  askingFor,
  beatAge,
  beats,
  openCamera,
  problems,
  clockText,
  hasCamera,
  hasPictures,
  isElsewhere,
  logoutRefused,
  help,
  mayChangeNode,
  me,
  mutedFor,
  session,
  sound,
  eventsOpen,
  settingsOpen,
  systemOpen,
  technical,
  timelineOpen,
  wall,
  wallPlace,
  zonesOpen,
} from './screen.ts';
import { AlarmRows, Stage } from './stage.tsx';
import { alarmName, roomName, text } from './texts.ts';
import { Tile } from './tile.tsx';
import { TracePattern } from './trace.tsx';
import type { WallView, Ward } from './ward.ts';

/** What the page lets people do, and what the view of a camera draws from. */
export interface Actions {
  readonly ward: Ward;
  readonly browser: Browser;
  readonly login: (user: string, password: string) => Promise<LoginOutcome>;
  readonly logout: () => void;
  readonly go: Go;
  readonly toggleTheme: () => void;
  readonly toggleNumbers: () => void;
  /** Alarms are to be heard, or not. */
  readonly wantSound: (wanted: boolean) => void;
  /** What was wanted last on this screen. */
  readonly wantsSound: boolean;
  /** Silence for two minutes, or its end. */
  readonly toggleMute: () => void;
  /** A screen that people pass, without controls and pictures. */
  readonly corridor: boolean;
}

/** The page. */
export function Page(actions: Actions): VNode {
  const { login, wantSound, wantsSound, corridor } = actions;
  if (session.value === 'login') return <Login {...{ login, wantSound, wantsSound, corridor }} />;
  const view = wall.value;
  if (corridor)
    return (
      <>
        <CorridorView />
        <Alerts view={view} />
        <Cover />
      </>
    );
  return (
    <>
      <Top {...actions} />
      {view === null ? <Asking /> : <Main view={view} {...actions} />}
      <Alerts view={view} />
      <Help />
      <TracePattern />
      <Cover />
    </>
  );
}

function Main({ view, ...actions }: { view: WallView } & Actions): VNode {
  const id = openCamera.value;
  const { ward, browser, go } = actions;
  const alarms = view.stage === null ? view.further : [view.stage, ...view.further];
  const zones = zonesOpen.value;
  if (zones !== null)
    return <ZonesDoor key={zones} camera={zones} known={hasCamera(view, zones)} {...{ ward, browser, alarms, go }} />;
  if (id === null && timelineOpen.value) return <TimelineDoor {...{ ward, browser, alarms, go }} />;
  if (id === null && eventsOpen.value) return <EventsDoor {...{ ward, browser, alarms, go }} />;
  if (id === null && systemOpen.value) return <SystemDoor {...{ ward, browser, alarms, go }} />;
  if (id === null && settingsOpen.value) return <SettingsDoor {...{ ward, browser, alarms, go }} />;
  if (id === null) return <Wall view={view} {...actions} />;
  return <CameraDoor key={id} camera={id} known={hasCamera(view, id)} {...{ ward, browser, alarms, go }} />;
}

function Top({ logout, toggleTheme, wantSound, toggleMute }: Actions): VNode {
  const user = me.value?.user ?? null;
  const open = wall.value?.open ?? 0;
  const isWall = openCamera.value === null && !isElsewhere();
  return (
    <header class={`top ${mayChangeNode(me.value) ? 'two' : ''}`}>
      <span class="brand">
        <Brand />
        <span>vigia</span>
      </span>
      <nav class="nav" aria-label={text('nav.aria')}>
        <a href={WALL} aria-current={isWall ? 'page' : undefined}>
          {text('nav.wall')}
          {open > 0 && <span class="n a">{open}</span>}
        </a>
        {hasPictures(me.value) && (
          <a href={TIMELINE} aria-current={timelineOpen.value ? 'page' : undefined}>
            {text('tl.title')}
          </a>
        )}
        {hasPictures(me.value) && (
          <a href={EVENTS} aria-current={eventsOpen.value ? 'page' : undefined}>
            {text('ev.title')}
          </a>
        )}
        {hasPictures(me.value) && (
          <a href={SYSTEM} aria-current={systemOpen.value ? 'page' : undefined}>
            {text('nav.system')}
            {problems.value > 0 && (
              <span class="n b" title={text(problems.value === 1 ? 'sy.one' : 'sy.n', { n: problems.value })}>
                {problems.value}
              </span>
            )}
          </a>
        )}
        {mayChangeNode(me.value) && (
          <a href={SETTINGS} aria-current={settingsOpen.value ? 'page' : undefined}>
            {text('nav.settings')}
          </a>
        )}
      </nav>
      <span class="sp" />
      <span class="beat" title={text('beat.title')}>
        <Beat />
        <span class="node">{wall.value?.node ?? ''}</span>
        <span class="mute age">{beatAge}</span>
      </span>
      <span class="clock">{clockText}</span>
      <Sound wantSound={wantSound} toggleMute={toggleMute} />
      <button
        type="button"
        class="icb"
        aria-label={text('help.aria')}
        title={`${text('help.aria')} (?)`}
        onClick={() => {
          help.value = true;
        }}
      >
        <Icon name="help" />
      </button>
      <button
        type="button"
        class="icb"
        aria-label={text('theme.aria')}
        title={text('theme.aria')}
        onClick={toggleTheme}
      >
        <Icon name="moon" />
      </button>
      {user !== null && (
        <span class="who">
          <span class="av">{user.slice(0, 2).toUpperCase()}</span>
          <span class="node">{user}</span>
          <button type="button" class="icb" aria-label={text('logout')} title={text('logout')} onClick={logout}>
            <Icon name="leave" />
          </button>
          {logoutRefused.value !== '' && (
            <span class="st blind wrap" role="alert">
              {logoutRefused}
            </span>
          )}
        </span>
      )}
    </header>
  );
}

/** Whether alarms are heard here; that they are not, although somebody wanted it, is said in words. */
function Sound({ wantSound, toggleMute }: Pick<Actions, 'wantSound' | 'toggleMute'>): VNode {
  const state = sound.value;
  const muted = mutedFor.value;
  if (state === 'blocked' || state === 'dead')
    return (
      <button type="button" class="lab warn" onClick={() => wantSound(true)}>
        <Icon name="silent" size="s" />
        <span class="node">{text(state === 'blocked' ? 'sound.blocked' : 'sound.dead')}</span>
      </button>
    );
  const isRinging = state === 'on' && (wall.value?.open ?? 0) > 0;
  return (
    <>
      {(muted !== '' || isRinging) && (
        <button type="button" class="btn sm" aria-pressed={muted !== ''} onClick={toggleMute}>
          <Icon name="silent" size="s" />
          <span class="node">{muted === '' ? text('sound.mute') : text('sound.muted', { s: muted })}</span>
          <kbd>M</kbd>
        </button>
      )}
      <button
        type="button"
        class="icb"
        aria-label={text(state === 'on' ? 'sound.on' : 'sound.off')}
        title={text(state === 'on' ? 'sound.on' : 'sound.off')}
        onClick={() => wantSound(state === 'off')}
      >
        <Icon name={state === 'on' ? 'sound' : 'silent'} />
      </button>
    </>
  );
}

/** Four bars that move with each heartbeat, and stand still without one. */
function Beat(): VNode {
  return (
    <span class={`bars b${beats.value % 4}`} aria-hidden="true">
      <i />
      <i />
      <i />
      <i />
    </span>
  );
}

function Asking(): VNode {
  return (
    <main class="asking">
      <h1 class="vh">{text('wall.title')}</h1>
      <div class="grid">
        {Array.from({ length: 8 }, (_, i) => (
          <div key={i} class="skl" />
        ))}
      </div>
      <p class="mute">{askingFor}</p>
    </main>
  );
}

const columns: Signal<number> = signal(4);
const small: Signal<boolean> = signal(false);
/** Below this the words of a tile give way to its icons. */
const SMALL = 180;
/** From here on the stage is above the wall. */
const STAGE_ABOVE = 1180;
const COLUMNS_BELOW_STAGE = 4;

function Wall({ view, go, toggleNumbers }: { view: WallView } & Actions): VNode {
  useLayoutEffect(returnToPlace, []);
  const { stage, trouble, watching, off, further } = view;
  const acknowledged = stage === null ? further : [];
  if (trouble.length + watching.length + off.length === 0 && stage === null) return <Empty />;
  return (
    <main class={`wall ${stage === null ? 'calm' : ''}`}>
      <h1 class="vh">{text('wall.title')}</h1>
      {stage !== null && <Stage key={stage.subject} alarm={stage} go={go} />}
      <Groups view={view}>
        {acknowledged.length > 0 && <AlarmRows alarms={acknowledged} go={go} />}
        <Group name={text('grp.trouble')} icon="blind" cameras={trouble} numbers={toggleNumbers} />
        <Group
          name={text('grp.watching')}
          cameras={watching}
          numbers={trouble.length === 0 ? toggleNumbers : undefined}
        />
        <Group name={text('grp.off')} icon="off" cameras={off} note={text('grp.offnote')} />
      </Groups>
    </main>
  );
}

/** Who comes back from a camera finds the wall as it was, with the focus on that camera. */
function returnToPlace(): void {
  const { top, camera: left } = wallPlace;
  if (left === null) return;
  wallPlace.camera = null;
  window.scrollTo(0, top);
  document.querySelector<HTMLElement>(`.wall a[href="${CSS.escape(linkTo(left))}"]`)?.focus({ preventScroll: true });
}

function Groups({ view, children }: { view: WallView; children: ComponentChildren }): VNode {
  const element = useRef<HTMLDivElement>(null);
  const numbers = technical.value;
  const fit = (): void => {
    if (element.current !== null) fitColumns(element.current, view, numbers);
  };
  useEffect(() => {
    fit();
    window.addEventListener('resize', fit);
    return () => window.removeEventListener('resize', fit);
  });
  return (
    <div
      ref={element}
      class={`groups col ${small.value ? 'small' : ''}`}
      style={{ '--columns': String(columns.value) }}
    >
      {children}
    </div>
  );
}

/** Heights below the picture, from app.css: trace, lines of text, frame. */
function fitColumns(element: HTMLElement, view: WallView, withNumbers: boolean): void {
  const numbers = withNumbers ? 17 : 0;
  const below = (more: number) => (width: number) => (width < SMALL ? 46 : 52 + more) + numbers;
  const groups = [
    { tiles: view.trouble.length, below: below(20) },
    { tiles: view.watching.length, below: below(0) },
    { tiles: view.off.length, below: below(-1) },
  ].filter(({ tiles }) => tiles > 0);
  const box = element.getBoundingClientRect();
  const head = view.stage === null && view.further.length > 0 ? view.further.length * 48 : 0;
  // A tile with an alarm has a headline.
  const alarms = view.further.length > 0 ? 30 : 0;
  const height = window.innerHeight - (box.top + window.scrollY) - 6 - head - alarms;
  const least = fewestColumns({ width: box.width, height }, groups);
  const above = view.stage !== null && window.innerWidth <= STAGE_ABOVE;
  columns.value = above ? Math.min(least, COLUMNS_BELOW_STAGE) : least;
  small.value = (box.width - 10 * (columns.value - 1)) / columns.value < SMALL;
}

function Group({
  name,
  icon,
  cameras,
  note,
  numbers,
}: {
  name: string;
  icon?: IconName;
  cameras: readonly string[];
  note?: string;
  numbers?: (() => void) | undefined;
}): VNode | null {
  if (cameras.length === 0) return null;
  return (
    <section aria-label={name}>
      <div class="grp">
        {icon !== undefined && <Icon name={icon} />}
        <h2>{name}</h2>
        <span class="mute">{cameras.length}</span>
        <hr />
        {note !== undefined && <span class="mute note">{note}</span>}
        {numbers !== undefined && (
          <button type="button" class="btn gh sm" aria-pressed={technical.value} onClick={numbers}>
            <Icon name="pulse" size="s" />
            {text('wall.numbers')} <kbd>N</kbd>
          </button>
        )}
      </div>
      <div class="grid">
        {cameras.map((camera) => (
          <Tile key={camera} camera={camera} />
        ))}
      </div>
    </section>
  );
}

function Empty(): VNode {
  return (
    <main class="empty">
      <h1>{text('wall.empty')}</h1>
      <Icon name="camera" size="l" />
      <p class="soft">{text('wall.emptyd')}</p>
    </main>
  );
}

/** One alert per alarm, made once: the stage changes every second, which nobody wants to hear. */
function Alerts({ view }: { view: WallView | null }): VNode {
  const alarms = view === null ? [] : [view.stage, ...view.further].filter((alarm) => alarm !== null);
  return (
    <div class="vh">
      {alarms
        .filter(({ by }) => by === null)
        .map((alarm) => (
          <div key={alarm.subject} role="alert">
            {text('a.sentence', { what: alarmName(alarm), room: roomName(alarm.camera) })}
          </div>
        ))}
    </div>
  );
}

function Help(): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const close = (): void => {
    help.value = false;
  };
  useSignalEffect(() => {
    // Not modal: a modal dialog would lie above the cover.
    if (help.value) dialog.current?.show();
    else dialog.current?.close();
  });
  return (
    <dialog ref={dialog} class="help" aria-label={text('help.title')} onClose={close}>
      <div class="row">
        <h2>{text('help.title')}</h2>
        <span class="sp" />
        <button type="button" class="icb" aria-label={text('close')} onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <div class="legend">
        <Swatch kind="some" /> <span>{text('leg.some')}</span>
        <Swatch kind="nobody" /> <span>{text('leg.nobody')}</span>
        <Swatch kind="void" /> <span>{text('leg.void')}</span>
        <Swatch kind="unknown" /> <span>{text('leg.unknown')}</span>
        <span class="sw hazard" /> <span>{text('leg.blind')}</span>
        <span class="sw late" /> <span>{text('leg.late')}</span>
        <span class="sw c">
          <Icon name="old" />
        </span>
        <span>{text('leg.old')}</span>
        <span class="sw c dashed">
          <Icon name="off" />
        </span>
        <span>{text('leg.off')}</span>
      </div>
      <div class="legend keys">
        <kbd>N</kbd> <span>{text('help.n')}</span>
        <kbd>A</kbd> <span>{text('help.a')}</span>
        <kbd>M</kbd> <span>{text('help.m')}</span>
        <kbd>↵</kbd> <span>{text('help.enter')}</span>
        <kbd>S</kbd> <span>{text('cam.smooth')}</span>
        <kbd>W</kbd> <span>{text('cam.saw')}</span>
        <kbd>1</kbd> <span>{text('help.overlays')}</span>
        <kbd>Esc</kbd> <span>{text('help.esc')}</span>
        <kbd>?</kbd> <span>{text('help.q')}</span>
      </div>
    </dialog>
  );
}

function Swatch({ kind }: { kind: 'some' | 'nobody' | 'void' | 'unknown' }): VNode {
  const bars = Array.from(
    { length: kind === 'void' ? 12 : 30 },
    (_, i) => `M${i * 1.5} 16v-${4 + ((i * 7) % 5)}h1v${4 + ((i * 7) % 5)}z`,
  );
  return (
    <span class="sw">
      <svg class="trace" viewBox="0 0 46 16" preserveAspectRatio="none" aria-hidden="true">
        {kind === 'unknown' ? (
          <path class="u" d="M0 15H46" />
        ) : (
          <path class={kind === 'nobody' ? 'q' : 'p'} d={bars.join('')} />
        )}
        {kind === 'void' && <path class="h" d="M19 0H46V16H19Z" />}
        {kind === 'void' && <path class="v" d="M19 0H46V16H19Z" />}
      </svg>
    </span>
  );
}
