import type { VigiaNode } from '../../support/vigia-node.ts';
import type { Recorded } from './files.ts';

/** What the API says of one camera. */
export interface Listed {
  readonly spans: readonly { readonly from_ms: number; readonly to_ms: number }[];
  readonly gaps: readonly { readonly from_ms: number; readonly to_ms: number | null; readonly reason: string }[];
}

/** Parts this near to each other may be one span. Milliseconds. */
const JOIN_MS = 1_000;
/** Of times that are rounded. Milliseconds. */
const EXACT_MS = 2;
/** A longer pause has to be a gap. Milliseconds. */
const GAP_MS = 2_000;

/** Spans and gaps of all cameras, of the last day. */
export async function listed(node: VigiaNode): Promise<Readonly<Record<string, Listed>>> {
  const answer = JSON.parse(await node.ask('GET', '/api/v1/recordings')) as { cameras: Record<string, Listed> };
  return answer.cameras;
}

/** Where the index and the files of a camera disagree, a sentence each. @param files In order. */
export function disagreements(camera: string, { spans, gaps }: Listed, files: readonly Recorded[]): string[] {
  const out: string[] = [];
  const about = (ms: number): string => new Date(ms).toISOString().slice(11, 23);
  for (const { fromMs, toMs, path } of files) {
    const inside = spans.some((span) => span.from_ms <= fromMs + EXACT_MS && span.to_ms >= toMs - EXACT_MS);
    if (!inside) out.push(`${camera}: ${path} (${about(fromMs)} to ${about(toMs)}) is in no span of the index`);
  }
  for (const { from_ms: from, to_ms: to } of spans) {
    const hole = longestHole(from, to, files);
    if (hole > JOIN_MS + EXACT_MS)
      out.push(`${camera}: the span from ${about(from)} has ${hole.toFixed(0)} ms in no file`);
  }
  for (const [i, file] of files.entries()) {
    const before = files[i - 1];
    const pause = before ? file.fromMs - before.toMs : 0;
    if (!before || pause <= GAP_MS) continue;
    const known = gaps.some(
      (gap) => gap.from_ms <= before.toMs + JOIN_MS && (gap.to_ms ?? Infinity) >= file.fromMs - EXACT_MS,
    );
    const nearby = gaps.map((gap) => `${about(gap.from_ms)} to ${gap.to_ms === null ? 'now' : about(gap.to_ms)}`);
    const others = nearby.length > 0 ? `: it has ${nearby.slice(0, 8).join(', ')}` : '';
    if (!known)
      out.push(
        `${camera}: the pause of ${pause.toFixed(0)} ms before ${about(file.fromMs)} is no gap of the index${others}`,
      );
  }
  for (const gap of gaps) {
    const inside = files.find((file) => overlapMs(file, gap.from_ms, gap.to_ms ?? Infinity) > EXACT_MS);
    if (inside) out.push(`${camera}: the gap from ${about(gap.from_ms)} (${gap.reason}) lies over ${inside.path}`);
  }
  return out;
}

/** Segments that begin before the one in front of them ends, a sentence each. @param slackMs Of a frame's length. */
export function overlaps(files: readonly Recorded[], slackMs: number): string[] {
  return files.flatMap((file, i) => {
    const before = files[i - 1];
    if (!before || before.camera !== file.camera || file.fromMs >= before.toMs - slackMs) return [];
    return [`${file.path} begins ${(before.toMs - file.fromMs).toFixed(0)} ms before the end of the segment before it`];
  });
}

function overlapMs({ fromMs, toMs }: Recorded, from: number, to: number): number {
  return Math.min(toMs, to) - Math.max(fromMs, from);
}

function longestHole(from: number, to: number, files: readonly Recorded[]): number {
  let [at, longest] = [from, 0];
  for (const file of files.toSorted((a, b) => a.fromMs - b.fromMs)) {
    if (file.toMs <= at) continue;
    if (file.fromMs >= to) break;
    longest = Math.max(longest, file.fromMs - at);
    at = file.toMs;
  }
  return Math.max(longest, to - at);
}
