import { untracked, useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Alarm, Go } from './alarms.ts';
import { BreakIt } from './break-view.tsx';
import { CameraNumbers } from './camera-numbers.ts';
import { AgeCard, ConsumersCard, HopsCard } from './camera-numbers-view.tsx';
import { CameraScreen, type LargeShape } from './camera-screen.ts';
import './camera-view.css';
import { type Browser, refusalText } from './connection.ts';
import { Icon } from './icons.tsx';
import { liveBrowser } from './live-browser.ts';
import type { Playable } from './movie-player.ts';
import { linkToTimeline, linkToZones, WALL } from './route.ts';
import {
  demo,
  hasPictures,
  mayAct,
  mayChange,
  me,
  mode,
  OVERLAYS,
  overlays,
  type Shape,
  streams,
  type TileScreen,
  tileScreen,
  wallMs,
} from './screen.ts';
import { Segment } from './segment.tsx';
import { AlarmRows } from './stage.tsx';
import { roomName, type TextKey, text } from './texts.ts';
import { AlarmHead, Answer, classOf, Plate, Still, WatchLabel, Why } from './tile.tsx';
import { Trace } from './trace.tsx';
import type { Ward, Watch } from './ward.ts';

/** A camera's process answers once it has been started. */
const RESTART_MS = 15_000;
/** Ages of the picture are brought up to date this often. */
const SHOW_MS = 250;
/** What is recorded can be played so long after it. */
const JUST_NOW_MS = 10_000;
/** Stamps of pictures count a clock of 90 kHz. */
const STAMPS_PER_S = 90_000;

/** What the view of a camera gets. */
export interface CameraViewProps {
  readonly camera: string;
  readonly ward: Ward;
  readonly browser: Browser;
  /** All that have not ended. */
  readonly alarms: readonly Alarm[];
  readonly go: Go;
}

type Screen = CameraScreen<MediaStreamTrack | Playable>;

/** One camera, large. Mounted with the camera's id as its key. */
export function CameraView({ camera, ward, browser, alarms, go }: CameraViewProps): VNode {
  const [screen] = useState(
    (): Screen =>
      new CameraScreen(
        camera,
        ward,
        liveBrowser(browser, () => me.peek()?.csrf ?? null),
      ),
  );
  const [numbers] = useState(() => new CameraNumbers(camera, ward));
  useEffect(() => ward.follow(camera, (result) => numbers.take(result)), [camera, ward, numbers]);
  useLive(screen, numbers, browser);
  const tile = tileScreen(camera);
  const shape = tile.shape.value;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <main class="cam">
      <div class="cam-head">
        <a class="btn gh" href={WALL}>
          <Icon name="back" />
          {text('cam.back')} <kbd>Esc</kbd>
        </a>
        <h1 ref={heading} tabIndex={-1} class="ell">
          {roomName(camera)}
        </h1>
        <span class={`st ${shape.watch === 'blind' || shape.watch === 'slow' ? 'blind' : 'mute'}`}>
          {text(WATCH[shape.watch])}
        </span>
        <span class="mute ell">{numbers.stream}</span>
        <span class="sp" />
        {hasPictures(me.value) && (
          <a class="btn" href={`/api/v1/cameras/${encodeURIComponent(camera)}/snapshot.jpg`} download={`${camera}.jpg`}>
            <Icon name="down" size="s" />
            {text('cam.snapshot')}
          </a>
        )}
        {hasPictures(me.value) && (
          <a class="btn" href={linkToTimeline(camera, wallMs(ward, browser.now()) - JUST_NOW_MS)}>
            <Icon name="old" size="s" />
            {text('tl.title')}
          </a>
        )}
        {mayChange(me.value) && (
          <a class="btn" href={linkToZones(camera)}>
            <Icon name="area" size="s" />
            {text('z.open')}
          </a>
        )}
        {mayAct(me.value) && <Restart camera={camera} browser={browser} />}
      </div>
      {alarms.length > 0 && <AlarmRows alarms={alarms} go={go} />}
      <div class="cam-main col">
        <Large screen={screen} tile={tile} shape={shape} />
        {hasPictures(me.value) && <Toolbar screen={screen} />}
        <Reason screen={screen} />
      </div>
      <div class="cam-side col">
        <div class="ln">
          <Answer tile={tile} shape={shape} />
        </div>
        <Why tile={tile} shape={shape} />
        <p class="tech mute">{tile.technical}</p>
        {demo.value && mayAct(me.value) && <BreakIt camera={camera} ward={ward} browser={browser} shape={shape} />}
        <AgeCard numbers={numbers} />
        <HopsCard numbers={numbers} />
      </div>
      <ConsumersCard numbers={numbers} />
    </main>
  );
}

const WATCH = {
  watching: 'cam.watching',
  slow: 'cam.slow',
  blind: 'w.cannot',
  off: 'w.off',
  pending: 'cam.pending',
} as const satisfies Record<Watch, TextKey>;

/** Live video while it is wanted and somebody may see it; and what is shown, kept up to date. */
function useLive(screen: Screen, numbers: CameraNumbers, browser: Browser): void {
  const isWanted = (): boolean => mode.value === 'smooth' && hasPictures(me.value) && !document.hidden;
  const follow = (): void => screen.want(untracked(isWanted));
  useSignalEffect(() => screen.want(isWanted()));
  useSignalEffect(() => {
    if (streams.value > 0) screen.wake();
  });
  useEffect(() => {
    let cancel = (): void => {};
    const show = (): void => {
      screen.show();
      numbers.show(browser.now());
      cancel = browser.after(SHOW_MS, show);
    };
    const leave = (): void => screen.want(false);
    show();
    document.addEventListener('visibilitychange', follow);
    window.addEventListener('pageshow', follow);
    window.addEventListener('pagehide', leave);
    return () => {
      cancel();
      document.removeEventListener('visibilitychange', follow);
      window.removeEventListener('pageshow', follow);
      window.removeEventListener('pagehide', leave);
      leave();
    };
  }, []);
}

/** The frame of a tile around the video, or around the tile's picture. The video stays in the document: only so it runs. */
function Large({ screen, tile, shape }: { screen: Screen; tile: TileScreen; shape: Shape }): VNode {
  const large: LargeShape = screen.shape.value;
  const isVideo = large.source === 'video';
  const hidden = OVERLAYS.filter((one) => !overlays[one].value)
    .map((one) => `hide-${one}`)
    .join(' ');
  const shown: Shape = isVideo ? { ...shape, picture: large.video, drawn: false, known: true } : shape;
  const dated: TileScreen = isVideo ? { ...tile, pictureAge: screen.age, pictureTime: screen.time } : tile;
  return (
    <section class={`cam-large ${classOf(shown)} ${hidden}`} aria-label={tile.name}>
      <AlarmHead tile={tile} shape={shape} />
      <div class={`pic ${shape.alarm === 'open' ? 'hot' : ''}`}>
        <Video screen={screen} name={tile.name.value} hidden={!isVideo} />
        {(!isVideo || shown.picture === 'gone') && <div class="veil" />}
        {!isVideo && <Still tile={tile} shape={shape} />}
        <Plate tile={dated} shape={shown} large />
        <div class="tl">
          <WatchLabel tile={tile} shape={shape} />
        </div>
        {shown.picture === 'live' && (
          <div class="tr">
            <span class="lab">{isVideo ? screen.label : <PictureAge tile={tile} />}</span>
          </div>
        )}
      </div>
      {shape.watch !== 'off' && <Trace trace={tile.trace} />}
    </section>
  );
}

function PictureAge({ tile }: { tile: TileScreen }): VNode {
  return <>{text('cam.picture', { s: tile.pictureAge.value })}</>;
}

function Video({ screen, name, hidden }: { screen: Screen; name: string; hidden: boolean }): VNode {
  const element = useRef<HTMLVideoElement>(null);
  const track = screen.track.value;
  useEffect(() => {
    const video = element.current;
    if (video === null || track === null) return undefined;
    const isMovie = !(track instanceof MediaStreamTrack);
    const next = (): number =>
      video.requestVideoFrameCallback((_, { rtpTimestamp, mediaTime }) => {
        handle = next();
        screen.presented(isMovie ? Math.round(mediaTime * STAMPS_PER_S) : rtpTimestamp);
      });
    const detach = isMovie ? track.attach(video) : attach(video, track);
    let handle = next();
    return () => {
      video.cancelVideoFrameCallback(handle);
      detach();
    };
  }, [track]);
  return (
    <video ref={element} autoplay muted playsInline aria-label={text('cam.alt', { room: name })} aria-hidden={hidden} />
  );
}

function attach(video: HTMLVideoElement, track: MediaStreamTrack): () => void {
  video.srcObject = new MediaStream([track]);
  return () => {
    video.srcObject = null;
  };
}

/** Video or picture, and what is drawn on the picture. */
function Toolbar({ screen }: { screen: Screen }): VNode {
  return (
    <div class="toolbar">
      <Segment
        label={text('cam.modes')}
        options={['smooth', 'saw'] as const}
        chosen={mode.value}
        choose={(wanted) => {
          mode.value = wanted;
        }}
        say={(wanted) => (
          <>
            {text(`cam.${wanted}`)} <kbd>{wanted === 'smooth' ? 'S' : 'W'}</kbd>
          </>
        )}
      />
      <Sound screen={screen} />
      {screen.shape.value.source === 'picture' &&
        OVERLAYS.map((one, i) => (
          <button
            key={one}
            type="button"
            class="btn sm"
            aria-pressed={overlays[one].value}
            onClick={() => {
              overlays[one].value = !overlays[one].peek();
            }}
          >
            {text(`ov.${one}`)} <kbd>{i + 1}</kbd>
          </button>
        ))}
      <span class="mute">{text(`cam.${mode.value}d`)}</span>
    </div>
  );
}

/**
 * Sound of the live video, once somebody presses the button. It is played apart from the video: in one stream a browser would
 * hold pictures back for the sound.
 */
function Sound({ screen }: { screen: Screen }): VNode | null {
  const element = useRef<HTMLAudioElement>(null);
  const track = screen.sound.value;
  const hears = screen.hears.value;
  const play = (): void => {
    element.current?.play().catch((error: unknown) => {
      // The browser wants another press: the button must not claim that something is heard.
      if (error instanceof DOMException && error.name === 'NotAllowedError') screen.hears.value = false;
    });
  };
  useEffect(() => {
    const audio = element.current;
    if (audio === null || !(track instanceof MediaStreamTrack)) return undefined;
    audio.srcObject = new MediaStream([track]);
    if (screen.hears.peek()) play();
    return () => {
      audio.srcObject = null;
    };
  }, [track]);
  if (track === null) return null;
  return (
    <>
      <audio ref={element} />
      <button
        type="button"
        class="btn sm"
        aria-pressed={hears}
        onClick={() => {
          screen.hears.value = !hears;
          // Within the press: some browsers play nothing later.
          if (hears) element.current?.pause();
          else play();
        }}
      >
        <Icon name="sound" size="s" />
        {text('cam.sound')}
      </button>
    </>
  );
}

/** Gives the camera a new process. */
function Restart({ camera, browser }: { camera: string; browser: Browser }): VNode {
  const [state, setState] = useState<'idle' | 'asking' | { readonly refused: string }>('idle');
  const restart = async (): Promise<void> => {
    setState('asking');
    const path = `/api/v1/cameras/${encodeURIComponent(camera)}/restart`;
    const options = { csrf: me.peek()?.csrf ?? null, timeoutMs: RESTART_MS };
    const reply = await browser.request('POST', path, options).catch(() => undefined);
    setState(reply?.status === 200 ? 'idle' : { refused: refusalText(reply) });
  };
  return (
    <>
      <button type="button" class="btn" disabled={state === 'asking'} onClick={() => void restart()}>
        {text(state === 'asking' ? 'sy.restarting' : 'cam.restart')}
      </button>
      {typeof state === 'object' && (
        <span class="st blind wrap" role="status">
          {text('a.refused', { why: state.refused })}
        </span>
      )}
    </>
  );
}

/** Why there is no live video. Its status is announced; the seconds to the next try are not. */
function Reason({ screen }: { screen: Screen }): VNode {
  return (
    <p class="cam-why soft">
      <span role="status">{screen.why}</span> <span>{screen.retry}</span>
    </p>
  );
}
