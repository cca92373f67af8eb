import type { NodeEvent } from '@vigia/contracts';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Alarm, Go } from './alarms.ts';
import type { Browser } from './connection.ts';
import type { Episode } from './episodes.ts';
import { eventIcon, eventName, eventSentence, figuresOf } from './event-words.ts';
import { CHOICES, EventsScreen } from './events-screen.ts';
import './events-view.css';
import { Icon } from './icons.tsx';
import { EVENTS, eventOf, linkTo, linkToEvent, linkToTimeline } from './route.ts';
import { address, newestEvent, serverSecond, streams } from './screen.ts';
import { Segment } from './segment.tsx';
import { AlarmRows } from './stage.tsx';
import { clockTime, dayTime, outcomeName, personName, roomName, text, wholeDuration } from './texts.ts';
import type { Ward } from './ward.ts';

/** What the view of events gets. */
export interface EventsViewProps {
  readonly ward: Ward;
  readonly browser: Browser;
  /** All that have not ended. */
  readonly alarms: readonly Alarm[];
  readonly go: Go;
}

/** What happened, the newest first, and what is known of the one that is chosen. */
export function EventsView({ ward, browser, alarms, go }: EventsViewProps): VNode {
  const [screen] = useState(() => new EventsScreen(browser));
  useEffect(() => screen.start(), [screen]);
  const [last, stream] = [newestEvent.value, streams.value];
  useEffect(() => screen.stale(), [screen, last, stream]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const chosen = eventOf(address.value);
  const episodes = screen.episodes.value;
  const episode = episodes?.find((one) => holds(one, chosen));
  return (
    <main class="evs">
      <div class="evs-head">
        <h1 ref={heading} tabIndex={-1}>
          {text('ev.title')}
        </h1>
        <Segment
          label={text('ev.choose')}
          options={CHOICES}
          chosen={screen.wish.value.choice}
          choose={(choice) => screen.choose({ choice })}
          say={(choice) => text(`ev.c.${choice}`)}
        />
        <select
          class="found"
          aria-label={text('ev.cameras')}
          value={screen.wish.value.camera}
          onChange={({ currentTarget }) => screen.choose({ camera: currentTarget.value })}
        >
          <option value="">{text('ev.allcameras')}</option>
          {Object.keys(ward.status?.cameras ?? {}).map((id) => (
            <option key={id} value={id}>
              {roomName(id)}
            </option>
          ))}
        </select>
      </div>
      {alarms.length > 0 && <AlarmRows alarms={alarms} go={go} />}
      {screen.failed.value !== '' && (
        <p class="st blind wrap" role="status">
          <Icon name="lost" />
          {text('sy.failed', { why: screen.failed.value })}
        </p>
      )}
      <div class="evs-parts">
        <section class="card" aria-label={text('ev.title')} aria-busy={episodes === null}>
          {episodes === null ? (
            <p class="quiet mute">{text('sy.asking')}</p>
          ) : episodes.length === 0 ? (
            <p class="quiet mute">{text('ev.none')}</p>
          ) : (
            <ol>
              {episodes.map((one) => (
                <Row key={one.id} episode={one} alarms={alarms} isChosen={one === episode} />
              ))}
            </ol>
          )}
          <Foot screen={screen} />
        </section>
        {chosen !== null && episodes !== null && <Evidence episode={episode} alarms={alarms} />}
      </div>
    </main>
  );
}

function holds({ oldest, newest }: Episode, id: string | null): boolean {
  return id === oldest.id || id === newest.id;
}

function Foot({ screen }: { screen: EventsScreen }): VNode | null {
  if (screen.more.value === 'no') return null;
  if (screen.more.value === 'limit') return <p class="quiet mute">{text('ev.limit')}</p>;
  return (
    <p class="quiet">
      <button type="button" class="btn" onClick={() => screen.older()}>
        {text('ev.older')}
      </button>
    </p>
  );
}

/** The alarm that this is about, while it is open. */
function openOf({ oldest }: Episode, alarms: readonly Alarm[]): Alarm | undefined {
  // Ids sort by time: an earlier episode of the same subject is over.
  return alarms.find(({ subject, event }) => subject === oldest.subject && oldest.id >= event);
}

function Row({ episode, alarms, isChosen }: { episode: Episode; alarms: readonly Alarm[]; isChosen: boolean }): VNode {
  const { oldest, newest, isAlarm } = episode;
  const tone = isAlarm ? 'urgent' : oldest.severity === 'warning' ? 'amber' : '';
  return (
    <li>
      <a class={`ev ${tone}`} href={linkToEvent(episode.id)} aria-current={isChosen ? 'true' : undefined}>
        <Icon name={isAlarm && oldest.kind !== 'consumer_blind' ? 'alarm' : eventIcon(oldest)} />
        <span class="tx">
          <span>
            <b>{eventName(oldest)}</b> {oldest.camera !== null && roomName(oldest.camera)}
          </span>
          <span class="soft">{eventSentence(newest)}</span>
          <Known event={newest} />
        </span>
        <span class="when">
          <time dateTime={oldest.at}>{dayTime(Date.parse(oldest.at), serverMs())}</time>
          <State episode={episode} alarm={openOf(episode, alarms)} />
        </span>
      </a>
    </li>
  );
}

/** The server's time, to the second: read again with each. */
function serverMs(): number {
  return (serverSecond.value ?? 0) * 1000;
}

/** Who acknowledged it, and what was found. */
function Known({ event }: { event: NodeEvent }): VNode | null {
  const known = event.acknowledged ?? ('acknowledged' in event.data ? event.data.acknowledged : undefined);
  if (known === undefined) return null;
  const { by, outcome, note } = known;
  const kind = event.kind === 'bed' || event.kind === 'visit' ? event.kind : 'fall';
  const found = [outcome === undefined ? undefined : outcomeName(kind, outcome), note];
  return (
    <span class="mute">
      <Icon name="check" size="s" />{' '}
      {[text('ev.known', { who: personName(by) }), ...found].filter((one) => one !== undefined).join(' · ')}
    </span>
  );
}

/** Open, or over and after how long. Of what is neither nobody knows. */
function State({ episode, alarm }: { episode: Episode; alarm: Alarm | undefined }): VNode | null {
  const { oldest, newest, hasStart } = episode;
  if (alarm !== undefined)
    return (
      <span class={alarm.by === null ? 'tag al' : 'tag'}>
        {text(alarm.by === null ? 'ev.open' : 'ev.going', { who: personName(alarm.by ?? '') })}
      </span>
    );
  if (newest.phase !== 'end' || !hasStart || newest === oldest) return null;
  return (
    <span class="mute">{text('ev.after', { s: wholeDuration(Date.parse(newest.at) - Date.parse(oldest.at)) })}</span>
  );
}

function Evidence({ episode, alarms }: { episode: Episode | undefined; alarms: readonly Alarm[] }): VNode {
  if (episode === undefined)
    return (
      <aside class="card evidence" aria-label={text('ev.evidence')}>
        <p class="quiet mute">{text('ev.notthere')}</p>
      </aside>
    );
  const { oldest, newest, isAlarm } = episode;
  const { camera } = oldest;
  return (
    <aside
      class={`card evidence ${openOf(episode, alarms) === undefined ? '' : 'al'}`}
      aria-label={text('ev.evidence')}
    >
      <header class={isAlarm ? 'al' : ''}>
        <h2>
          {eventName(oldest)}
          {camera !== null && ` · ${roomName(camera)}`}
        </h2>
        <a class="icb" href={EVENTS} aria-label={text('close')}>
          <Icon name="close" />
        </a>
      </header>
      <Seen key={oldest.id} event={oldest} />
      <div class="body">
        <p>{eventSentence(oldest)}</p>
        {newest !== oldest && (
          <p class="soft">
            {clockTime(Date.parse(newest.at))} · {eventSentence(newest)}
          </p>
        )}
        <Known event={newest} />
        <dl class="kv">
          {figuresOf(oldest).map(([key, value]) => [
            <dt key={`${key} name`}>{text(key)}</dt>,
            <dd key={key}>{value}</dd>,
          ])}
          <dt>{text('ev.began')}</dt>
          <dd>{clockTime(Date.parse(oldest.at))}</dd>
          <dt>{text('ev.id')}</dt>
          <dd class="mono">{oldest.id}</dd>
        </dl>
        {camera !== null && (
          <a class="btn" href={linkToTimeline(camera, Date.parse(seenAt(oldest)))}>
            <Icon name="old" size="s" />
            {text('ev.look')}
          </a>
        )}
        {camera !== null && (
          <a class="btn" href={linkTo(camera)}>
            <Icon name="camera" size="s" />
            {roomName(camera)}
          </a>
        )}
      </div>
    </aside>
  );
}

/** When its picture was taken, if it has one; otherwise when it was. */
function seenAt({ at, data }: NodeEvent): string {
  return 'captured_at' in data ? data.captured_at : at;
}

/** The recorded picture of that time, with the box that decided. */
function Seen({ event }: { event: NodeEvent }): VNode | null {
  const [isMissing, miss] = useState(false);
  const { camera, data } = event;
  if (camera === null || !('captured_at' in data)) return null;
  if (isMissing) return <p class="quiet mute">{text('ev.nopicture')}</p>;
  const query = new URLSearchParams({ at: data.captured_at });
  const [left, top, right, bottom] = data.bbox ?? [0, 0, 0, 0];
  return (
    <div class="pic">
      <img
        src={`/api/v1/recordings/${encodeURIComponent(camera)}/frame.jpg?${query.toString()}`}
        alt={text('ev.picture', { room: roomName(camera), t: clockTime(Date.parse(data.captured_at)) })}
        onError={() => miss(true)}
      />
      {data.bbox !== null && (
        <svg class="ov" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
          <rect x={left} y={top} width={right - left} height={bottom - top} />
        </svg>
      )}
    </div>
  );
}
