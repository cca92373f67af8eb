import type { VNode } from 'preact';
import type { Alarm } from './alarms.ts';
import './corridor-view.css';
import { FallFigures } from './fall-figures.tsx';
import { Icon } from './icons.tsx';
import { askingFor, beatAge, beats, clockText, mutedFor, serverSecond, sound, tileScreen, wall } from './screen.ts';
import { alarmName, personName, roomName, text, wholeDuration } from './texts.ts';
import { verdictIcon } from './tile.tsx';
import type { WallView } from './ward.ts';

/**
 * So many lines with a reason of two lines are in sight, beside an alarm and without one, where letters are larger. With more of
 * them all letters are smaller: nobody can scroll here.
 */
const LINES = { beside: 6, alone: 4.8 } as const;
/** With few lines they are larger, at most so much. */
const LARGEST = 1.5;
/** So many columns for so many cells: beside an alarm, and without one. */
const COLUMNS = { beside: [6, 14], alone: [4, 12] } as const;
/** The height of a cell, and of a line whose reason has one line of text, in lines. */
const [CELL, SHORT] = [0.56, 0.78];
/** From so many lines on they are short, and stand in two columns; then in three, where there is no alarm beside them. */
const MANY = { two: 6, three: 14 } as const;
/** A longer name of a room is written smaller. */
const SHORT_NAME = 9;

/**
 * A screen that people pass: no controls, no pictures of residents, all of it always in sight. It says what is wrong in
 * letters for ten metres, and when it knows nothing, that.
 */
export function CorridorView(): VNode {
  const view = wall.value;
  return (
    <div class="cw">
      <h1 class="vh">{text('wd.title')}</h1>
      {view === null ? <main class="cw-asking">{askingFor}</main> : <Rooms view={view} />}
      <Foot off={view?.off ?? []} />
    </div>
  );
}

function Rooms({ view }: { view: WallView }): VNode {
  const { stage, further, trouble, watching } = view;
  const blind = trouble.filter((camera) => view.blind.includes(camera));
  const others = [...trouble.filter((camera) => !blind.includes(camera)), ...watching];
  const shown = [...(stage === null ? [] : [stage.camera]), ...trouble, ...watching];
  const seen = shown.filter((camera) => tileScreen(camera).shape.value.watch === 'watching').length;
  const cells = others.length + 1;
  const [few, some] = stage === null ? COLUMNS.alone : COLUMNS.beside;
  const columns = (stage === null ? 2 : 1) + (cells > few ? 1 : 0) + (cells > some ? 1 : 0);
  const count = further.length + blind.length;
  const side = 1 + (count > MANY.two ? 1 : 0) + (count > MANY.three && stage === null ? 1 : 0);
  const lines = Math.ceil(count / side) * (side > 1 ? SHORT : 1) + Math.ceil(cells / columns) * CELL;
  const scale = Math.min(LARGEST, (stage === null ? LINES.alone : LINES.beside) / lines);
  return (
    <main class={`cw-rooms ${stage === null ? 'calm' : ''}`}>
      {stage !== null && <Going key={stage.subject} alarm={stage} />}
      <section
        class="cw-list"
        style={{ '--k': scale.toFixed(3), '--columns': String(columns), '--side': String(side) }}
      >
        <div class={`cw-lines ${side > 1 ? 'short' : ''}`}>
          {further.map((alarm) => (
            <AlarmLine key={alarm.subject} alarm={alarm} />
          ))}
          {blind.map((camera) => (
            <BlindLine key={camera} camera={camera} />
          ))}
        </div>
        <div class="cw-cells">
          {others.map((camera) => (
            <Cell key={camera} camera={camera} />
          ))}
          <div class="cw-cell">
            <b>{text('wd.hours', { n: seen, all: shown.length })}</b>
            <span>{text('wd.of')}</span>
          </div>
        </div>
      </section>
    </main>
  );
}

/** The oldest alarm that nobody has acknowledged. */
function Going({ alarm }: { alarm: Alarm }): VNode {
  const room = roomName(alarm.camera);
  return (
    <section class="cw-go" aria-label={text('a.aria')}>
      <div class="k">
        <Icon name="alarm" />
        <span>{text('wd.noack')}</span>
      </div>
      <div>
        <div class={`room ${room.length > SHORT_NAME ? 'long' : ''}`}>{room}</div>
        <div class="what">
          <span>{alarmName(alarm)}</span>
          <span class="nowrap">
            <Ago alarm={alarm} /> <small>{text('a.ago')}</small>
          </span>
        </div>
      </div>
      <FallFigures figures={alarm.figures} />
      <div class="why">{text('a.suspected')}</div>
      <div class="go">{text('wd.go', { room })}</div>
    </section>
  );
}

/** Another alarm: one that nobody has acknowledged is filled, one that somebody goes to has an outline. */
function AlarmLine({ alarm }: { alarm: Alarm }): VNode {
  const { by } = alarm;
  return (
    <div class={`cw-line alarm ${by === null ? '' : 'ack'}`}>
      <Icon name={by === null ? 'alarm' : 'check'} />
      <b>{roomName(alarm.camera)}</b>
      <span class="a">
        <Ago alarm={alarm} />
      </span>
      <span class="t">
        {alarmName(alarm)} · {by === null ? text('wd.noack') : text('a.by', { who: personName(by) })}
      </span>
    </div>
  );
}

function BlindLine({ camera }: { camera: string }): VNode {
  const tile = tileScreen(camera);
  return (
    <div class="cw-line blind">
      <Icon name="blind" />
      <b>{tile.name}</b>
      <span class="a">{tile.blindFor}</span>
      <span class="t">{text('wd.cannot', { why: tile.reason.value })}</span>
    </div>
  );
}

function Cell({ camera }: { camera: string }): VNode {
  const tile = tileScreen(camera);
  const shape = tile.shape.value;
  const isUp = shape.bed === 'edge' || shape.bed === 'sitting';
  return (
    <div class={`cw-cell ${isUp ? 'up' : ''}`}>
      <b>{tile.name}</b>
      {shape.watch === 'slow' ? (
        <span class="slow">
          <Icon name="slow" />
          {text('wd.slow')} · {tile.verdict}
        </span>
      ) : (
        <span>
          <Icon name={verdictIcon(shape)} />
          {tile.verdict}
        </span>
      )}
    </div>
  );
}

function Foot({ off }: { off: readonly string[] }): VNode {
  return (
    <footer class="cw-foot">
      <span class="clock">{clockText}</span>
      <span class="by">{text('wd.clock')}</span>
      <span class="sp" />
      {off.length > 0 && (
        <span class="off">
          <Icon name="off" />
          {text('wd.off', { who: off.map(roomName).join(', ') })}
        </span>
      )}
      <Silence />
      <span class={`bars b${beats.value % 4}`} aria-hidden="true">
        <i />
        <i />
        <i />
        <i />
      </span>
      <span class="nowrap">{text('wd.age', { s: beatAge.value })}</span>
    </footer>
  );
}

/** That alarms are not heard here, and why; nothing while they are. */
function Silence(): VNode | null {
  if (mutedFor.value !== '')
    return (
      <span class="silent">
        <Icon name="silent" />
        {text('sound.muted', { s: mutedFor.value })}
      </span>
    );
  if (sound.value === 'on') return null;
  return (
    <span class={`silent ${sound.value === 'off' ? '' : 'warn'}`}>
      <Icon name="silent" />
      {text(sound.value === 'off' ? 'wd.sound.off' : sound.value === 'blocked' ? 'wd.sound.blocked' : 'sound.dead')}
    </span>
  );
}

function Ago({ alarm }: { alarm: Alarm }): VNode {
  const seconds = serverSecond.value;
  return <>{seconds === null ? '' : wholeDuration(Math.max(0, seconds * 1000 - alarm.startedMs))}</>;
}
