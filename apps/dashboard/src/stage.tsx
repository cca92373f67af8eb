import type { VNode } from 'preact';
import { type Alarm, type Go, OUTCOMES } from './alarms.ts';
import { FallFigures } from './fall-figures.tsx';
import { Icon } from './icons.tsx';
import { linkTo } from './route.ts';
import { acknowledging, mayAct, me, serverSecond, tileScreen, wall } from './screen.ts';
import { alarmName, outcomeName, personName, roomName, text, wholeDuration } from './texts.ts';
import { Picture, WatchLabel } from './tile.tsx';
import { Trace } from './trace.tsx';

/** The oldest alarm that nobody has acknowledged, and the others below it. */
export function Stage({ alarm, go }: { alarm: Alarm; go: Go }): VNode {
  const others = wall.value?.further ?? [];
  return (
    <section class="stage" aria-label={text('a.aria')}>
      <div class="hd">
        <div class="k">
          <Icon name="alarm" />
          <span>{text('a.open')}</span>
        </div>
        <div class="big">
          <span>{alarmName(alarm)}</span>
          <span class="sp" />
          <span class="nowrap">
            <Ago alarm={alarm} /> <small>{text('a.ago')}</small>
          </span>
        </div>
        <a class="big room" href={linkTo(alarm.camera)}>
          {roomName(alarm.camera)}
        </a>
      </div>
      <StagePicture camera={alarm.camera} />
      <div class="in2">
        <p class="said">
          <span class="mute">{text('a.suspected')}</span>
          {alarm.message}
        </p>
        <FallFigures figures={alarm.figures} />
        {others.length > 0 && (
          <div class="col others">
            <h2 class="cap">{text('a.others')}</h2>
            {others.map((other) => (
              <AlarmRow key={other.subject} alarm={other} go={go} />
            ))}
          </div>
        )}
      </div>
      <div class="ft">
        <GoButton alarm={alarm} go={go} large />
      </div>
    </section>
  );
}

/** Alarms as rows, where there is no stage: they stay in sight until they end. */
export function AlarmRows({ alarms, go }: { alarms: readonly Alarm[]; go: Go }): VNode {
  return (
    <div class="col others strip-of-alarms">
      {alarms.map((alarm) => (
        <div key={alarm.subject}>
          <AlarmRow alarm={alarm} go={go} />
          <Refused alarm={alarm} />
        </div>
      ))}
    </div>
  );
}

function StagePicture({ camera }: { camera: string }): VNode {
  const tile = tileScreen(camera);
  const shape = tile.shape.value;
  return (
    <div class={`tile seen ${shape.picture === 'old' || shape.picture === 'gone' ? shape.picture : ''}`}>
      <Picture tile={tile} shape={shape} large>
        {/* The name above is the link of the keyboard. */}
        <a class="whole" href={linkTo(camera)} tabIndex={-1} aria-hidden="true" />
      </Picture>
      <div class="tl">
        <WatchLabel tile={tile} shape={shape} />
        {shape.watch !== 'blind' && shape.picture === 'live' && (
          <span class="lab">
            <Icon name="pulse" size="s" />
            <Seen camera={camera} />
          </span>
        )}
      </div>
      <Trace trace={tile.trace} />
    </div>
  );
}

function Seen({ camera }: { camera: string }): VNode {
  return <>{text('a.seen', { s: tileScreen(camera).pictureAge.value })}</>;
}

function AlarmRow({ alarm, go }: { alarm: Alarm; go: Go }): VNode {
  return (
    <div class={`ar ${alarm.by === null ? '' : 'ack'}`}>
      <Icon name={alarm.by === null ? 'alarm' : 'check'} />
      <span class="ell">
        <a href={linkTo(alarm.camera)}>
          <b>{roomName(alarm.camera)}</b>
        </a>{' '}
        · {alarmName(alarm)}
        {alarm.by !== null && ` · ${text('a.by', { who: personName(alarm.by) })}`}
      </span>
      <span class="sp" />
      <Ago alarm={alarm} />
      {alarm.by === null ? <GoButton alarm={alarm} go={go} /> : <Found alarm={alarm} go={go} />}
    </div>
  );
}

/** What was found: said by a choice, which may be changed. */
function Found({ alarm, go }: { alarm: Alarm; go: Go }): VNode | null {
  if (!mayAct(me.value)) return alarm.outcome === null ? null : <b>{outcomeName(alarm.kind, alarm.outcome)}</b>;
  return (
    <select
      class="found"
      aria-label={text('a.foundin', { room: roomName(alarm.camera) })}
      value={alarm.outcome ?? ''}
      onChange={({ currentTarget }) => {
        const outcome = OUTCOMES.find((one) => one === currentTarget.value);
        if (outcome !== undefined) go(alarm, outcome);
      }}
    >
      <option value="" disabled>
        {text('a.found')}
      </option>
      {OUTCOMES.map((outcome) => (
        <option key={outcome} value={outcome}>
          {outcomeName(alarm.kind, outcome)}
        </option>
      ))}
    </select>
  );
}

function GoButton({ alarm, go, large = false }: { alarm: Alarm; go: Go; large?: boolean }): VNode {
  const asked = acknowledging.value.get(alarm.event);
  if (!mayAct(me.value)) return large ? <p class="st blind wrap">{text('a.viewer')}</p> : <></>;
  const waiting = asked !== undefined && asked.refused === null;
  return (
    <>
      {large && <Refused alarm={alarm} />}
      <button
        type="button"
        class={large ? 'btn al lg' : 'btn inv sm'}
        disabled={waiting}
        onClick={() => go(alarm)}
        aria-label={`${text('a.go')}: ${roomName(alarm.camera)}`}
      >
        {large && <Icon name="check" />}
        {text(waiting ? 'a.going' : 'a.go')}
        {large && !waiting && <kbd>A</kbd>}
      </button>
    </>
  );
}

function Refused({ alarm }: { alarm: Alarm }): VNode | null {
  const refused = acknowledging.value.get(alarm.event)?.refused ?? null;
  if (refused === null) return null;
  return (
    <p class="st blind wrap" role="status">
      {text('a.refused', { why: refused })}
    </p>
  );
}

function Ago({ alarm }: { alarm: Alarm }): VNode {
  const seconds = serverSecond.value;
  return (
    <span class="nowrap">{seconds === null ? '' : wholeDuration(Math.max(0, seconds * 1000 - alarm.startedMs))}</span>
  );
}
