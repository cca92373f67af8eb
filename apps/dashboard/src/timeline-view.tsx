import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Alarm, Go } from './alarms.ts';
import type { Browser } from './connection.ts';
import { eventName, eventSentence } from './event-words.ts';
import { Icon } from './icons.tsx';
import { type PlayerState, RecordingPlayer } from './recording-player.ts';
import { linkTo, linkToEvent, timelineOf } from './route.ts';
import { address, newestEvent, wallMs } from './screen.ts';
import { Segment } from './segment.tsx';
import { AlarmRows } from './stage.tsx';
import { clockTime, dayTime, duration, roomName, text, wholeDuration } from './texts.ts';
import { LaneRow, Times } from './timeline-lanes.tsx';
import { type Range, SPAN_NAMES, TimelineScreen } from './timeline-screen.ts';
import type { Ward } from './ward.ts';
import './timeline-view.css';

/** What the timeline gets. */
export interface TimelineViewProps {
  readonly ward: Ward;
  readonly browser: Browser;
  /** All that have not ended. */
  readonly alarms: readonly Alarm[];
  readonly go: Go;
}

const LINES_MS = 10_000;
/** New footage is asked for so often. */
const AGAIN_MS = 15_000;
const SPEEDS = ['1', '4', '16'] as const;
/** Where nobody knows how long a picture lasts. Milliseconds. */
const PICTURE_MS = 67;

/** What was recorded and what happened, and a player for it. */
export function TimelineView({ ward, browser, alarms, go }: TimelineViewProps): VNode {
  const nowMs = (): number => wallMs(ward, browser.now());
  const [screen] = useState(() => {
    const { camera, atMs } = timelineOf(address.peek()) ?? { camera: null, atMs: null };
    const lines = async (path: string): Promise<readonly string[] | null> => {
      const answer = await fetch(path, { signal: AbortSignal.timeout(LINES_MS) }).catch(() => undefined);
      return answer?.ok === true ? (await answer.text()).split('\n') : null;
    };
    const own = {
      lines,
      after: (ms: number, then: () => void) => browser.after(ms, then),
      request: (...asked: Parameters<Browser['request']>) => browser.request(...asked),
    };
    return new TimelineScreen(own, nowMs(), camera, atMs);
  });
  const last = newestEvent.value;
  useEffect(() => void screen.load(nowMs()), [screen, last]);
  useEffect(() => () => screen.close(), [screen]);
  useEffect(() => {
    let cancel = (): void => {};
    const again = (): void => {
      cancel = browser.after(AGAIN_MS, () => {
        void screen.load(nowMs());
        again();
      });
    };
    again();
    return () => cancel();
  }, [screen]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const lanes = screen.lanes.value;
  const order = new Set([...Object.keys(ward.status?.cameras ?? {}), ...(lanes ?? []).map(({ camera }) => camera)]);
  return (
    <main class="tl">
      <div class="tl-head">
        <h1 ref={heading} tabIndex={-1}>
          {text('tl.title')}
        </h1>
        <Segment
          label={text('tl.span')}
          options={SPAN_NAMES}
          chosen={screen.span.value}
          choose={(span) => screen.choose(span, nowMs())}
          say={(span) => text(`tl.${span}`)}
        />
        <button type="button" class="icb" aria-label={text('tl.earlier')} onClick={() => screen.shift(-1, nowMs())}>
          <Icon name="back" />
        </button>
        <span>{rangeText(screen.range.value, nowMs())}</span>
        <button type="button" class="icb" aria-label={text('tl.later')} onClick={() => screen.shift(1, nowMs())}>
          <Icon name="forth" />
        </button>
      </div>
      {alarms.length > 0 && <AlarmRows alarms={alarms} go={go} />}
      {screen.failed.value !== '' && (
        <p class="st blind wrap" role="status">
          <Icon name="lost" />
          {text('tl.failed', { why: screen.failed.value })}
        </p>
      )}
      {lanes === null ? (
        screen.failed.value === '' && <p class="mute">{text('sy.asking')}</p>
      ) : lanes.length === 0 ? (
        <p class="mute">{text('tl.none')}</p>
      ) : (
        <>
          <div class="tl-parts">
            {screen.camera.value !== null && <PlayerCard key={screen.camera.value} screen={screen} nowMs={nowMs} />}
            <KnewCard screen={screen} />
            <ClipCard screen={screen} nowMs={nowMs} />
          </div>
          <section class="card tl-lanes" aria-label={text('tl.aria')}>
            <Times range={screen.range.value} />
            {[...order].map((camera) => {
              const lane = lanes.find((one) => one.camera === camera);
              return lane && <LaneRow key={camera} lane={lane} screen={screen} browser={browser} nowMs={nowMs} />;
            })}
            <p class="tl-key mute">
              <i class="rec" /> {text('tl.rec')} <i class="evt" /> {text('tl.evt')} <i class="gap" /> {text('tl.gap')}{' '}
              <b class="mk al">▲</b> {text('tl.alarm')} <b class="mk">●</b> {text('tl.other')}
            </p>
          </section>
        </>
      )}
    </main>
  );
}

function rangeText({ fromMs, toMs }: Range, nowMs: number): string {
  return `${dayTime(fromMs, nowMs).slice(0, -3)} – ${clockTime(toMs).slice(0, 5)}`;
}

interface CardProps {
  readonly screen: TimelineScreen;
  readonly nowMs: () => number;
}

/** The recording of the chosen camera at the chosen time. */
function PlayerCard({ screen, nowMs }: CardProps): VNode {
  const video = useRef<HTMLVideoElement>(null);
  const player = useRef<RecordingPlayer | null>(null);
  const [state, setState] = useState<PlayerState>({ kind: 'ready' });
  const [speed, setSpeed] = useState<(typeof SPEEDS)[number]>('1');
  const [isPlaying, setPlaying] = useState(false);
  const pictureMs = useRef(PICTURE_MS);
  const camera = screen.camera.value ?? '';
  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    const own = new RecordingPlayer(camera, element, {
      state: setState,
      shown: (ms) => {
        if (!element.seeking) screen.look(ms);
      },
    });
    player.current = own;
    void own.seek(screen.atMs.peek());
    const stop = measurePictures(element, pictureMs);
    return () => {
      stop();
      own.close();
      player.current = null;
    };
  }, [camera]);
  const seek = (ms: number): void => {
    screen.look(ms);
    void player.current?.seek(ms);
  };
  useEffect(() => {
    screen.seek = seek;
  });
  const toggle = (): void => {
    const element = video.current;
    if (element?.paused === true) element.play().catch(() => {});
    else element?.pause();
  };
  const by = (ms: number): void => seek(Math.min(nowMs(), screen.atMs.peek() + ms));
  const picture = (way: number): void => {
    video.current?.pause();
    by(way * pictureMs.current);
  };
  useKeys({
    j: () => by(-10_000),
    k: toggle,
    l: () => by(10_000),
    ',': () => picture(-1),
    '.': () => picture(1),
    i: () => screen.mark('from', screen.atMs.peek()),
    o: () => screen.mark('to', screen.atMs.peek()),
  });
  const atMs = screen.atMs.value;
  return (
    <section class="card tl-player" aria-label={text('tl.player', { room: roomName(camera) })}>
      <header>
        <Icon name="old" size="s" />
        <b>{roomName(camera)}</b>
        <span>{text('tl.notlive')}</span>
        <span class="sp" />
        <b>{dayTime(atMs, nowMs())}</b>
        <span class="mute">{text('tl.ago', { s: wholeDuration(Math.max(0, nowMs() - atMs)) })}</span>
      </header>
      <div class="pic">
        {state.kind === 'codec' ? (
          <img
            src={screen.path('frame.jpg', { at: atMs })}
            alt={text('tl.alt', { room: roomName(camera), t: clockTime(atMs) })}
          />
        ) : null}
        <video
          ref={video}
          muted
          playsInline
          hidden={state.kind === 'codec' || state.kind === 'none'}
          aria-label={text('tl.alt', { room: roomName(camera), t: clockTime(atMs) })}
          onPlay={() => setPlaying(true)}
          onPause={() => setPlaying(false)}
          onRateChange={({ currentTarget }) => setSpeed(String(currentTarget.playbackRate) as typeof speed)}
        />
        {state.kind === 'none' && (
          <div class="plate">
            <span>{text('tl.nothing')}</span>
            <small>{state.why}</small>
          </div>
        )}
      </div>
      <div class="tl-controls">
        <button type="button" class="icb" aria-label={text('tl.back10')} title="J" onClick={() => by(-10_000)}>
          <Icon name="back" />
        </button>
        <button
          type="button"
          class="btn pri"
          disabled={state.kind === 'codec' || state.kind === 'none'}
          title="K"
          onClick={toggle}
        >
          {text(isPlaying ? 'tl.pause' : 'tl.play')}
        </button>
        <button type="button" class="icb" aria-label={text('tl.forth10')} title="L" onClick={() => by(10_000)}>
          <Icon name="forth" />
        </button>
        <Segment
          label={text('tl.speed')}
          options={SPEEDS}
          chosen={speed}
          choose={(one) => {
            if (video.current) video.current.playbackRate = Number(one);
          }}
          say={(one) => `${one}×`}
        />
        <span class="sp" />
        <a class="btn" href={linkTo(camera)}>
          {text('tl.live')}
        </a>
      </div>
      <p class="mute" role="status">
        {state.kind === 'codec' && text('tl.codec')}
        {state.kind === 'ended' && text('tl.ended')}
      </p>
    </section>
  );
}

/** How long a picture lasts, from those that are shown one after the other. */
function measurePictures(video: HTMLVideoElement, into: { current: number }): () => void {
  if (!('requestVideoFrameCallback' in video)) return () => {};
  let last = Number.NaN;
  const next = (): number =>
    video.requestVideoFrameCallback((_, { mediaTime }) => {
      const ms = (mediaTime - last) * 1000;
      if (ms > 5 && ms < 2000 && video.playbackRate === 1) into.current = ms;
      last = mediaTime;
      handle = next();
    });
  let handle = next();
  return () => video.cancelVideoFrameCallback(handle);
}

function useKeys(keys: Readonly<Record<string, () => void>>): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
      const work = keys[event.key.toLowerCase()];
      if (!work) return;
      event.preventDefault();
      work();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  });
}

/** What the consumers of the camera had answered by that time, and what happened around it. */
function KnewCard({ screen }: { screen: TimelineScreen }): VNode {
  const atMs = screen.atMs.value;
  const knew = screen.knew.value;
  const lane = screen.lanes.value?.find(({ camera }) => camera === screen.camera.value);
  const around = (lane?.events ?? []).filter(({ oldest }) => Math.abs(Date.parse(oldest.at) - atMs) < 5 * 60_000);
  return (
    <section class="card tl-knew" aria-label={text('tl.knew')}>
      <h2>{text('tl.knewat', { t: clockTime(atMs) })}</h2>
      {knew === null || knew.length === 0 ? (
        <p class="mute">{text('tl.noanswer')}</p>
      ) : (
        <table>
          <tbody>
            {knew.map(({ consumer, status, people, ageMs, agoMs }) => (
              <tr key={consumer}>
                <th scope="row">{consumer}</th>
                <td>{status === 'ok' ? peopleText(people) : text('tl.status', { status })}</td>
                <td class="mute">{text('tl.before', { s: duration(agoMs) })}</td>
                <td class="mute">{ageMs === null ? '–' : `${Math.round(ageMs)} ms`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <h2>{text('ev.title')}</h2>
      {around.length === 0 ? (
        <p class="mute">{text('tl.noevents')}</p>
      ) : (
        <ul>
          {around.map(({ id, oldest, isAlarm }) => (
            <li key={id} class={isAlarm ? 'al' : ''}>
              <button type="button" class="link" onClick={() => screen.seek(Date.parse(oldest.at))}>
                {clockTime(Date.parse(oldest.at))}
              </button>
              <a href={linkToEvent(id)} title={eventSentence(oldest)}>
                {eventName(oldest)}
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function peopleText(people: number | null): string {
  if (people === null) return text('tl.answered');
  if (people === 0) return text('v.nobody');
  return people === 1 ? text('v.person') : text('v.people', { n: people });
}

/** From when to when a clip is, what it holds, and where it is to be had. */
function ClipCard({ screen, nowMs }: CardProps): VNode {
  const clip = screen.clip.value;
  const query = clip && { from: clip.fromMs, to: clip.toMs };
  return (
    <section class="card tl-clip" aria-label={text('tl.clip')}>
      <h2>{text('tl.clip')}</h2>
      <div class="row">
        <button type="button" class="btn" onClick={() => screen.mark('from', screen.atMs.peek())}>
          {text('tl.from')} <kbd>I</kbd>
        </button>
        <button type="button" class="btn" onClick={() => screen.mark('to', screen.atMs.peek())}>
          {text('tl.to')} <kbd>O</kbd>
        </button>
      </div>
      {clip === null || query === null ? (
        <p class="mute">{text('tl.clipd')}</p>
      ) : (
        <>
          <dl class="kv">
            <dt>{text('tl.from')}</dt>
            <dd>{dayTime(clip.fromMs, nowMs())}</dd>
            <dt>{text('tl.to')}</dt>
            <dd>{dayTime(clip.toMs, nowMs())}</dd>
            {clip.facts !== null && (
              <>
                <dt>{text('tl.length')}</dt>
                <dd>{text('tl.lengthd', { s: duration(clip.facts.toMs - clip.facts.fromMs) })}</dd>
                <dt>{text('tl.gaps')}</dt>
                <dd>{clip.facts.gaps}</dd>
                <dt>{text('tl.size')}</dt>
                <dd>{text('tl.sized', { n: (clip.facts.bytes / 1e6).toFixed(1) })}</dd>
              </>
            )}
          </dl>
          {clip.refused === '' ? (
            <>
              <div class="row">
                <a class="btn pri" href={screen.path('clip.mp4', query)} download>
                  <Icon name="down" size="s" />
                  {text('tl.save')}
                </a>
                <a class="btn" href={screen.path('export.zip', query)} download>
                  <Icon name="down" size="s" />
                  {text('tl.zip')}
                </a>
              </div>
              <p class="mute">{text('tl.zipd')}</p>
            </>
          ) : (
            <p class="st blind wrap" role="status">
              {text('tl.noclip', { why: clip.refused })}
            </p>
          )}
        </>
      )}
    </section>
  );
}
