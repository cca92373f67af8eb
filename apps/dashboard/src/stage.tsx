import type { VNode } from 'preact';
import type { Alarm } from './alarms.ts';
import { Icon } from './icons.tsx';
import { acknowledging, me, serverSecond, tileScreen, wall } from './screen.ts';
import { alarmName, personName, roomName, text, wholeDuration } from './texts.ts';
import { Picture } from './tile.tsx';
import { Trace } from './trace.tsx';

/** The oldest alarm that nobody has acknowledged, and the others below it. */
export function Stage({ alarm, go }: { alarm: Alarm; go: (alarm: Alarm) => void }): VNode {
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
        <div class="big room">{roomName(alarm.camera)}</div>
      </div>
      <StagePicture camera={alarm.camera} />
      <div class="in2">
        <p class="said">
          <span class="mute">{text('a.suspected')}</span>
          {alarm.message}
        </p>
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
        <Go alarm={alarm} go={go} large />
      </div>
    </section>
  );
}

/** Alarms that somebody goes to, where nothing else is open: they stay in sight until they end. */
export function Acknowledged({ alarms, go }: { alarms: readonly Alarm[]; go: (alarm: Alarm) => void }): VNode {
  return (
    <div class="col others strip-of-alarms">
      {alarms.map((alarm) => (
        <AlarmRow key={alarm.subject} alarm={alarm} go={go} />
      ))}
    </div>
  );
}

function StagePicture({ camera }: { camera: string }): VNode {
  const tile = tileScreen(camera);
  const shape = tile.shape.value;
  return (
    <div class={`tile seen ${shape.picture === 'live' ? '' : shape.picture}`}>
      <Picture tile={tile} shape={shape} stage />
      <div class="tl">
        {shape.watch === 'blind' ? (
          <span class="lab warn">
            <Icon name="blind" size="s" />
            {text('w.cannot')} · {tile.blindFor}
          </span>
        ) : (
          shape.picture === 'live' && (
            <span class="lab">
              <Icon name="pulse" size="s" />
              <Seen camera={camera} />
            </span>
          )
        )}
      </div>
      <Trace trace={tile.trace} />
    </div>
  );
}

function Seen({ camera }: { camera: string }): VNode {
  return <>{text('a.seen', { s: tileScreen(camera).pictureAge.value })}</>;
}

function AlarmRow({ alarm, go }: { alarm: Alarm; go: (alarm: Alarm) => void }): VNode {
  return (
    <div class={`ar ${alarm.by === null ? '' : 'ack'}`}>
      <Icon name={alarm.by === null ? 'alarm' : 'check'} />
      <span class="ell">
        <b>{roomName(alarm.camera)}</b> · {alarmName(alarm)}
        {alarm.by !== null && ` · ${text('a.by', { who: personName(alarm.by) })}`}
      </span>
      <span class="sp" />
      <Ago alarm={alarm} />
      {alarm.by === null && <Go alarm={alarm} go={go} />}
    </div>
  );
}

function Go({ alarm, go, large = false }: { alarm: Alarm; go: (alarm: Alarm) => void; large?: boolean }): VNode {
  const asked = acknowledging.value.get(alarm.event);
  if (me.value?.role === 'viewer') return large ? <p class="st blind wrap">{text('a.viewer')}</p> : <></>;
  const waiting = asked !== undefined && asked.refused === null;
  return (
    <>
      {asked !== undefined && asked.refused !== null && large && (
        <p class="st blind wrap" role="status">
          {text('a.refused', { why: asked.refused })}
        </p>
      )}
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

function Ago({ alarm }: { alarm: Alarm }): VNode {
  const seconds = serverSecond.value;
  return <span>{seconds === null ? '' : wholeDuration(Math.max(0, seconds * 1000 - alarm.startedMs))}</span>;
}
