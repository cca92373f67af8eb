import { useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Alarm } from './alarms.ts';
import { CameraScreen, type LargeShape } from './camera-screen.ts';
import './camera-view.css';
import type { Browser } from './connection.ts';
import { Icon } from './icons.tsx';
import { liveBrowser } from './live-browser.ts';
import { WALL } from './route.ts';
import { me, mode, type Shape, streams, type TileScreen, tileScreen } from './screen.ts';
import { AlarmRows } from './stage.tsx';
import { roomName, type TextKey, text } from './texts.ts';
import { AlarmHead, Answer, classOf, Plate, Still, WatchLabel, Why } from './tile.tsx';
import { Trace } from './trace.tsx';
import type { Ward, Watch } from './ward.ts';

/** Ages of the picture are brought up to date this often. */
const SHOW_MS = 250;

/** What the view of a camera gets. */
export interface CameraViewProps {
  readonly camera: string;
  readonly ward: Ward;
  readonly browser: Browser;
  /** All that have not ended. */
  readonly alarms: readonly Alarm[];
  readonly go: (alarm: Alarm) => void;
}

type Screen = CameraScreen<MediaStreamTrack>;

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
  useLive(screen, browser);
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
      </div>
      {alarms.length > 0 && <AlarmRows alarms={alarms} go={go} />}
      <Large screen={screen} tile={tile} shape={shape} />
      <div class="cam-side col">
        <Modes />
        <Reason screen={screen} />
        <div class="ln">
          <Answer tile={tile} shape={shape} />
        </div>
        <Why tile={tile} shape={shape} />
        <p class="tech mute">{tile.technical}</p>
        <Consumers screen={screen} />
      </div>
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
function useLive(screen: Screen, browser: Browser): void {
  const follow = (): void => screen.want(mode.peek() === 'smooth' && !document.hidden);
  useSignalEffect(() => {
    screen.want(mode.value === 'smooth' && !document.hidden);
  });
  useSignalEffect(() => {
    if (streams.value > 0) screen.wake();
  });
  useEffect(() => {
    let cancel = (): void => {};
    const show = (): void => {
      screen.show();
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
  const shown: Shape = isVideo ? { ...shape, picture: large.video, drawn: false, known: true } : shape;
  const dated: TileScreen = isVideo ? { ...tile, pictureAge: screen.age, pictureTime: screen.time } : tile;
  return (
    <section class={`cam-large ${classOf(shown)}`} aria-label={tile.name}>
      <AlarmHead tile={tile} shape={shape} />
      <div class={`pic ${shape.alarm === 'open' ? 'hot' : ''}`}>
        <Video screen={screen} name={tile.name} hidden={!isVideo} />
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
    const next = (): number =>
      video.requestVideoFrameCallback((_, { rtpTimestamp }) => {
        handle = next();
        screen.presented(rtpTimestamp);
      });
    video.srcObject = new MediaStream([track]);
    let handle = next();
    return () => {
      video.cancelVideoFrameCallback(handle);
      video.srcObject = null;
    };
  }, [track]);
  return (
    <video ref={element} autoplay muted playsInline aria-label={text('cam.alt', { room: name })} aria-hidden={hidden} />
  );
}

function Modes(): VNode {
  const choose = (wanted: 'smooth' | 'saw', key: string): VNode => (
    <button
      type="button"
      aria-pressed={mode.value === wanted}
      onClick={() => {
        mode.value = wanted;
      }}
    >
      {text(`cam.${wanted}`)} <kbd>{key}</kbd>
    </button>
  );
  return (
    <div class="col">
      <div class="seg" role="group" aria-label={text('cam.modes')}>
        {choose('smooth', 'S')}
        {choose('saw', 'W')}
      </div>
      <p class="mute">{text(`cam.${mode.value}d`)}</p>
    </div>
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

function Consumers({ screen }: { screen: Screen }): VNode | null {
  const rows = screen.consumers.value;
  if (rows.length === 0) return null;
  return (
    <section aria-labelledby="consumers">
      <h2 id="consumers" class="cap">
        {text('c.title')}
      </h2>
      <table>
        <thead>
          <tr>
            {(['name', 'sla', 'state', 'age'] as const).map((column) => (
              <th key={column} scope="col" class={column === 'age' ? 'r' : ''}>
                {text(`c.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, sla, state, age }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{sla}</td>
              <td>{state}</td>
              <td class="r">{age}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
