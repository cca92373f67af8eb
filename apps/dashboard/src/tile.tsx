import type { ComponentChildren, VNode } from 'preact';
import { Icon, type IconName } from './icons.tsx';
import { linkTo } from './route.ts';
import { leaving, type Shape, type TileScreen, tileScreen } from './screen.ts';
import { text } from './texts.ts';
import { Trace } from './trace.tsx';

/** One camera. It renders when its `Shape` changes; everything else is bound to signals. */
export function Tile({ camera }: { camera: string }): VNode {
  const tile = tileScreen(camera);
  const shape = tile.shape.value;
  return (
    <article class={classOf(shape)} aria-label={tile.name}>
      <AlarmHead tile={tile} shape={shape} />
      <Picture tile={tile} shape={shape} />
      {shape.watch !== 'off' && <Trace trace={tile.trace} />}
      <div class={shape.watch === 'blind' ? 'inf striped' : 'inf'}>
        <div class="ln">
          <a class="nm ell whole" href={linkTo(camera)} title={tile.hint}>
            {tile.name}
          </a>
          <Answer tile={tile} shape={shape} />
        </div>
        <Why tile={tile} shape={shape} />
        <div class="tech mute ell" title={tile.technical}>
          {tile.technical}
        </div>
      </div>
    </article>
  );
}

/** The alarm of a camera, or who goes. */
export function AlarmHead({ tile, shape }: { tile: TileScreen; shape: Shape }): VNode | null {
  if (shape.alarm === null) return null;
  return (
    <div class="ahd">
      <Icon name={shape.alarm === 'open' ? 'alarm' : 'check'} size="s" />
      <span class="ell">{shape.alarmText}</span>
      <span class="sp" />
      <span>{tile.alarmAge}</span>
    </div>
  );
}

/** Why a camera is not seen properly, or not watched. */
export function Why({ tile, shape }: { tile: TileScreen; shape: Shape }): VNode | null {
  if (!shape.reason) return null;
  return (
    <div class="why ell" title={tile.reason}>
      {shape.watch === 'slow' ? (
        <span class="st blind">
          <Icon name="slow" size="s" />
          <span class="ell">{tile.reason}</span>
        </span>
      ) : (
        <span>{tile.reason}</span>
      )}
    </div>
  );
}

/**
 * A picture with what lies on it: boxes of its own result, its age once it is old, or that there is none. `large`: with
 * a `WatchLabel` beside it.
 */
export function Picture({
  tile,
  shape,
  large = false,
  children,
}: {
  tile: TileScreen;
  shape: Shape;
  large?: boolean;
  children?: ComponentChildren;
}): VNode {
  return (
    <div class={`pic ${shape.alarm === 'open' ? 'hot' : ''}`}>
      <Still tile={tile} shape={shape} />
      <Plate tile={tile} shape={shape} large={large} />
      {children}
    </div>
  );
}

/** The newest picture, with the boxes of its own result. */
export function Still({ tile, shape }: { tile: TileScreen; shape: Shape }): VNode | null {
  if (shape.picture === 'gone' || shape.picture === 'none' || leaving.value) return null;
  return (
    <>
      <img src={tile.url} alt={tile.alt} draggable={false} />
      {shape.drawn && (
        <svg class="ov" viewBox={tile.viewBox} aria-hidden="true">
          <path class="mk" d={tile.masks} />
          <path class="bx2" d={tile.boxes} />
          <path class="bx" d={tile.boxes} />
          <path class="sk2" d={tile.bones} />
          <path class="sk" d={tile.bones} />
          <path class="jt" d={tile.joints} />
        </svg>
      )}
    </>
  );
}

/** On a large picture: that vigia cannot look, or does not watch. */
export function WatchLabel({ tile, shape }: { tile: TileScreen; shape: Shape }): VNode | null {
  if (shape.watch === 'blind')
    return (
      <span class="lab warn">
        <Icon name="blind" size="s" />
        {text('w.cannot')} · {tile.blindFor}
      </span>
    );
  if (shape.watch !== 'off') return null;
  return (
    <span class="lab">
      <Icon name="off" size="s" />
      {text('w.off')}
    </span>
  );
}

/** What lies across a picture that is not simply current. */
export function Plate({ tile, shape, large }: { tile: TileScreen; shape: Shape; large: boolean }): VNode | null {
  if (shape.picture === 'gone')
    return (
      <div class="plate">
        {shape.stopped ? (
          <span>
            <Icon name="off" size="s" />
            {text('w.isoff')}
          </span>
        ) : (
          <>
            <span>
              <Icon name="nopic" size="s" />
              {text('w.nopic')}
              <span class="big-only">{shape.known && <>· {tile.pictureAge}</>}</span>
            </span>
            <small>{tile.pictureTime}</small>
          </>
        )}
      </div>
    );
  if (shape.picture === 'old')
    return (
      <div class="plate">
        <span>
          <Icon name="old" size="s" />
          <span class="big-only">{text('w.old')} ·</span>
          <span class="small-only">{text('w.oldshort')}</span>
          <span>{tile.pictureAge}</span>
        </span>
        <small>{tile.pictureTime}</small>
      </div>
    );
  if (shape.picture === 'none' && shape.watch !== 'blind' && shape.watch !== 'off')
    return (
      <div class="figure">
        <Icon name={verdictIcon(shape)} size="l" />
      </div>
    );
  if (large) return null;
  if (shape.watch === 'off')
    return (
      <div class="plate">
        <span>
          <Icon name="off" size="s" />
          {text('w.off')}
        </span>
      </div>
    );
  if (shape.watch === 'blind')
    return (
      <div class="ban">
        <Icon name="blind" size="s" />
        <span>{text('w.cannot')}</span>
        <span class="big-only">· {tile.blindFor}</span>
      </div>
    );
  return null;
}

/** What the newest answer says, and its age. */
export function Answer({ tile, shape }: { tile: TileScreen; shape: Shape }): VNode {
  if (shape.watch === 'off')
    return <span class="ag long mute big-only">{text(shape.picture === 'live' ? 'w.video' : 'w.notwatched')}</span>;
  if (shape.watch === 'blind')
    return (
      <span class="ag long">
        <span class="st blind big-only ell">{text('w.nowatch')}</span>
        <span class="st blind small-only">{tile.blindFor}</span>
      </span>
    );
  return (
    <>
      <span class={`vd ${shape.bed === 'edge' || shape.bed === 'sitting' ? 'b' : ''}`} title={tile.verdict}>
        <Icon name={verdictIcon(shape)} size="s" />
        <span class="big-only ell">{tile.verdict}</span>
      </span>
      <span class={`ag ${shape.watch === 'slow' ? 'st blind' : ''}`} title={tile.answerHint}>
        {tile.answerAge}
      </span>
    </>
  );
}

/** The icon of what the newest answer says. */
export function verdictIcon({ verdict, bed }: Pick<Shape, 'verdict' | 'bed'>): IconName {
  if (verdict === 'bed') return bed === 'in' ? 'bed' : 'edge';
  const icons = { nobody: 'nobody', people: 'person', things: 'thing', cannot: 'blind', pending: 'wait', off: 'off' };
  return icons[verdict] as IconName;
}

/** The frame says whether vigia watches, and what alarm there is; the picture whether it is current. */
export function classOf({ watch, picture, alarm }: Shape): string {
  const classes = ['tile'];
  if (watch === 'slow') classes.push('late');
  if (watch === 'blind' || watch === 'off') classes.push(watch);
  if (picture === 'old' || picture === 'gone') classes.push(picture);
  if (alarm !== null) classes.push('alarm');
  if (alarm === 'ack') classes.push('ack');
  return classes.join(' ');
}
