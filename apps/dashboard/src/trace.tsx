import type { VNode } from 'preact';
import { TRACE_HEIGHT, TRACE_WIDTH, type TraceScreen } from './screen.ts';
import { text } from './texts.ts';

/** The answers of the last minute. Only attributes of its paths change. */
export function Trace({ trace }: { trace: TraceScreen }): VNode {
  return (
    <div class="strip">
      <svg
        class="trace"
        viewBox={`0 0 ${TRACE_WIDTH} ${TRACE_HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={text('trace.aria')}
      >
        <path class="u" d={trace.unknown} />
        <path class="q" d={trace.none} />
        <path class="p" d={trace.some} />
        <path class="w" d={trace.slow} />
        <path class="h" d={trace.empty} />
        <path class="v" d={trace.empty} />
      </svg>
    </div>
  );
}

/** What a trace of nothing but missing answers is filled with; once in the document. */
export function TracePattern(): VNode {
  return (
    <svg class="vh" aria-hidden="true">
      <defs>
        <pattern id="no-answer" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <path class="hatch" d="M0 0V5" />
        </pattern>
      </defs>
    </svg>
  );
}
