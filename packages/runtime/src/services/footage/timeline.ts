import type { AbsenceReason } from '#core/footage';
import type { SegmentRow } from './segment-row.ts';

/** What of a segment is not hidden by a later one. Wall times, milliseconds since 1970. */
export interface VisiblePart {
  readonly row: SegmentRow;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A time without a recording. */
export interface Gap {
  readonly fromMs: number;
  /** Null: it lasts. */
  readonly toMs: number | null;
  readonly reason: AbsenceReason;
}

/** A time with a recording. */
export interface RecordedSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly event: boolean;
}

/** Parts this near to each other are one span, unless the later one notes a gap. Milliseconds. */
const JOIN_MS = 1_000;
/** A longer pause that no segment explains: the recorder ended without a word. Milliseconds. */
const UNEXPLAINED_MS = 2_000;

/**
 * What is visible of segments of one camera, in order of time, not overlapping. The clock may have been set back: of two
 * segments at the same time the one with the higher order is visible.
 */
export function visibleParts(rows: readonly SegmentRow[]): VisiblePart[] {
  const parts: VisiblePart[] = [];
  for (const row of rows.toSorted((a, b) => a.order - b.order)) if (row.endMs > row.startMs) lay(parts, row);
  return parts;
}

/** Puts a segment over those before it. */
function lay(parts: VisiblePart[], row: SegmentRow): void {
  const part = { row, fromMs: row.startMs, toMs: row.endMs };
  const first = firstEndingAfter(parts, row.startMs);
  let next = first;
  const around: VisiblePart[] = [part];
  for (let under = parts[next]; under && under.fromMs < row.endMs; under = parts[next]) {
    if (under.fromMs < row.startMs) around.unshift({ ...under, toMs: row.startMs });
    if (under.toMs > row.endMs) around.push({ ...under, fromMs: row.endMs });
    next += 1;
  }
  parts.splice(first, next - first, ...around);
}

/** Its place; the length when there is none. Looks at the end first, where it nearly always is. */
function firstEndingAfter(parts: readonly VisiblePart[], ms: number): number {
  let [low, high] = [0, parts.length];
  const last = parts.at(-1);
  if (!last || last.toMs <= ms) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((parts[middle] as VisiblePart).toMs > ms) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The parts between two times, cut to them. */
export function partsBetween(parts: readonly VisiblePart[], fromMs: number, toMs: number): VisiblePart[] {
  return parts.flatMap((part) => {
    const [from, to] = [Math.max(part.fromMs, fromMs), Math.min(part.toMs, toMs)];
    return from < to ? [{ row: part.row, fromMs: from, toMs: to }] : [];
  });
}

/**
 * The gaps between parts and behind the last one. Before the first part nothing is said: nobody knows since when what was
 * removed there had been recorded.
 *
 * @param open Nothing is recorded now, since then.
 */
export function gapsBetween(parts: readonly VisiblePart[], open: Gap | undefined): Gap[] {
  const gaps = parts.flatMap((part, i) => gapsBefore(part, parts[i - 1]));
  if (!open) return gaps;
  const end = parts.at(-1)?.toMs ?? 0;
  return [...gaps, { ...open, fromMs: Math.max(open.fromMs, end) }];
}

/** What was removed behind the part before, then what was not recorded. */
function gapsBefore({ row, fromMs }: VisiblePart, before: VisiblePart | undefined): Gap[] {
  const noted = fromMs === row.startMs ? row.gap : null;
  const follows = before !== undefined && before.row.order + 1 === row.order;
  const since = Math.max(noted?.sinceMs ?? (follows ? before.toMs : fromMs), before?.toMs ?? 0);
  const gaps: Gap[] = [];
  if (before && wasRemoved(before, row, since)) gaps.push({ fromMs: before.toMs, toMs: since, reason: 'removed' });
  if (noted ? since < fromMs : fromMs - since > UNEXPLAINED_MS)
    gaps.push({ fromMs: since, toMs: fromMs, reason: noted?.reason ?? 'node_down' });
  return gaps;
}

/**
 * Whether segments lay between a part and the next one that are not there any more: their numbers are missing. Not where the
 * next one was not read, or notes a gap and does not know since when; nor where the clock was set, and the numbers are in another order.
 */
function wasRemoved(before: VisiblePart, row: SegmentRow, untilMs: number): boolean {
  const sinceKnown = row.read && row.gap?.sinceMs !== null;
  return sinceKnown && row.order > before.row.order + 1 && untilMs - before.toMs > UNEXPLAINED_MS;
}

/** The gaps between two times, cut to them. A gap that lasts keeps having no end. */
export function gapsWithin(gaps: readonly Gap[], fromMs: number, toMs: number): Gap[] {
  return gaps.flatMap((gap) => {
    const from = Math.max(gap.fromMs, fromMs);
    const to = gap.toMs === null ? null : Math.min(gap.toMs, toMs);
    return from < (to ?? toMs) ? [{ fromMs: from, toMs: to, reason: gap.reason }] : [];
  });
}

/**
 * Parts that follow each other, as one span each.
 *
 * @param byEvent Whether a span also ends where footage of an event begins or ends.
 */
export function spansOf(parts: readonly VisiblePart[], byEvent = false): RecordedSpan[] {
  const spans: { fromMs: number; toMs: number; event: boolean }[] = [];
  for (const { row, fromMs, toMs } of parts) {
    const last = spans.at(-1);
    const apart = last ? fromMs - last.toMs : 0;
    const noted = apart > 0 && row.gap !== null && fromMs === row.startMs;
    if (!last || apart > JOIN_MS || noted || (byEvent && last.event !== row.event)) {
      spans.push({ fromMs, toMs, event: row.event });
      continue;
    }
    last.toMs = toMs;
    last.event ||= row.event;
  }
  return spans;
}
