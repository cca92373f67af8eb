import type { VNode } from 'preact';
import type { Figures } from './figures.ts';
import { text } from './texts.ts';

/** How somebody fell, as figures: nothing where this page does not know it. */
export function FallFigures({ figures }: { figures: Figures }): VNode | null {
  if (figures.length === 0) return null;
  return (
    <div class="figs" role="img" aria-label={text('a.figs')}>
      {figures.map(({ lines, isBox, head, view: { x, y, width, height }, floor }, i) => (
        <svg key={i} viewBox={`${x} ${y} ${width} ${height}`} preserveAspectRatio="xMidYMax meet" aria-hidden="true">
          <path class="floor" d={`M${x} ${floor}h${width}`} />
          <path class={isBox ? 'box' : ''} d={lines} />
          {head !== null && <circle cx={head.x} cy={head.y} r={head.r} />}
        </svg>
      ))}
    </div>
  );
}
