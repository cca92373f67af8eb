import type { VNode } from 'preact';
import type { Equation } from './accounts.ts';
import type { CameraNumbers, ConsumerRow } from './camera-numbers.ts';
import { HOP_PARTS, type SplitAge } from './hops.ts';
import { technical } from './screen.ts';
import { Segment } from './segment.tsx';
import { roomName, text } from './texts.ts';

/** How old the newest answer is, and what that age is made of. */
export function AgeCard({ numbers }: { numbers: CameraNumbers }): VNode | null {
  const seen = numbers.seen.value;
  if (seen === null) return null;
  const { consumer, age, decided, since, certain } = seen;
  const [value, unit] = [age.replace(/ \S+$/, ''), age.replace(/^\S+/, '')];
  return (
    <section class="card agebox" aria-label={text('age.title')}>
      <div>
        <div class="mute">{text('age.seen', { room: roomName(numbers.camera) })}</div>
        <div class="v">
          {value}
          <small>{unit}</small>
        </div>
        <div class="mute">{text('age.ago', { name: consumer })}</div>
      </div>
      <dl class="kv">
        <dt>{text('age.decided')}</dt>
        <dd class="b">{decided}</dd>
        <dt>{text('age.since')}</dt>
        <dd>{since}</dd>
        <dt>{text('age.clock')}</dt>
        <dd>{text(certain ? 'age.certain' : 'age.uncertain')}</dd>
      </dl>
    </section>
  );
}

/** Two answers of one consumer as bars: a typical one, and a late one. */
export function HopsCard({ numbers }: { numbers: CameraNumbers }): VNode | null {
  const ages = numbers.ages.value;
  const names = numbers.consumers.value.map(({ name }) => name);
  if (names.length === 0) return null;
  const chosen = numbers.chosen.value ?? names[0];
  return (
    <section class="card" aria-label={text('hop.title')}>
      <header>
        <h2>{text('hop.title')}</h2>
        {names.length > 1 && (
          <Segment
            label={text('c.name')}
            options={names}
            chosen={chosen}
            choose={(name) => {
              numbers.chosen.value = name;
            }}
            say={(name) => name}
          />
        )}
      </header>
      {ages === null ? (
        <p class="mute">{text('hop.none')}</p>
      ) : (
        <>
          <Split age={ages.middle} scale={ages.late.ageMs} what={text('hop.middle')} />
          <Split age={ages.late} scale={ages.late.ageMs} what={text(ages.isLatest ? 'hop.latest' : 'hop.late')} />
          <div class="lg">
            {HOP_PARTS.map((part) => (
              <span key={part}>
                <i class={`h-${part}`} />
                {text(`hop.${part}`)}
              </span>
            ))}
          </div>
        </>
      )}
    </section>
  );
}

function Split({ age: { ageMs, parts }, scale, what }: { age: SplitAge; scale: number; what: string }): VNode {
  const unit = 100 / Math.max(scale, 1e-3);
  const spoken = parts.map(({ part, ms }) => `${text(`hop.${part}`)} ${ms.toFixed(1)} ms`).join(', ');
  let from = 0;
  return (
    <div class="split">
      <div class="row">
        <b>{ageMs.toFixed(1)} ms</b>
        <span class="mute">{what}</span>
      </div>
      <svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label={`${what}: ${spoken}`}>
        {parts.map(({ part, ms }) => {
          const x = from;
          from += ms * unit;
          return (
            <rect key={part} class={`h-${part}`} x={x} width={Math.max(0, ms * unit - 0.2)} height="10">
              <title>{`${text(`hop.${part}`)} ${ms.toFixed(1)} ms`}</title>
            </rect>
          );
        })}
      </svg>
    </div>
  );
}

const COLUMNS = [
  'name',
  'sla',
  'state',
  'age',
  'rate',
  'p50',
  'p99',
  'gated',
  'over',
  'stale',
  'ok',
  'notok',
  'missed',
  'restarts',
] as const;
const WORDS: ReadonlySet<string> = new Set(['name', 'sla', 'state', 'notok']);

/** What each consumer did with the pictures that it was offered, and the sums that must hold. */
export function ConsumersCard({ numbers }: { numbers: CameraNumbers }): VNode | null {
  const rows = numbers.consumers.value;
  if (rows.length === 0) return null;
  return (
    <section class="card cam-table" aria-labelledby="consumers">
      <h2 id="consumers" class="vh">
        {text('c.title')}
      </h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: on a narrow screen it scrolls sideways, also with the keyboard. */}
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="consumers">
        <table>
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <th key={column} scope="col" class={WORDS.has(column) ? '' : 'r'}>
                  {text(`c.${column}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Consumer key={row.name} row={row} />
            ))}
          </tbody>
        </table>
      </div>
      <Equations equations={numbers.equations.value} />
    </section>
  );
}

const whole = (count: number): string => count.toLocaleString('en-US');
const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;

function Consumer({ row }: { row: ConsumerRow }): VNode {
  const {
    name,
    by,
    sla,
    state,
    reason,
    age,
    perSecond,
    p50,
    p99,
    certain,
    dropped,
    ok,
    notOk,
    missed,
    allowed,
    restarts,
  } = row;
  const least = certain ? '' : '≥ ';
  const ms = (value: number | null): string => (value === null ? '–' : `${least}${Math.round(value)}`);
  const isIll = state !== 'running' && state !== 'ready' && state !== 'idle';
  return (
    <tr>
      <th scope="row">
        {name} <span class="mute">{by}</span>
      </th>
      <td>
        <span class="tag">{sla}</span>
      </td>
      <td title={reason ?? ''}>
        <span class={isIll ? 'st blind' : ''}>{state}</span>
      </td>
      <td class="r b">{age}</td>
      <td class="r">{perSecond === null ? '–' : perSecond.toFixed(1)}</td>
      <td class="r">{ms(p50)}</td>
      <td class="r">{ms(p99)}</td>
      <td class="r mute">{whole(dropped.gated)}</td>
      <td class="r">{whole(dropped.overwritten)}</td>
      <td class="r">{whole(dropped.stale)}</td>
      <td class="r">{whole(ok)}</td>
      <td>{notOk.map(({ status, count }) => `${whole(count)} ${text(`eq.${status}`)}`).join(' · ')}</td>
      <td class="r">
        <span class={missed > allowed ? 'st blind' : ''}>{percent(missed)}</span>{' '}
        <span class="mute">/ {percent(allowed)}</span>
      </td>
      <td class={`r ${restarts > 0 ? 'b' : ''}`}>{restarts}</td>
    </tr>
  );
}

/** One line while all sums hold; the sums themselves with the numbers, or when one does not hold. */
function Equations({ equations }: { equations: readonly Equation[] }): VNode {
  const broken = equations.filter(({ holds }) => !holds);
  const shown = technical.value ? equations : broken;
  return (
    <div class="eq">
      <p class={broken.length > 0 ? 'st blind' : 'soft'}>{text(broken.length > 0 ? 'eq.broken' : 'eq.holds')}</p>
      {shown.map(({ of, total, parts, holds }) => (
        <p key={`${of} ${total.what}`} class="mono">
          {of ?? text('eq.camera')}: {whole(total.count)} {text(`eq.${total.what}`)} {holds ? '=' : '≠'}{' '}
          {parts.map(({ what, count }) => `${whole(count)} ${text(`eq.${what}`)}`).join(' + ')}
        </p>
      ))}
    </div>
  );
}
