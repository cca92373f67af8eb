import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Browser } from './connection.ts';
import { eventName } from './event-words.ts';
import { linkToTimeline } from './route.ts';
import { EN } from './texts-en.ts';
import { clockTime, roomName, type TextKey, text, wholeDuration } from './texts.ts';
import type { Lane, Range, TimelineScreen } from './timeline-screen.ts';

const WIDTH = 1000;
/** A pointer that rests for so long asks for a picture. Milliseconds. */
const REST_MS = 120;
/** Times that stand above the lanes. */
const MARKS = 7;

/** The times above the lanes. */
export function Times({ range }: { range: Range }): VNode {
  const { fromMs, toMs } = range;
  const marks = Array.from({ length: MARKS }, (_, i) => fromMs + ((toMs - fromMs) * i) / (MARKS - 1));
  return (
    <div class="tl-times" aria-hidden="true">
      {marks.map((ms) => (
        <span key={ms}>{clockTime(ms).slice(0, toMs - fromMs > 600_000 ? 5 : 8)}</span>
      ))}
    </div>
  );
}

interface LaneProps {
  readonly screen: TimelineScreen;
  readonly browser: Pick<Browser, 'after'>;
  readonly nowMs: () => number;
  readonly lane: Lane;
}

/** One camera: what was recorded, why it was not, and what happened. A slider for the time that is looked at. */
export function LaneRow({ lane, screen, browser, nowMs }: LaneProps): VNode {
  const { camera, spans, gaps, events } = lane;
  const { fromMs, toMs } = screen.range.value;
  const area = useRef<HTMLDivElement>(null);
  const [hover, setHover] = useState<number | null>(null);
  const isChosen = screen.camera.value === camera;
  const clip = isChosen ? screen.clip.value : null;
  const x = (ms: number): number => ((Math.min(toMs, Math.max(fromMs, ms)) - fromMs) / (toMs - fromMs)) * WIDTH;
  const at = (clientX: number): number => {
    const box = area.current?.getBoundingClientRect() ?? new DOMRect(0, 0, 1, 1);
    return fromMs + Math.min(1, Math.max(0, (clientX - box.left) / box.width)) * (toMs - fromMs);
  };
  const choose = (ms: number): void => {
    screen.camera.value = camera;
    screen.look(Math.min(ms, nowMs()));
    screen.seek(Math.min(ms, nowMs()));
    history.replaceState(null, '', linkToTimeline(camera, ms));
  };
  const part = (name: string, { fromMs: from, toMs: to }: Range): VNode => (
    <rect key={`${name} ${from}`} class={name} x={x(from)} y="0" width={Math.max(1, x(to) - x(from))} height="10" />
  );
  const atMs = screen.atMs.value;
  return (
    <div class={`tl-lane ${isChosen ? 'sel' : ''}`}>
      <button type="button" class="name ell" aria-pressed={isChosen} onClick={() => choose(atMs)}>
        {roomName(camera)}
      </button>
      <div
        ref={area}
        class="tl-bar"
        role="slider"
        tabIndex={0}
        aria-label={text('tl.lane', { room: roomName(camera) })}
        aria-valuemin={Math.round(fromMs / 1000)}
        aria-valuemax={Math.round(toMs / 1000)}
        aria-valuenow={Math.round(Math.min(toMs, Math.max(fromMs, atMs)) / 1000)}
        aria-valuetext={valueText(lane, atMs)}
        onPointerDown={(event) => {
          if (event.button === 0) choose(at(event.clientX));
        }}
        onPointerMove={(event) => setHover(at(event.clientX))}
        onPointerLeave={() => setHover(null)}
        onKeyDown={(event) => {
          const steps = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 }[event.key];
          if (steps === undefined) return;
          event.preventDefault();
          choose(screen.atMs.peek() + (steps * (toMs - fromMs)) / 200);
        }}
      >
        <svg viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
          {spans.map((span) => part(span.event ? 'evt' : 'rec', span))}
          {gaps.map((gap) => part(QUIET.has(gap.reason) ? 'no' : 'gap', gap))}
          {clip && (
            <rect class="cut" x={x(clip.fromMs)} y="0" width={Math.max(2, x(clip.toMs) - x(clip.fromMs))} height="10" />
          )}
        </svg>
        {events
          .filter(({ oldest }) => Date.parse(oldest.at) >= fromMs && Date.parse(oldest.at) <= toMs)
          .map(({ id, oldest, isAlarm }) => (
            <span
              key={id}
              class={`mk ${isAlarm ? 'al' : ''}`}
              style={{ left: `${x(Date.parse(oldest.at)) / (WIDTH / 100)}%` }}
              title={`${clockTime(Date.parse(oldest.at))} ${eventName(oldest)}`}
            >
              {isAlarm ? '▲' : '●'}
            </span>
          ))}
        {atMs >= fromMs && atMs <= toMs && <span class="head" style={{ left: `${x(atMs) / (WIDTH / 100)}%` }} />}
        {hover !== null && (
          <Hover lane={lane} screen={screen} browser={browser} ms={hover} left={x(hover) / (WIDTH / 100)} />
        )}
      </div>
    </div>
  );
}

/** Nothing was lost: nobody wanted it to be recorded. */
const QUIET = new Set(['no_event', 'not_recorded', 'removed']);

function gapAt({ gaps }: Lane, ms: number): Lane['gaps'][number] | undefined {
  return gaps.find(({ fromMs, toMs }) => ms >= fromMs && ms < toMs);
}

function gapText(reason: string): string {
  const key = `tl.g.${reason}`;
  return key in EN ? text(key as TextKey) : reason;
}

function valueText(lane: Lane, ms: number): string {
  const gap = gapAt(lane, ms);
  return gap ? `${clockTime(ms)}, ${gapText(gap.reason)}` : clockTime(ms);
}

/** What is under the pointer: a small picture, or why there is none. Asked for once the pointer rests. */
function Hover({ lane, screen, browser, ms, left }: Omit<LaneProps, 'nowMs'> & { ms: number; left: number }): VNode {
  const [shown, show] = useState<number | null>(null);
  const gap = gapAt(lane, ms);
  const coarse = Math.round(ms / 5000) * 5000;
  useEffect(() => {
    return browser.after(REST_MS, () => show(coarse));
  }, [coarse]);
  const isRecorded = lane.spans.some(({ fromMs, toMs }) => ms >= fromMs && ms < toMs);
  return (
    <span class="tl-hover" style={{ left: `${Math.min(92, Math.max(8, left))}%` }}>
      {isRecorded && shown !== null && (
        <img
          src={screen.path('thumbnail.jpg', { at: shown }, lane.camera)}
          alt=""
          onError={({ currentTarget }) => {
            currentTarget.hidden = true;
          }}
          onLoad={({ currentTarget }) => {
            currentTarget.hidden = false;
          }}
        />
      )}
      <b>{clockTime(ms)}</b>
      {gap && <span>{text('tl.gapd', { why: gapText(gap.reason), s: wholeDuration(gap.toMs - gap.fromMs) })}</span>}
    </span>
  );
}
