import type { AbsenceReason, FootageView } from '#core/footage';
import { type ClipPlan, type Gap, iso, planClip } from './clip-plan.ts';
import { sendFootage, type Sink, type Span } from './clip-stream.ts';
import type { Body } from './reply.ts';
import { SegmentMaps } from './segment-maps.ts';
import type { Wanted } from './segments.ts';

/** A clip as JSON describes it. Times as ISO 8601. */
export interface ClipFacts {
  /** When its first picture was shown, and when its last one was over. Milliseconds since 1970. */
  readonly from_ms: number;
  readonly to_ms: number;
  readonly gaps: readonly { readonly from_ms: number; readonly to_ms: number | null; readonly reason: AbsenceReason }[];
  /** Parts of recordings in it. */
  readonly segments: number;
  readonly bytes: number;
  /** `format`: it ends early, because the camera's format changes. */
  readonly ends: 'format' | null;
}

/** What JSON says of a clip. */
export function factsOf({ fromMs, toMs, gaps, extents, bytes, ends }: ClipPlan): ClipFacts {
  return {
    from_ms: fromMs,
    to_ms: toMs,
    gaps: gaps.map(gapFacts),
    segments: extents.length,
    bytes,
    ends: ends ?? null,
  };
}

function gapFacts({ fromMs, toMs, reason }: Gap): ClipFacts['gaps'][number] {
  return { from_ms: fromMs, to_ms: toMs, reason };
}

/** A clip as the body of an answer. @param name Of a file that it is saved in. */
export function clipBody(plan: ClipPlan, view: FootageView, name: string): Body {
  return {
    type: 'video/mp4',
    bytes: plan.bytes,
    tag: plan.tag,
    headers: { ...headersOf(plan), 'Content-Disposition': `inline; filename="${name}"` },
    send: (span, sink) => sendClip(plan, view, span, sink),
  };
}

/** What the headers of an answer say of a clip. */
export function headersOf({ fromMs, toMs, gaps, ends }: ClipPlan): Record<string, string> {
  const facts = { 'X-Vigia-From': iso(fromMs), 'X-Vigia-To': iso(toMs), 'X-Vigia-Gaps': String(gaps.length) };
  return ends ? { ...facts, 'X-Vigia-Ends': ends } : facts;
}

/** Sends bytes of a clip. @throws as {@link sendFootage} does. */
export function sendClip(
  { camera, init, extents }: ClipPlan,
  view: FootageView,
  span: Span,
  sink: Sink,
): Promise<void> {
  return sendFootage({ camera, head: init.bytes, tracks: init.tracks, extents }, view, span, sink);
}

/**
 * Writes a clip from the last keyframe at or before a time up to the fragment that holds another one.
 *
 * @returns What was written.
 * @throws VigiaError `no_footage`, `footage_failed`; `footage_changed` when a file vanished meanwhile; what the sink throws.
 */
export async function writeClip(view: FootageView, wanted: Wanted, sink: Sink): Promise<ClipPlan> {
  const plan = await planClip(view, new SegmentMaps(), wanted);
  await sendClip(plan, view, { from: 0, to: plan.bytes }, sink);
  return plan;
}
