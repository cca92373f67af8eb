import type { NodeProblem } from '@vigia/contracts';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Alarm, Go } from './alarms.ts';
import type { Browser } from './connection.ts';
import { Icon, type IconName } from './icons.tsx';
import { linkTo } from './route.ts';
import { mayAct, me, serverSecond } from './screen.ts';
import { Segment } from './segment.tsx';
import { AlarmRows } from './stage.tsx';
import {
  type BudgetBar,
  type Dated,
  LEVELS,
  logSourceOf,
  type ModelRow,
  type ProcessRow,
  restartOf,
  SystemScreen,
} from './system-screen.ts';
import './system-view.css';
import { clockTime, roomName, text, wholeDuration } from './texts.ts';
import type { Ward } from './ward.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** An older answer is said to be old. */
const OLD_MS = 12_000;

/** What the view of the node gets. */
export interface SystemViewProps {
  readonly ward: Ward;
  readonly browser: Browser;
  /** All that have not ended. */
  readonly alarms: readonly Alarm[];
  readonly go: Go;
}

/** The node itself: what is wrong and what to do, what its processes use, what they say. */
export function SystemView({ ward, browser, alarms, go }: SystemViewProps): VNode {
  const [screen] = useState(() => new SystemScreen(browser, () => me.peek()?.csrf ?? null));
  useEffect(() => screen.start(), [screen]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const { status } = ward;
  const mayReadLog = me.value?.role === 'admin' && me.value.cameras === 'all';
  return (
    <main class="sy">
      <div class="sy-head">
        <h1 ref={heading} tabIndex={-1}>
          {text('sy.title')}
        </h1>
        <span class="mute">
          {status !== null && `${status.node} · vigia ${status.vigia} · `}
          <Up ward={ward} />
        </span>
        <span class="sp" />
        {mayReadLog && (
          <button
            type="button"
            class="btn"
            aria-pressed={screen.log.value !== null}
            onClick={() => screen.showLog(screen.log.peek() === null ? { source: '', level: 'info' } : null)}
          >
            <Icon name="list" size="s" />
            {text('sy.log')}
          </button>
        )}
        <a class="btn" href="/api/v1/report" download="vigia-report.json">
          <Icon name="down" size="s" />
          {text('sy.report')}
        </a>
      </div>
      {alarms.length > 0 && <AlarmRows alarms={alarms} go={go} />}
      <Failed screen={screen} />
      <Problems screen={screen} ward={ward} browser={browser} mayReadLog={mayReadLog} />
      <Log screen={screen} />
      <div class="sy-parts">
        <div class="col">
          <Processes screen={screen} />
          <section class="card" aria-label={text('sy.outside')}>
            <dl class="kv">
              <dt>{text('sy.mqtt')}</dt>
              <dd>{status === null ? '' : brokerText(status.mqtt)}</dd>
            </dl>
          </section>
        </div>
        <div class="col">
          <Bars bars={screen.bars.value} />
          <Models rows={screen.models.value} />
        </div>
      </div>
    </main>
  );
}

/** How long the node runs; read again with each second. */
function Up({ ward }: { ward: Ward }): VNode {
  const known = serverSecond.value !== null && ward.status !== null;
  return <>{known ? text('sy.up', { s: wholeDuration(ward.status?.up_ms ?? 0) }) : ''}</>;
}

function brokerText(state: string): string {
  if (state === 'connected') return text('sy.mqtt.on');
  return state === 'off' ? text('sy.mqtt.off') : text('sy.mqtt.lost');
}

function Failed({ screen }: { screen: SystemScreen }): VNode | null {
  const why = screen.failed.value;
  if (why === '') return null;
  return (
    <p class="st blind wrap" role="status">
      <Icon name="lost" />
      {text('sy.failed', { why })}
    </p>
  );
}

function Problems({
  screen,
  ward,
  browser,
  mayReadLog,
}: {
  screen: SystemScreen;
  ward: Ward;
  browser: Browser;
  mayReadLog: boolean;
}): VNode {
  const found = screen.problems.value;
  if (found === null)
    return (
      <section class="card" aria-busy="true">
        <header>
          <h2>{text('sy.asking')}</h2>
        </header>
      </section>
    );
  const { length } = found.value;
  return (
    <section class={`card ${length > 0 ? 'amber' : ''}`} aria-label={text('sy.problems')}>
      <header>
        {length > 0 && (
          <span class="st blind">
            <Icon name="blind" />
          </span>
        )}
        <h2>{length === 0 ? text('sy.none') : length === 1 ? text('sy.one') : text('sy.n', { n: length })}</h2>
        <span class="mute">{length > 0 && text('sy.worst')}</span>
        <span class="sp" />
        <Age of={found} browser={browser} />
      </header>
      {found.value.map((problem) => (
        <Problem key={`${problem.kind} ${problem.subject}`} {...{ problem, screen, ward, mayReadLog }} />
      ))}
    </section>
  );
}

/** Empty while the answer is current. */
function Age({ of, browser }: { of: Dated<unknown>; browser: Browser }): VNode {
  // Read again with each second.
  const ageMs = serverSecond.value === null ? 0 : browser.now() - of.atMs;
  return <span class="mute">{ageMs > OLD_MS ? text('sy.old', { s: wholeDuration(ageMs) }) : ''}</span>;
}

const ICON_OF: Readonly<Record<string, IconName>> = {
  camera: 'nopic',
  consumer: 'slow',
  blind: 'blind',
  worker_failed: 'blind',
};

function Problem({
  problem,
  screen,
  ward,
  mayReadLog,
}: {
  problem: NodeProblem;
  screen: SystemScreen;
  ward: Ward;
  mayReadLog: boolean;
}): VNode {
  const { subject, kind, camera, message, remedy, since } = problem;
  const pressed = screen.pressed.value.get(subject);
  const restart = mayAct(me.value) ? restartOf(problem, ward.status) : null;
  return (
    <div class="problem">
      <span class="st blind">
        <Icon name={ICON_OF[kind] ?? 'alarm'} size="l" />
      </span>
      <div>
        {camera === null ? (
          <span class="b">{subjectText(problem)}</span>
        ) : (
          <a class="b" href={linkTo(camera)}>
            {subjectText(problem)}
          </a>
        )}{' '}
        <Since since={since} />
        <p class="soft">{message}</p>
      </div>
      <p>
        {remedy}
        {pressed === 'done' && <span class="mute"> · {text('sy.restarted')}</span>}
        {typeof pressed === 'object' && (
          <span class="st blind wrap" role="status">
            {text('a.refused', { why: pressed.refused })}
          </span>
        )}
      </p>
      <div class="row">
        {mayReadLog && (
          <button
            type="button"
            class="btn"
            onClick={() => screen.showLog({ source: logSourceOf(problem), level: 'debug' })}
          >
            {text('sy.itslog')}
          </button>
        )}
        {restart !== null && (
          <button
            type="button"
            class="btn"
            disabled={pressed === 'asking'}
            aria-label={`${text('sy.restart')}: ${subjectText(problem)}`}
            onClick={() => void screen.restart(subject, restart)}
          >
            {text(pressed === 'asking' ? 'sy.restarting' : 'sy.restart')}
          </button>
        )}
      </div>
    </div>
  );
}

function subjectText({ camera, consumer, model }: NodeProblem): string {
  if (model !== null) return text('sy.ofmodel', { name: model });
  if (camera === null) return text('sy.node');
  return consumer === null ? roomName(camera) : `${roomName(camera)} · ${consumer}`;
}

function Since({ since }: { since: string }): VNode {
  const seconds = serverSecond.value;
  const ms = seconds === null ? 0 : Math.max(0, seconds * 1000 - Date.parse(since));
  return (
    <span class="mute" title={clockTime(Date.parse(since))}>
      {text('sy.for', { s: wholeDuration(ms) })}
    </span>
  );
}

function Log({ screen }: { screen: SystemScreen }): VNode | null {
  const wish = screen.log.value;
  const list = useRef<HTMLOListElement>(null);
  const lines = screen.lines.value;
  // The newest line stays in sight, unless somebody has scrolled up to read.
  const follows = useRef(true);
  useEffect(() => {
    if (follows.current && list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  }, [lines, wish]);
  if (wish === null) return null;
  const { source, level } = wish;
  const shown = lines.filter(
    (line) =>
      LEVELS.indexOf(line.level) >= LEVELS.indexOf(level) &&
      (source === '' || line.source === source || line.source.startsWith(`${source}/`)),
  );
  return (
    <section class="card" aria-label={text('sy.log')}>
      <header>
        <h2>{text('sy.log')}</h2>
        <span class="mute">{source === '' ? text('sy.log.all') : source}</span>
        {source !== '' && (
          <button type="button" class="btn gh sm" onClick={() => screen.showLog({ source: '', level })}>
            {text('sy.log.showall')}
          </button>
        )}
        <span class="sp" />
        <Segment
          label={text('sy.log.level')}
          options={LEVELS}
          chosen={level}
          choose={(one) => screen.showLog({ source, level: one })}
          say={(one) => one}
        />
        <button type="button" class="icb" aria-label={text('close')} onClick={() => screen.showLog(null)}>
          <Icon name="close" />
        </button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it with the keyboard. */}
      <ol
        class="sy-log"
        ref={list}
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < 20;
        }}
      >
        {shown.map(({ number, time, level: of, source: from, message }) => (
          <li key={number} class={of}>
            <time>{clockTime(Date.parse(time))}</time> <b>{of}</b> <span class="mute">{from}</span> {message}
          </li>
        ))}
        {shown.length === 0 && <li class="mute">{text('sy.log.empty')}</li>}
      </ol>
    </section>
  );
}

function Processes({ screen }: { screen: SystemScreen }): VNode {
  const found = screen.processes.value;
  const largest = Math.max(1, ...(found?.value ?? []).map(({ bytes, most }) => Math.max(bytes, most ?? 0)));
  return (
    <section class="card" aria-label={text('sy.proc')}>
      <header>
        <h2>{text('sy.proc')}</h2>
        <span class="mute">{found === null ? text('sy.proc.asking') : text('sy.procd')}</span>
      </header>
      {found !== null && (
        <table>
          <thead>
            <tr>
              <th scope="col">{text('sy.name')}</th>
              <th scope="col" class="wide">
                {text('sy.cpu5')}
              </th>
              <th scope="col" class="r">
                {text('sy.now')}
              </th>
              <th scope="col" class="wide">
                {text('sy.mem')}
              </th>
              <th scope="col" class="r">
                MiB
              </th>
              <th scope="col" class="r">
                {text('sy.restarts')}
              </th>
            </tr>
          </thead>
          <tbody>
            {found.value.map((row) => (
              <Process key={row.name} row={row} largest={largest} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

const SPARK = { width: 84, height: 18 };

function Process({ row, largest }: { row: ProcessRow; largest: number }): VNode {
  const { name, count, cpu, history, bytes, most, restarts } = row;
  const top = Math.max(20, ...history);
  const points = history.map(
    (value, i) =>
      `${(SPARK.width - (history.length - 1 - i) * 1.4).toFixed(1)} ${(SPARK.height - (value / top) * (SPARK.height - 2)).toFixed(1)}`,
  );
  const mib = (value: number): string => Math.round(value / MIB).toLocaleString('en-US');
  return (
    <tr>
      <th scope="row">
        {name} {count > 1 && <span class="mute">× {count}</span>}
      </th>
      <td class="wide">
        <svg width={SPARK.width} height={SPARK.height} aria-hidden="true">
          {points.length > 1 && <path class="spark" d={`M${points.join('L')}`} />}
        </svg>
      </td>
      <td class="r">{cpu === null ? '–' : `${Math.round(cpu)} %`}</td>
      <td class="wide">
        <svg class="mem" viewBox="0 0 120 12" width="120" height="12" aria-hidden="true">
          {most !== null && <rect class="most" x=".5" y="1.5" width={(119 * most) / largest} height="9" rx="2" />}
          <rect class="used" y="1" width={(120 * bytes) / largest} height="10" rx="2" />
        </svg>
      </td>
      <td class="r">
        {mib(bytes)}
        {most !== null && <span class="mute"> / {mib(most)}</span>}
      </td>
      <td class={`r ${restarts !== null && restarts > 0 ? 'b' : 'mute'}`}>{restarts ?? ''}</td>
    </tr>
  );
}

function Bars({ bars }: { bars: readonly BudgetBar[] }): VNode | null {
  if (bars.length === 0) return null;
  return (
    <section class="card" aria-label={text('sy.budget')}>
      <header>
        <h2>{text('sy.budget')}</h2>
        <span class="mute">{text('sy.budgetd')}</span>
      </header>
      <div class="body">
        {bars.map((bar) => (
          <Bar key={bar.what} bar={bar} />
        ))}
      </div>
    </section>
  );
}

function Bar({ bar: { what, used, most, there } }: { bar: BudgetBar }): VNode {
  // Shared memory is small where pictures are.
  const inMib = Math.max(used, most ?? 0) < GIB / 10;
  const unit = (value: number): string => {
    if (what === 'cpu') return value.toFixed(1);
    return inMib && value < GIB ? `${(value / MIB).toFixed(1)} MiB` : `${(value / GIB).toFixed(1)} GiB`;
  };
  const part = (value: number): number => Math.min(400, (400 * value) / Math.max(there, 1e-9));
  return (
    <div class="bg">
      <div class="row">
        <span class="b">{text(`sy.b.${what}`)}</span>
        <span class="sp" />
        <span class="mute">
          <b>{unit(used)}</b> {text('sy.b.used')} ·{' '}
          {most !== null && (
            <>
              <b>{unit(most)}</b> {text('sy.b.most')} ·{' '}
            </>
          )}
          <b>{what === 'cpu' ? there : unit(there)}</b> {text(what === 'cpu' ? 'sy.b.cores' : 'sy.b.there')}
        </span>
      </div>
      <svg viewBox="0 0 400 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="there" width="400" height="8" />
        {most !== null && <rect class={most > there ? 'over' : 'most'} width={part(most)} height="8" />}
        <rect class="used" width={part(used)} height="8" />
      </svg>
    </div>
  );
}

function Models({ rows }: { rows: readonly ModelRow[] }): VNode | null {
  if (rows.length === 0) return null;
  const columns = [
    ['sy.model', ''],
    ['c.state', ''],
    ['sy.p50', 'r'],
    ['sy.p99', 'r'],
    ['sy.persec', 'r'],
    ['sy.batch', 'r'],
  ] as const;
  return (
    <section class="card" aria-label={text('sy.models')}>
      <header>
        <h2>{text('sy.models')}</h2>
        <span class="mute">{text('sy.modelsd')}</span>
      </header>
      <table>
        <thead>
          <tr>
            {columns.map(([key, side]) => (
              <th key={key} scope="col" class={side}>
                {text(key)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ id, state, p50, p99, perSecond, batch }) => (
            <tr key={id}>
              <th scope="row">{id}</th>
              <td>{state}</td>
              <td class="r">{p50.toFixed(1)}</td>
              <td class="r">{p99.toFixed(1)}</td>
              <td class="r">{perSecond === null ? '–' : perSecond.toFixed(1)}</td>
              <td class="r">{batch === null ? '–' : batch.toFixed(1)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
