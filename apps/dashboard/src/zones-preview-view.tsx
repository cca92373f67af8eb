import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { Segment } from './segment.tsx';
import { clockTime, text, wholeDuration } from './texts.ts';
import { gapsOf, isCutOff, type Lane, rangeOf, type Side } from './zones-preview.ts';
import type { PreviewPart, ZonesScreen } from './zones-screen.ts';

/** Times that stand above the lanes. */
const MARKS = 5;
/** Heights in a lane, of 30. */
const ROWS = { now: 4, would: 17, high: 9 } as const;
const WIDTH = 1000;

/** What the zones of the draft would have changed, beside those in use. */
export function PreviewCard({ screen, nowMs }: { screen: ZonesScreen; nowMs: () => number }): VNode {
  const [which, choose] = useState<'hour' | 'night'>('hour');
  const preview = screen.preview.value;
  const isAsking = preview.kind === 'asking';
  return (
    <section class="card zv" aria-label={text('zp.title')} aria-busy={isAsking}>
      <header>
        <h2>{text('zp.title')}</h2>
        <span class="mute">{text('zp.sub')}</span>
        <span class="sp" />
        <Segment
          label={text('zp.range')}
          options={['hour', 'night'] as const}
          chosen={which}
          choose={choose}
          say={(one) => text(`zp.${one}`)}
        />
        <button
          type="button"
          class="btn"
          disabled={isAsking || screen.playable.length === 0}
          onClick={() => void screen.tryOut(rangeOf(which, nowMs()))}
        >
          {text(isAsking ? 'zp.asking' : 'zp.ask')}
        </button>
      </header>
      {screen.playable.length === 0 && <p class="mute">{text('zp.norule')}</p>}
      {preview.kind === 'failed' && (
        <p class="st blind wrap" role="status">
          {text('zp.failed', { why: preview.why })}
        </p>
      )}
      {preview.kind === 'shown' && (
        <div class={preview.isOld ? 'old' : ''}>
          {preview.isOld && <p class="st blind wrap">{text('zp.old')}</p>}
          {preview.parts.map((part) => (
            <Part key={part.preview.rule} part={part} />
          ))}
          <p class="zv-key mute">
            <i class="full" /> {text('zp.full')} <i class="half" /> {text('zp.half')} <i class="gap" /> {text('zp.gap')}{' '}
            <b class="tri">▲</b> {text('zp.alarm')}
          </p>
        </div>
      )}
    </section>
  );
}

function Part({ part }: { part: PreviewPart }): VNode {
  const { preview, lanes } = part;
  const { from_ms: fromMs, to_ms: toMs } = preview;
  const gaps = gapsOf(preview);
  const missingMs = gaps.reduce((sum, gap) => sum + gap.toMs - gap.fromMs, 0);
  const marks = Array.from({ length: MARKS }, (_, i) => fromMs + ((toMs - fromMs) * i) / (MARKS - 1));
  return (
    <>
      <div class="zv-times" aria-hidden="true">
        {marks.map((ms) => (
          <span key={ms}>{clockTime(ms).slice(0, 5)}</span>
        ))}
      </div>
      {lanes.map((lane) => (
        <LaneRow key={lane.zone} lane={lane} gaps={gaps} fromMs={fromMs} toMs={toMs} />
      ))}
      {missingMs > 0 && (
        <p class="mute">{text('zp.missing', { s: wholeDuration(missingMs), of: wholeDuration(toMs - fromMs) })}</p>
      )}
      {isCutOff(preview) && <p class="mute">{text('zp.cut')}</p>}
    </>
  );
}

interface LaneProps {
  readonly lane: Lane;
  readonly gaps: readonly { readonly fromMs: number; readonly toMs: number }[];
  readonly fromMs: number;
  readonly toMs: number;
}

function LaneRow({ lane, gaps, fromMs, toMs }: LaneProps): VNode {
  const { rule, zone, now, would } = lane;
  const x = (ms: number): number => (Math.min(toMs, Math.max(fromMs, ms)) - fromMs) * (WIDTH / (toMs - fromMs));
  const row = (side: Side, name: 'now' | 'would'): VNode => (
    <g>
      {side.spans.map(({ fromMs: from, toMs: to, tone }) => (
        <rect
          key={from}
          class={`${tone} ${name}`}
          x={x(from)}
          y={ROWS[name]}
          width={Math.max(1, x(to) - x(from))}
          height={ROWS.high}
        />
      ))}
    </g>
  );
  const values = {
    a: wholeDuration(now.spentMs),
    b: wholeDuration(would.spentMs),
    n: now.alarms.length,
    m: would.alarms.length,
  };
  return (
    <div class="zv-lane">
      <div>
        <b>{zone}</b>
        <span class="mute">{text(rule === 'bed' ? 'zp.bed' : 'zp.visits', values)}</span>
        <span class={now.alarms.length === would.alarms.length ? 'mute' : 'b'}>{text('zp.alarms', values)}</span>
      </div>
      <div class="zv-rows">
        <svg viewBox={`0 0 ${WIDTH} 30`} preserveAspectRatio="none" aria-hidden="true">
          {gaps.map(({ fromMs: from, toMs: to }) => (
            <rect key={from} class="gap" x={x(from)} y="0" width={Math.max(1, x(to) - x(from))} height="30" />
          ))}
          {row(now, 'now')}
          {row(would, 'would')}
        </svg>
        {now.alarms.map(({ fromMs: ms, reason }) => (
          <span key={`now ${ms}`} class="tri now" style={{ left: `${x(ms) / (WIDTH / 100)}%` }} title={reason}>
            ▲
          </span>
        ))}
        {would.alarms.map(({ fromMs: ms, reason }) => (
          <span key={`would ${ms}`} class="tri would" style={{ left: `${x(ms) / (WIDTH / 100)}%` }} title={reason}>
            ▲
          </span>
        ))}
        <span class="zv-name now" aria-hidden="true">
          {text('zp.now')}
        </span>
        <span class="zv-name would" aria-hidden="true">
          {text('zp.would')}
        </span>
      </div>
    </div>
  );
}
