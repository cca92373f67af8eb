import { useComputed } from '@preact/signals';
import type { VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { Icon } from './icons.tsx';
import { mayChange, me } from './screen.ts';
import { clockTime, text } from './texts.ts';
import { CORNERS, centreOf, crosses, middleOf, type Point, type Zone } from './zone-draft.ts';
import type { ZonesScreen } from './zones-screen.ts';

/** A step of an arrow key, where no picture says how large a pixel is. */
const PIXELS = { width: 1280, height: 720 } as const;

/** What is under the pointer, from its press to its release. */
interface Drag {
  readonly zone: string;
  /** Null: the whole zone. */
  readonly corner: number | null;
  readonly from: Point;
  hasMoved: boolean;
}

const place = ([x, y]: Point): Record<'left' | 'top', string> => ({ left: `${x * 100}%`, top: `${y * 100}%` });
const corners = (points: readonly Point[]): string => points.map((point) => point.join(',')).join(' ');

/** The picture, the outlines on it, and the handles of the chosen zone. */
export function Drawing({ screen, zones, room }: { screen: ZonesScreen; zones: readonly Zone[]; room: string }): VNode {
  const area = useRef<HTMLDivElement>(null);
  const image = useRef<HTMLImageElement>(null);
  const drag = useRef<Drag | null>(null);
  const [pointer, setPointer] = useState<Point | null>(null);
  const { still, noStill, tool, chosen, outline } = screen;
  const mayDraw = mayChange(me.value);
  const isChoosing = tool.value === 'choose';
  const chosenZone = useComputed(() => screen.zones.value?.find(({ id }) => id === chosen.value)).value;
  const at = ({ clientX, clientY }: { readonly clientX: number; readonly clientY: number }): Point => {
    const box = area.current?.getBoundingClientRect() ?? new DOMRect(0, 0, 1, 1);
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  };
  const begin = (event: PointerEvent, zone: string, corner: number | null): void => {
    if (!isChoosing || !mayDraw || event.button !== 0) return;
    event.stopPropagation();
    screen.chosen.value = zone;
    drag.current = { zone, corner, from: at(event), hasMoved: false };
    area.current?.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent): void => {
    const to = at(event);
    if (!isChoosing) setPointer(to);
    const { current } = drag;
    if (!current) return;
    current.hasMoved ||= Math.hypot(to[0] - current.from[0], to[1] - current.from[1]) > 0.004;
    if (!current.hasMoved) return;
    if (current.corner === null) screen.dragZone(current.zone, [to[0] - current.from[0], to[1] - current.from[1]]);
    else screen.dragCorner(current.zone, current.corner, to);
  };
  const end = (): void => {
    const { current } = drag;
    drag.current = null;
    if (current?.hasMoved) screen.drop({ kind: current.corner === null ? 'moved' : 'corner', zone: current.zone });
  };
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    if (isChoosing) screen.chosen.value = null;
    else if (mayDraw) screen.press(at(event));
  };
  const step = (event: KeyboardEvent): Point | null => arrow(event, image.current);
  return (
    <section class="zp-part" aria-label={text('z.title', { room })}>
      <div
        ref={area}
        class={`zp ${isChoosing ? '' : 'draws'}`}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={end}
        onPointerCancel={() => {
          drag.current = null;
          screen.cancelDrag();
        }}
      >
        {still.value === null ? (
          <div class="zp-none">
            {noStill.value === '' ? text('sy.asking') : text('z.nostill', { why: noStill.value })}
          </div>
        ) : (
          <img ref={image} src={still.value.url} alt={text('z.alt', { room })} draggable={false} />
        )}
        <svg class="zo" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
          <defs>
            <pattern id="zone-ignored" width="0.012" height="0.02" patternUnits="userSpaceOnUse">
              <path d="M0 0.02 0.012 0" />
            </pattern>
          </defs>
          {screen.saved.map((zone) =>
            zones.find(({ from }) => from === zone.id)?.points === zone.points ? null : (
              <polygon key={`saved ${zone.id}`} class="was" points={corners(zone.points)} />
            ),
          )}
          {zones.map((zone) => (
            <polygon
              key={zone.id}
              class={`z ${zone.kind} ${zone === chosenZone ? 'sel' : ''} ${crosses(zone.points) ? 'bad' : ''}`}
              points={corners(zone.points)}
              onPointerDown={(event) => begin(event, zone.id, null)}
            />
          ))}
          {outline.value.length > 0 && (
            <polyline class="z new" points={corners(pointer ? [...outline.value, pointer] : outline.value)} />
          )}
        </svg>
        {outline.value.map((point, i) => (
          <span key={i} class="hd" style={place(point)} />
        ))}
        {zones.map((zone) => (
          <button
            key={zone.id}
            type="button"
            class="lab zl"
            style={place(centreOf(zone.points))}
            aria-pressed={zone === chosenZone}
            aria-label={text('z.zone', { zone: zone.id, kind: text(`zk.${zone.kind}`) })}
            onPointerDown={(event) => begin(event, zone.id, null)}
            onClick={() => {
              if (isChoosing) screen.chosen.value = zone.id;
            }}
            onKeyDown={(event) => {
              const by = step(event);
              if (by !== null && mayDraw) {
                screen.chosen.value = zone.id;
                screen.nudgeZone(zone.id, by);
              }
              if (isDelete(event) && mayDraw) screen.removeZone(zone.id);
            }}
          >
            <Icon name={zone.kind} size="s" />
            {zone.id}
          </button>
        ))}
        {chosenZone !== undefined && isChoosing && mayDraw && (
          <Handles screen={screen} zone={chosenZone} begin={begin} step={step} />
        )}
        <span class="lab zp-time">
          <Icon name="old" size="s" />
          {still.value === null ? text('z.notlive') : text('z.still', { t: clockTime(still.value.atMs) })}
        </span>
      </div>
      <p class="mute" role="status">
        {text(!mayDraw ? 'z.look' : isChoosing ? (chosenZone === undefined ? 'z.tip' : 'z.tip.zone') : 'z.tip.draw')}
        {noStill.value !== '' && still.value !== null && ` ${text('z.nostill', { why: noStill.value })}`}
      </p>
    </section>
  );
}

/** The way of an arrow key, in shares of the picture: one pixel, with Shift ten. Null for another key. */
function arrow(event: KeyboardEvent, image: HTMLImageElement | null): Point | null {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (way === undefined) return null;
  event.preventDefault();
  const pixels = event.shiftKey ? 10 : 1;
  const [x = 0, y = 0] = way;
  const width = image?.naturalWidth || PIXELS.width;
  const height = image?.naturalHeight || PIXELS.height;
  return [(x * pixels) / width, (y * pixels) / height];
}

function isDelete(event: KeyboardEvent): boolean {
  return event.key === 'Delete' || event.key === 'Backspace';
}

interface HandlesProps {
  readonly screen: ZonesScreen;
  readonly zone: Zone;
  readonly begin: (event: PointerEvent, zone: string, corner: number | null) => void;
  readonly step: (event: KeyboardEvent) => Point | null;
}

/** The corners of the chosen zone, and between two of them a place for one more. */
function Handles({ screen, zone, begin, step }: HandlesProps): VNode {
  const { id, points } = zone;
  return (
    <>
      {points.length < CORNERS.most &&
        points.map((_, i) => (
          <span
            key={`middle ${i}`}
            class="hd mid"
            style={place(middleOf(points, i))}
            onPointerDown={(event) => {
              if (event.button === 0 && screen.addCorner(id, i, middleOf(points, i))) begin(event, id, i + 1);
            }}
          />
        ))}
      {points.map((point, i) => (
        <button
          key={i}
          type="button"
          class="hd"
          style={place(point)}
          aria-label={text('z.corner', { zone: id, i: i + 1, n: points.length })}
          onPointerDown={(event) => begin(event, id, i)}
          onKeyDown={(event) => {
            const by = step(event);
            if (by !== null) screen.nudgeCorner(id, i, by);
            if (isDelete(event)) screen.removeCorner(id, i);
            if (event.key === '+' || event.key === 'Insert') screen.addCorner(id, i, middleOf(points, i));
          }}
          onDblClick={() => screen.removeCorner(id, i)}
        />
      ))}
    </>
  );
}
