import { batch } from '@preact/signals';
import type { AlarmOutcome } from '@vigia/contracts';
import { render } from 'preact';
import './app.css';
import { AlarmSound } from './alarm-sound.ts';
import type { Alarm } from './alarms.ts';
import { type Browser, Connection, type Listener, type Reply, SILENCE_MS } from './connection.ts';
import type { PictureMessage } from './picture-message.ts';
import { cameraOf, isEvents, linkTo, settingsOf, SYSTEM, timelineOf, WALL, zonesOf } from './route.ts';
import * as screen from './screen.ts';
import { SoundPlayer } from './sound-player.ts';
import { alarmName, chooseLanguage, clockTime, duration, nameCameras, roomName, text, wholeDuration } from './texts.ts';
import { Page } from './wall.tsx';
import { Ward } from './ward.ts';

/** Clocks and ages on the screen move this often, also without messages. */
const TICK_MS = 500;
/** What arrives within this time is drawn at once: 32 cameras send 200 messages a second. */
const GATHER_MS = 200;
/** Pictures of one camera that are decoded at a time. */
const LOADS_LIMIT = 2;
/** A page that is seen, and has had no status for so long, knows neither which alarms are open nor which cameras are there. */
const DEAF_MS = 6000;
/** The page's clock has stood still when the tablet's own clock is so much ahead of it all at once. */
const SLEPT_MS = 1000;
/** A second press within this time was meant for the alarm before. */
const NEW_STAGE_MS = 1000;
const THEME = 'vigia.theme';
const SOUND = 'vigia.sound';
/** This page is a screen in a corridor: no controls, no pictures, and sound unless its address says otherwise. */
const corridor = location.pathname === '/ward';

const browser: Browser = {
  now: () => performance.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
  async request(method, path, { body, csrf, ifMatch, timeoutMs }): Promise<Reply> {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    if (csrf != null && method !== 'GET') headers['x-csrf-token'] = csrf;
    if (ifMatch !== undefined) headers['if-match'] = `"${ifMatch}"`;
    const answer = await fetch(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      cache: 'no-store',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: answer.status, body: await answer.json().catch(() => null) };
  },
  openSocket(path, { opened, text: took, binary, closed }) {
    const socket = new WebSocket(new URL(path, location.href.replace(/^http/, 'ws')));
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', opened);
    socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) =>
      typeof data === 'string' ? took(data) : binary(data),
    );
    socket.addEventListener('close', closed);
    return socket;
  },
  hidden: () => document.hidden,
};

const startedMs = browser.now();
const ward = new Ward();
/** Cameras whose tile may look different now. */
const dirty = new Set<string>();
let drawing = false;
/** A heartbeat of the present stream came. */
let heard = false;
let lastBeatMs: number | null = null;
/** When the page was loaded, or somebody logged in. */
let runningMs = startedMs;
/** When the last status came, or the page was seen again, or somebody logged in. */
let lastStatusMs = startedMs;
/** The tablet's clock minus the page's. */
let skewMs = Date.now() - startedMs;
/** A frame is asked for that sets the cover back. */
let beating = false;
/** Which alarm is on the stage, and since when. */
let stage = { subject: '', sinceMs: 0 };
/** Of any message of the stream. */
let lastHeardMs: number | null = null;
const alarmSound = new AlarmSound();
const player = new SoundPlayer();

const listener: Listener = {
  session(state, who) {
    batch(() => {
      const before = screen.session.peek();
      screen.session.value = state;
      screen.me.value = who;
      if (state === 'login') forget();
      if (state !== 'running' || before === 'running') return;
      runningMs = browser.now();
      lastStatusMs = runningMs;
      coverAgain(null);
    });
  },
  stream(open) {
    heard = false;
    ward.connection(open, browser.now());
  },
  now(at, monotonicMs) {
    lastBeatMs = browser.now();
    lastHeardMs = lastBeatMs;
    ward.takeNow(at, monotonicMs, lastBeatMs);
    if (!isDeaf(lastBeatMs)) coverAgain(ward.serverMs(lastBeatMs));
    if (!heard) screen.streams.value += 1;
    heard = true;
    // Browsers slow timers down in tabs that nobody sees; messages come all the same.
    batch(() => makeSound(browser.now()));
  },
  status(status, askedMs) {
    lastStatusMs = browser.now();
    const called = Object.entries(status.cameras).flatMap(([id, { name }]) =>
      name === undefined ? [] : [[id, name] as const],
    );
    nameCameras(new Map(called));
    screen.demo.value = status.demo === true;
    screen.problems.value = status.problems.length;
    for (const url of ward.takeStatus(status, askedMs, browser.now())) URL.revokeObjectURL(url);
    touch(...Object.keys(status.cameras));
  },
  result(result) {
    lastHeardMs = browser.now();
    ward.takeResult(result, lastHeardMs);
    touch(result.camera);
  },
  event(event) {
    ward.takeEvent(event, browser.now());
    if (event.severity === 'alarm') batch(() => makeSound(browser.now()));
    screen.newestEvent.value = event.id;
    if (event.camera !== null) touch(event.camera);
  },
  lost() {
    ward.takeLost(browser.now());
  },
  summary(summary) {
    ward.takeSummary(summary);
    touch(summary.camera);
  },
  picture(message) {
    void load(message);
  },
};
const connection = new Connection(browser, listener, { pictures: !corridor });

/** Pictures of each camera: how many are being decoded, and the number of the newest one that was shown. */
const loads = new Map<string, { pending: number; last: number; shown: number }>();

/**
 * Shows a picture once the browser has decoded it: otherwise the boxes of the new one would lie on the old one until then.
 * Never queues: while two of a camera are being decoded, another one is dropped.
 */
async function load({ header, jpeg }: PictureMessage): Promise<void> {
  const { camera } = header;
  const arrivedMs = browser.now();
  const state = loads.get(camera) ?? { pending: 0, last: 0, shown: 0 };
  loads.set(camera, state);
  if (state.pending >= LOADS_LIMIT) return;
  state.pending += 1;
  state.last += 1;
  const number = state.last;
  // The copy lets the message go; the view would keep all of it.
  const url = URL.createObjectURL(new Blob([jpeg.slice()], { type: 'image/jpeg' }));
  const image = new Image();
  image.src = url;
  const decoded = await image.decode().then(
    () => true,
    () => false,
  );
  state.pending -= 1;
  // Of the login before.
  if (loads.get(camera) !== state) return URL.revokeObjectURL(url);
  if (!decoded) connection.dropped += 1;
  if (!decoded || number < state.shown) return URL.revokeObjectURL(url);
  state.shown = number;
  const size = { width: image.naturalWidth, height: image.naturalHeight };
  const replaced = ward.takePicture({ ...header, ...size }, url, arrivedMs);
  if (replaced !== null) revokeSoon(replaced);
  touch(camera);
}

/** The replaced picture stays until the screen has drawn the next one. */
function revokeSoon(url: string): void {
  setTimeout(() => URL.revokeObjectURL(url), TICK_MS);
}

function touch(...cameras: readonly string[]): void {
  for (const camera of cameras) dirty.add(camera);
  if (drawing) return;
  drawing = true;
  setTimeout(() => requestAnimationFrame(draw), GATHER_MS);
}

function draw(): void {
  drawing = false;
  const cameras = [...dirty];
  dirty.clear();
  batch(() => screen.show(ward, browser.now(), cameras));
  drawn();
}

function drawn(): void {
  const view = screen.wall.peek();
  const subject = view?.stage?.subject ?? '';
  if (subject !== stage.subject) stage = { subject, sinceMs: browser.now() };
  document.title = screen.pageTitle(view, screen.openCamera.peek());
}

/** What one login saw is not for the next one. */
function forget(): void {
  for (const url of ward.forget()) URL.revokeObjectURL(url);
  loads.clear();
  dirty.clear();
  screen.clear();
}

/** The stream may live while nothing answers beside it. */
function isDeaf(nowMs: number): boolean {
  return screen.session.peek() === 'running' && !document.hidden && nowMs - lastStatusMs >= DEAF_MS;
}

/** A tablet that slept: its page's clock did not move, so nothing here looks old. */
function lookForSleep(): void {
  const before = skewMs;
  skewMs = Date.now() - browser.now();
  if (skewMs - before < SLEPT_MS) return;
  ward.slept(browser.now());
  connection.restart();
  lastBeatMs = null;
  lastStatusMs = browser.now();
  batch(() => {
    screen.lost.value = true;
    screen.show(ward, browser.now(), []);
  });
}

/** Once in a while everything is looked at again: ages grow without messages. */
function tick(): void {
  lookForSleep();
  const nowMs = browser.now();
  batch(() => {
    const silentMs = nowMs - (lastBeatMs ?? runningMs);
    screen.lost.value = silentMs >= SILENCE_MS || isDeaf(nowMs) || (screen.lost.peek() && lastBeatMs === null);
    screen.beatAge.value = lastHeardMs === null ? '' : duration(nowMs - lastHeardMs);
    const askedMs = nowMs - runningMs;
    screen.askingFor.value = askedMs < 2000 ? '' : text('wall.asking', { s: wholeDuration(askedMs) });
    screen.show(ward, nowMs, Object.keys(ward.status?.cameras ?? {}));
    makeSound(nowMs);
  });
  drawn();
}

/** Plays the tone that is due, and shows whether it can be heard. Without a connection the last known alarm goes on. */
function makeSound(nowMs: number): void {
  // Not what is drawn: nothing is, in a tab that nobody sees.
  const view = ward.wall(nowMs);
  const serverMs = ward.serverMs(nowMs);
  const alarms = view === null ? [] : [view.stage, ...view.further].filter((alarm) => alarm?.by === null);
  const isLoggedOut = screen.session.peek() === 'login';
  const tone = alarmSound.next(
    {
      alarms: alarms.flatMap((alarm) =>
        alarm === null ? [] : [{ subject: alarm.subject, forMs: serverMs === null ? 0 : serverMs - alarm.startedMs }],
      ),
      isBlind: isLoggedOut ? corridor : screen.lost.peek() || (view?.blind.length ?? 0) > 0,
    },
    nowMs,
  );
  if (tone !== null) player.play(tone);
  screen.sound.value = player.state(nowMs);
  const muted = alarmSound.mutedFor(nowMs);
  screen.mutedFor.value = muted === 0 ? '' : wholeDuration(muted + 999);
}

/** Sets the cover back, and writes what it will say if nothing more is heard. */
function coverAgain(serverMs: number | null): void {
  const last = screen.wall.peek()?.stage ?? null;
  batch(() => {
    screen.lost.value = false;
    screen.coverHead.value = text(serverMs === null ? 'lost.never' : 'lost.h');
    screen.coverSince.value = serverMs === null ? '' : text('lost.since', { t: clockTime(serverMs) });
    screen.coverKnown.value =
      last === null ? '' : text('lost.known', { what: alarmName(last), room: roomName(last.camera) });
  });
  // At most once in a frame: two changes between two frames would leave the animation where it is.
  if (beating) return;
  beating = true;
  requestAnimationFrame(() => {
    beating = false;
    screen.beats.value += 1;
  });
}

/** @param outcome What was found; null: somebody goes. */
async function go({ event, subject }: Alarm, outcome: AlarmOutcome | null): Promise<void> {
  if (outcome === null && subject === stage.subject && browser.now() - stage.sinceMs < NEW_STAGE_MS) return;
  if (screen.lost.peek() || screen.acknowledging.peek().get(event)?.refused === null) return;
  note(event, null);
  const refused = await connection.acknowledge(event, outcome);
  if (refused === null) {
    ward.takeAcknowledged(event, screen.me.peek()?.user ?? text('a.somebody'), outcome, browser.now());
    screen.acknowledging.value = new Map();
    draw();
  } else note(event, refused);
}

async function leave(): Promise<void> {
  screen.logoutRefused.value = '';
  const refused = await connection.logout();
  if (refused !== null) screen.logoutRefused.value = text('logout.refused', { why: refused });
}

function note(event: string, refused: string | null): void {
  screen.acknowledging.value = new Map([[event, { refused }]]);
}

function wantSound(wanted: boolean): void {
  if (wanted) player.on();
  else player.off();
  keep(SOUND, wanted ? 'on' : 'off');
  makeSound(browser.now());
}

/** A screen in a corridor makes sound unless its address says `?sound=off`; another one when somebody wanted it. */
function wantsSound(): boolean {
  const said = new URLSearchParams(location.search).get('sound') ?? kept(SOUND);
  return said === null ? corridor : said === 'on';
}

function toggleMute(): void {
  const nowMs = browser.now();
  if (alarmSound.mutedFor(nowMs) > 0) alarmSound.unmute();
  else alarmSound.mute(nowMs);
  makeSound(nowMs);
}

/** Keeps a tablet in a corridor from going dark. Browsers do that over TLS only, and end it with each change of tabs. */
function stayAwake(): void {
  if (corridor && 'wakeLock' in navigator) void navigator.wakeLock.request('screen').catch(() => undefined);
}

function toggleNumbers(): void {
  screen.technical.value = !screen.technical.peek();
  document.body.classList.toggle('technical', screen.technical.peek());
}

function toggleTheme(): void {
  const { dataset } = document.documentElement;
  dataset['theme'] = dataset['theme'] === 'light' ? 'dark' : 'light';
  keep(THEME, dataset['theme']);
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage a choice lasts until the page is loaded again.
  }
}

function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Shows what the address says. */
function follow(): void {
  const camera = cameraOf(location.hash);
  if (camera !== null && screen.openCamera.peek() === null) screen.wallPlace.top = window.scrollY;
  if (camera !== null) screen.wallPlace.camera = camera;
  batch(() => {
    screen.openCamera.value = camera;
    screen.address.value = location.hash;
    screen.systemOpen.value = location.hash === SYSTEM;
    screen.eventsOpen.value = isEvents(location.hash);
    screen.zonesOpen.value = zonesOf(location.hash);
    screen.timelineOpen.value = timelineOf(location.hash) !== null;
    screen.settingsOpen.value = settingsOf(location.hash) !== null;
  });
  drawn();
}

function press(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
  if (event.key === 'Escape') escape();
  const offersVideo = screen.openCamera.peek() !== null;
  if (offersVideo && (event.key === 's' || event.key === 'S')) screen.mode.value = 'smooth';
  if (offersVideo && (event.key === 'w' || event.key === 'W')) screen.mode.value = 'saw';
  const overlay = screen.OVERLAYS[Number(event.key) - 1];
  if (offersVideo && overlay !== undefined) screen.overlays[overlay].value = !screen.overlays[overlay].peek();
  if (event.key === '?') screen.help.value = !screen.help.peek();
  if (event.key === 'n' || event.key === 'N') toggleNumbers();
  if ((event.key === 'm' || event.key === 'M') && screen.sound.peek() === 'on') toggleMute();
  const alarm = screen.wall.peek()?.stage ?? null;
  const mayGo = screen.session.peek() === 'running' && !screen.help.peek() && screen.mayAct(screen.me.peek());
  if ((event.key === 'a' || event.key === 'A') && alarm !== null && mayGo) void go(alarm, null);
}

function escape(): void {
  const zones = screen.zonesOpen.peek();
  if (screen.help.peek()) screen.help.value = false;
  else if (zones !== null) location.hash = linkTo(zones);
  else if (screen.openCamera.peek() !== null || screen.isElsewhere()) location.hash = WALL;
}

document.documentElement.lang = chooseLanguage(new URLSearchParams(location.search).get('lang'));
document.documentElement.dataset['theme'] = kept(THEME) === 'light' ? 'light' : 'dark';
document.documentElement.classList.toggle('corridor', corridor);
if (wantsSound()) player.on();
// The first press allows it.
for (const kind of ['pointerdown', 'keydown'] as const)
  document.addEventListener(kind, () => player.state(browser.now()) === 'blocked' && player.on());
if (!corridor) document.addEventListener('keydown', press);
// The place on the wall is kept here: the browser would look for it before the wall is drawn again.
history.scrollRestoration = 'manual';
window.addEventListener('hashchange', follow);
window.addEventListener('pagehide', () => {
  screen.leaving.value = true;
});
window.addEventListener('pageshow', () => {
  screen.leaving.value = false;
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  stayAwake();
  lookForSleep();
  lastStatusMs = browser.now();
  connection.wake();
});
stayAwake();
coverAgain(null);
follow();
const root = document.querySelector('#app');
if (root !== null) {
  root.replaceChildren();
  render(
    <Page
      ward={ward}
      browser={browser}
      login={(user, password) => connection.login(user, password)}
      logout={() => void leave()}
      go={(alarm, outcome) => void go(alarm, outcome ?? null)}
      toggleTheme={toggleTheme}
      toggleNumbers={toggleNumbers}
      wantSound={wantSound}
      wantsSound={kept(SOUND) !== 'off'}
      toggleMute={toggleMute}
      corridor={corridor}
    />,
    root,
  );
}
setInterval(tick, TICK_MS);
void connection.start();
