// What is on the screen, as signals: views bind them to text nodes and attributes, so that a result changes the document
// without work in the virtual DOM. Only `Shape` and the groups of the wall let components render again.
import { batch, type Signal, signal } from '@preact/signals';
import type { Me } from '@vigia/contracts/api';
import type { Alarm } from './alarms.ts';
import { SLOTS, type TraceView } from './answer-trace.ts';
import type { SoundState } from './sound-player.ts';
import {
  alarmName,
  clockTime,
  duration,
  personName,
  reasonText,
  roomName,
  text,
  verdictText,
  wholeDuration,
} from './texts.ts';
import type { TileView, Verdict, WallView, Ward, Watch } from './ward.ts';

/** What of a tile decides about its elements. */
export interface Shape {
  readonly watch: Watch;
  /** `none`: this login has no pictures. */
  readonly picture: 'live' | 'old' | 'gone' | 'none';
  readonly alarm: 'open' | 'ack' | null;
  /** `Fall`, or `anna is going`. */
  readonly alarmText: string;
  readonly verdict: Verdict['kind'];
  readonly bed: string;
  readonly drawn: boolean;
  /** A picture came once. */
  readonly known: boolean;
  readonly reason: boolean;
  /** The camera has no consumer and is away. */
  readonly stopped: boolean;
}

/** The signals of one tile. Texts are complete; paths are SVG. */
export interface TileScreen {
  readonly camera: string;
  readonly name: Signal<string>;
  readonly shape: Signal<Shape>;
  readonly url: Signal<string | undefined>;
  readonly viewBox: Signal<string>;
  readonly boxes: Signal<string>;
  readonly bones: Signal<string>;
  readonly joints: Signal<string>;
  readonly masks: Signal<string>;
  readonly alt: Signal<string>;
  /** Of the picture: `23 s`. */
  readonly pictureAge: Signal<string>;
  /** `from 03:13:31`, `since 02:41:10`. */
  readonly pictureTime: Signal<string>;
  readonly verdict: Signal<string>;
  readonly answerAge: Signal<string>;
  readonly answerHint: Signal<string>;
  readonly blindFor: Signal<string>;
  readonly alarmAge: Signal<string>;
  readonly reason: Signal<string>;
  /** What a tile says when somebody points at it. */
  readonly hint: Signal<string>;
  readonly technical: Signal<string>;
  readonly trace: TraceScreen;
}

/** Paths of a trace, 226 × 16. */
export interface TraceScreen {
  readonly some: Signal<string>;
  readonly none: Signal<string>;
  readonly slow: Signal<string>;
  readonly unknown: Signal<string>;
  readonly empty: Signal<string>;
}

/** Size of a trace in its own units, and the part of it that a slot has. */
export const TRACE_WIDTH = 225;
export const TRACE_HEIGHT = 16;
const SLOT_WIDTH = TRACE_WIDTH / SLOTS;

/** The page is being left: Chromium takes a picture that is drawn now for a report to the server, which the policy refuses. */
export const leaving: Signal<boolean> = signal(false);
export const session: Signal<'asking' | 'login' | 'running'> = signal('asking');
export const me: Signal<Me | null> = signal(null);
export const wall: Signal<WallView | null> = signal(null);
/** Seconds since 1970 on the server; null before the first heartbeat. */
export const serverSecond: Signal<number | null> = signal(null);
export const clockText: Signal<string> = signal('--:--:--');
/** Since the newest message: `0.2 s`. */
export const beatAge: Signal<string> = signal('');
/** Why somebody is still logged in who wanted to leave; empty: nobody was refused. */
export const logoutRefused: Signal<string> = signal('');
/** For how long the page has asked in vain: empty within the first 2 s. */
export const askingFor: Signal<string> = signal('');
/** Counts heartbeats: each one sets the cover back. */
export const beats: Signal<number> = signal(0);
/** The cover is in sight, as far as the script can know. */
export const lost: Signal<boolean> = signal(false);
export const coverHead: Signal<string> = signal('');
export const coverSince: Signal<string> = signal('');
export const coverKnown: Signal<string> = signal('');
/** Whether alarms are heard. */
export const sound: Signal<SoundState> = signal('off');
/** For how long alarms are still silent because somebody wanted it: `1:42`; empty: they are not. */
export const mutedFor: Signal<string> = signal('');
export const technical: Signal<boolean> = signal(false);
export const help: Signal<boolean> = signal(false);
/** The camera that the page shows; null: the wall. */
export const openCamera: Signal<string | null> = signal(null);
/** The node is a demo, whose parts may be broken on purpose. */
export const demo: Signal<boolean> = signal(false);
/** What is wrong with the node and makes alarms unreliable: how much. */
export const problems: Signal<number> = signal(0);
/** The page shows the node itself. */
export const systemOpen: Signal<boolean> = signal(false);
/** The page shows what can be set. */
export const settingsOpen: Signal<boolean> = signal(false);
/** The page shows what was recorded. */
export const timelineOpen: Signal<boolean> = signal(false);
/** The page shows what happened. */
export const eventsOpen: Signal<boolean> = signal(false);
/** The camera whose zones the page shows; null: another view. */
export const zonesOpen: Signal<string | null> = signal(null);
/** Where the page is: the part of its address behind `#`. */
export const address: Signal<string> = signal('');
/** Id of the newest event of the stream: lists of events are older than it. */
export const newestEvent: Signal<string> = signal('');
/** What the view of a camera shows: live video without boxes, or the pictures that vigia analysed, with theirs. */
export const mode: Signal<'smooth' | 'saw'> = signal('smooth');
/** What is drawn on a large picture, each switched by a key: 1, 2, 3. */
export const OVERLAYS = ['boxes', 'bones', 'masks'] as const;
export const overlays: Readonly<Record<(typeof OVERLAYS)[number], Signal<boolean>>> = {
  boxes: signal(true),
  bones: signal(true),
  masks: signal(true),
};
/** Counts streams of which a heartbeat came. */
export const streams: Signal<number> = signal(0);
/** How far the wall was scrolled when it was left, and for which camera; null: it was not left. */
export const wallPlace: { top: number; camera: string | null } = { top: 0, camera: null };
/** What became of `I am going`, by event: `asking`, or why the node refused. */
export const acknowledging: Signal<ReadonlyMap<string, { readonly refused: string | null }>> = signal(new Map());

/** The server's time; before the first heartbeat, that of this screen. Milliseconds since 1970. @param localMs As of `Browser.now`. */
export function wallMs(ward: Ward, localMs: number): number {
  return ward.serverMs(localMs) ?? performance.timeOrigin + localMs;
}

/** Whether the page shows a view that is neither the wall nor of one camera. */
export function isElsewhere(): boolean {
  return systemOpen.value || eventsOpen.value || timelineOpen.value || settingsOpen.value || zonesOpen.value !== null;
}

/** Whether a login may see pictures: not that of a screen in a corridor. */
export function hasPictures(who: Me | null): boolean {
  return who?.role !== 'screen';
}

/** Whether a login may say that somebody goes, or restart what hangs. */
export function mayAct(who: Me | null): boolean {
  return who?.role !== 'screen' && who?.role !== 'viewer';
}

/** Whether a login may change settings. */
export function mayChange(who: Me | null): boolean {
  return who?.role === 'admin';
}

/** Whether a login may change the whole node: its users and its configuration. */
export function mayChangeNode(who: Me | null): boolean {
  return mayChange(who) && who?.cameras === 'all';
}

const tiles = new Map<string, TileScreen>();

/** The signals of a camera's tile; made at the first call. */
export function tileScreen(camera: string): TileScreen {
  let tile = tiles.get(camera);
  if (tile === undefined) {
    tile = newTile(camera);
    tiles.set(camera, tile);
  }
  return tile;
}

/** Forgets what is on the screen: another login must not see it. */
export function clear(): void {
  tiles.clear();
  batch(() => {
    wall.value = null;
    problems.value = 0;
    acknowledging.value = new Map();
    logoutRefused.value = '';
  });
}

/** Brings the signals of the whole wall, and of the given tiles, to what the ward knows now. */
export function show(ward: Ward, localMs: number, cameras: Iterable<string>): void {
  const next = ward.wall(localMs);
  if (keyOf(next) !== keyOf(wall.peek())) wall.value = next;
  const serverMs = ward.serverMs(localMs);
  if (serverMs === null) return;
  serverSecond.value = Math.floor(serverMs / 1000);
  clockText.value = clockTime(serverMs);
  for (const camera of cameras) {
    const view = ward.tile(camera, localMs);
    if (view === null) tiles.delete(camera);
    else showTile(tileScreen(camera), view, serverMs);
  }
}

/** Views keep their value while nothing in them changed, so that components do not render again. */
function keyOf(view: WallView | null): string {
  return JSON.stringify(view);
}

function newTile(camera: string): TileScreen {
  return {
    camera,
    name: signal(roomName(camera)),
    shape: signal({
      watch: 'pending',
      picture: 'gone',
      alarm: null,
      alarmText: '',
      verdict: 'pending',
      bed: '',
      drawn: false,
      known: false,
      reason: false,
      stopped: false,
    }),
    url: signal(undefined),
    viewBox: signal('0 0 16 9'),
    boxes: signal(''),
    bones: signal(''),
    joints: signal(''),
    masks: signal(''),
    alt: signal(''),
    pictureAge: signal(''),
    pictureTime: signal(''),
    verdict: signal(''),
    answerAge: signal(''),
    answerHint: signal(''),
    blindFor: signal(''),
    alarmAge: signal(''),
    reason: signal(''),
    hint: signal(''),
    technical: signal(''),
    trace: { some: signal(''), none: signal(''), slow: signal(''), unknown: signal(''), empty: signal('') },
  };
}

const traceKeys = new WeakMap<TraceScreen, string>();

function showTile(tile: TileScreen, view: TileView, serverMs: number): void {
  const { picture, alarm, verdict } = view;
  const shape: Shape = {
    watch: view.watch,
    picture: hasPictures(me.peek()) ? picture.state : 'none',
    alarm: alarm === null ? null : alarm.by === null ? 'open' : 'ack',
    alarmText: alarm === null ? '' : alarm.by === null ? alarmName(alarm) : text('a.by', { who: personName(alarm.by) }),
    verdict: verdict.kind,
    bed: verdict.kind === 'bed' ? verdict.state : '',
    drawn: picture.overlay !== null,
    known: picture.ageMs !== null,
    reason: view.reason !== null,
    stopped: view.reason?.kind === 'camera' && view.reason.state === 'stopped',
  };
  if (JSON.stringify(shape) !== JSON.stringify(tile.shape.peek())) tile.shape.value = shape;
  tile.name.value = roomName(tile.camera);
  tile.url.value = picture.url ?? undefined;
  tile.viewBox.value = `0 0 ${picture.width} ${picture.height}`;
  tile.boxes.value = picture.overlay?.boxes ?? '';
  tile.bones.value = picture.overlay?.bones ?? '';
  tile.joints.value = picture.overlay?.joints ?? '';
  tile.masks.value = picture.overlay?.masks ?? '';
  const pictureAge = picture.ageMs === null ? '' : ageText(picture.ageMs, picture.certain);
  tile.alt.value =
    picture.ageMs === null ? '' : text('a.picture', { room: tile.name.value, s: wholeDuration(picture.ageMs) });
  tile.pictureAge.value = pictureAge;
  tile.pictureTime.value = pictureTimeOf(view);
  tile.verdict.value = verdictText(verdict);
  const { answer } = view;
  tile.answerAge.value = answer === null ? '' : ageText(answer.ageMs, answer.certain);
  tile.answerHint.value = answer === null || answer.certain ? '' : text('w.leastd');
  const blind = view.blind === null ? '' : wholeDuration(view.blind.ms);
  tile.blindFor.value = view.blind?.atLeast === true ? text('w.longer', { s: blind }) : blind;
  tile.alarmAge.value = alarm === null ? '' : wholeDuration(Math.max(0, serverMs - alarm.startedMs));
  tile.reason.value = view.reason === null ? '' : reasonText(view.reason, serverMs);
  tile.hint.value = [tile.reason.value, tile.answerHint.value].filter((one) => one !== '').join('\n');
  tile.technical.value = `${tile.camera} · ${view.technical}`;
  if (traceKeys.get(tile.trace) === view.trace.key) return;
  traceKeys.set(tile.trace, view.trace.key);
  showTrace(tile.trace, view.trace);
}

/** `0.2 s`, `≥ 0.2 s`: the camera says when, or does not. */
export function ageText(ms: number, certain: boolean): string {
  return certain ? duration(ms) : text('w.least', { s: duration(ms) });
}

function pictureTimeOf({ picture }: TileView): string {
  if (picture.state === 'old' && picture.capturedMs !== null)
    return text('w.from', { t: clockTime(picture.capturedMs) });
  if (picture.capturedMs !== null) return text('w.since', { t: clockTime(picture.capturedMs) });
  return picture.sinceMs === null ? '' : text('w.sincebefore', { t: clockTime(picture.sinceMs) });
}

function showTrace(screen: TraceScreen, view: TraceView): void {
  const paths = { some: '', none: '', slow: '' };
  for (const { slot, mark, height } of view.bars) {
    const h = (height * TRACE_HEIGHT).toFixed(1);
    paths[mark] += `M${slot * SLOT_WIDTH} ${TRACE_HEIGHT}v-${h}h1v${h}z`;
  }
  screen.some.value = paths.some;
  screen.none.value = paths.none;
  screen.slow.value = paths.slow;
  screen.unknown.value = view.unknown
    .map(([from, to]) => `M${from * SLOT_WIDTH} ${TRACE_HEIGHT - 1}H${to * SLOT_WIDTH}`)
    .join('');
  // Where the page did not listen, it cannot know that there was no answer.
  const from = Math.max(view.voidFrom ?? SLOTS, ...view.unknown.map(([, to]) => to));
  const x = from * SLOT_WIDTH;
  screen.empty.value = from >= SLOTS ? '' : `M${x} 0H${TRACE_WIDTH}V${TRACE_HEIGHT}H${x}Z`;
}

/** Whether the node has this camera. */
export function hasCamera({ trouble, watching, off, stage }: WallView, id: string): boolean {
  return stage?.camera === id || [trouble, watching, off].some((group) => group.includes(id));
}

/** The title of the page: an alarm is seen in the list of tabs. `shown`: the camera that the page shows. */
export function pageTitle(view: WallView | null, shown: string | null): string {
  if (lost.peek()) return text('page.lost');
  if (view === null) return 'vigia';
  const place =
    shown !== null || zonesOpen.peek() !== null
      ? [roomName(shown ?? zonesOpen.peek() ?? '')]
      : systemOpen.peek()
        ? [text('sy.title')]
        : eventsOpen.peek()
          ? [text('ev.title')]
          : timelineOpen.peek()
            ? [text('tl.title')]
            : settingsOpen.peek()
              ? [text('nav.settings')]
              : [];
  const alarm: Alarm | undefined = view.stage ?? view.further[0];
  if (alarm === undefined) return text('page.title', { node: [...place, view.node].join(' · ') });
  const about = { node: [view.node, ...place].join(' · '), what: alarmName(alarm), room: roomName(alarm.camera) };
  if (alarm.by !== null) return text('page.alarm.old', { ...about, who: personName(alarm.by) });
  return text('page.alarm', { ...about, n: view.open });
}
