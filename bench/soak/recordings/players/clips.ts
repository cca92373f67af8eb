import type { SoakRun } from '../../soak-run.ts';
import { type Footage, type RecordedPicture, shown } from './footage.ts';
import { printed } from './limits.ts';

/** A picture that ffmpeg decoded. */
export interface Frame {
  readonly hash: string;
  /** Milliseconds of the clip. */
  readonly shownMs: number;
}

/** A clip as it was downloaded. Wall times, milliseconds. */
export interface Download {
  readonly bytes: Buffer;
  readonly fromMs: number;
  readonly toMs: number;
  /** Requests that it took. */
  readonly requests: number;
}

/** A range of time. Wall milliseconds. */
export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

const DECODE_MS = 60_000;
/** A clip ends with the half second of recording that holds its end. */
const MOST_BEHIND_MS = 1_000;
const ROUNDING_MS = 2;

/** Decodes the pictures of a file, of a clip from standard input with `-`. @throws Error with what ffmpeg complains of. */
export async function framesOf(run: SoakRun, path: string, bytes?: Uint8Array): Promise<Frame[]> {
  const input = path === '-' ? 'pipe:0' : path;
  const args = ['-v', 'error', '-threads', '1', '-i', input, '-map', '0:v:0', '-vsync', 'passthrough'];
  const output = ['-enc_time_base', '-1', '-f', 'framemd5', '-'];
  const { code, out, err } = await printed(run, DECODE_MS, ['ffmpeg', ...args, ...output], bytes);
  if (code !== 0 || err !== '') throw new Error(`ffmpeg: ${err.trim() || code}`);
  const [, up = 1, down = 1] = /^#tb 0: (\d+)\/(\d+)$/m.exec(out)?.map(Number) ?? [];
  return [...out.matchAll(/^0,\s*-?\d+,\s*(-?\d+),.*,\s*([0-9a-f]{32})$/gm)].map(([, pts, hash = '']) => ({
    hash,
    shownMs: (Number(pts) * up * 1000) / down,
  }));
}

/** Downloads a clip in one request. @throws Error for an answer that is no clip. */
export async function whole({ signal }: SoakRun, url: string): Promise<Download> {
  const answer = await fetch(url, { signal });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) throw new Error(`${answer.status} ${bytes.toString('utf8', 0, 300)}`);
  if (Number(answer.headers.get('content-length')) !== bytes.byteLength) throw new Error('a clip of another length');
  return { bytes, ...timesOf(answer), requests: 1 };
}

/** Downloads a clip in pieces of random lengths, in random order. @param random From 0 to below 1. */
export async function inPieces({ signal }: SoakRun, url: string, random: () => number): Promise<Download> {
  const first = await piece(signal, url, 0, Math.floor(random() * 4096));
  const bytes = Buffer.alloc(first.total);
  first.bytes.copy(bytes);
  const cuts = [first.bytes.byteLength, bytes.byteLength, ...Array.from({ length: 6 }, () => random() * first.total)]
    .map((cut) => Math.max(first.bytes.byteLength, Math.floor(cut)))
    .sort((a, b) => a - b);
  const spans = cuts.slice(1).map((to, i) => ({ from: cuts[i] as number, to, key: random() }));
  const ordered = spans.filter(({ from, to }) => to > from).sort((a, b) => a.key - b.key);
  for (const { from, to } of ordered) {
    const next = await piece(signal, url, from, to - 1, first.tag);
    if (next.total !== first.total || next.bytes.byteLength !== to - from) throw new Error('a piece of another length');
    next.bytes.copy(bytes, from);
  }
  return { bytes, fromMs: first.fromMs, toMs: first.toMs, requests: ordered.length + 1 };
}

interface ClipPiece extends Range {
  readonly bytes: Buffer;
  readonly total: number;
  readonly tag: string;
}

/** @param to The last byte, included. @param tag The clip must still be this one. */
async function piece(signal: AbortSignal, url: string, from: number, to: number, tag?: string): Promise<ClipPiece> {
  const headers = { range: `bytes=${from}-${to}`, ...(tag ? { 'if-range': tag } : {}) };
  const answer = await fetch(url, { signal, headers });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const [, start, , total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers.get('content-range') ?? '') ?? [];
  if (answer.status !== 206 || Number(start) !== from)
    throw new Error(`bytes ${from} to ${to}: ${answer.status} ${answer.headers.get('content-range')}`);
  return { bytes, total: Number(total), tag: answer.headers.get('etag') ?? '', ...timesOf(answer) };
}

function timesOf({ headers }: Response): Range {
  const [fromMs, toMs] = ['x-vigia-from', 'x-vigia-to'].map((name) => Date.parse(headers.get(name) ?? ''));
  return { fromMs: fromMs as number, toMs: toMs as number };
}

/** What is wrong with a clip: a sentence each. @param hashes Of the pictures that the camera has, by number. */
export function wrongClip(
  footage: Footage,
  hashes: readonly string[],
  { fromMs, toMs }: Range,
  download: Pick<Download, 'fromMs' | 'toMs'>,
  frames: readonly Frame[],
): string[] {
  const { pictures, frameMs } = footage;
  const begins = [-ROUNDING_MS, 0, ROUNDING_MS].map((ms) => beginOf(pictures, fromMs + ms));
  const begin = begins.find((at) => Math.abs((pictures[at]?.wallMs ?? 0) - download.fromMs) <= ROUNDING_MS);
  if (begin === undefined) return ['it does not begin at the keyframe at or before its time'];
  const own = pictures.slice(begin, begin + frames.length);
  const wanted = shown(own);
  const absent = pictures.slice(begin + frames.length).filter(({ wallMs }) => wallMs < toMs - ROUNDING_MS).length;
  const behindMs = (wanted.at(-1)?.wallMs ?? 0) - toMs;
  const other = frames.filter(({ hash }, i) => hash !== hashes[wanted[i]?.number ?? -1]).length;
  const moved = frames.filter((frame, i) => Math.abs(offsetMs(frames, i) - offsetMs(wanted, i)) > ROUNDING_MS).length;
  const endMs = (wanted.at(-1)?.wallMs ?? 0) + frameMs;
  return [
    ...(absent > 0 ? [`it lacks ${absent} pictures that were shown before its end`] : []),
    ...(behindMs > MOST_BEHIND_MS ? [`it ends ${behindMs.toFixed(0)} ms too late`] : []),
    ...(other > 0 ? [`${other} of its ${frames.length} pictures are not those of the camera`] : []),
    ...(moved > 0 ? [`${moved} of its pictures have another time`] : []),
    ...(Math.abs(endMs - download.toMs) > frameMs
      ? [`it ends ${(endMs - download.toMs).toFixed(0)} ms from X-Vigia-To`]
      : []),
  ];
}

/** When a picture is shown, from the first one of its list. */
function offsetMs(list: readonly (Frame | RecordedPicture)[], i: number): number {
  const at = (one: Frame | RecordedPicture | undefined): number =>
    one && 'wallMs' in one ? one.wallMs : (one?.shownMs ?? 0);
  return at(list[i]) - at(list[0]);
}

/** Where a clip from a time on must begin: the last keyframe at or before it; in a gap, the first one behind the gap. */
function beginOf(pictures: readonly RecordedPicture[], fromMs: number): number {
  const last = pictures.findLastIndex(({ keyframe, wallMs }) => keyframe && wallMs <= fromMs);
  const isInGap = last < 0 || (pictures[last]?.endMs ?? 0) <= fromMs;
  return isInGap ? pictures.findIndex(({ keyframe, wallMs }) => keyframe && wallMs > fromMs) : last;
}

/** From a mark into the picture that follows it. */
const INSIDE_BYTES = 600;

/** Where the coded data of the first picture begins: behind its mark. */
export function inFirstPicture(clip: Buffer, mark: Buffer): number {
  return clip.indexOf(mark) + mark.byteLength + INSIDE_BYTES;
}
