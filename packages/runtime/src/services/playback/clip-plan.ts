import { VigiaError } from '@vigia/base';
import type { AbsenceReason, FootageView, Piece } from '#core/footage';
import { digest, type MovieInit } from './movie-init.ts';
import { type MappedFragment, type SegmentMap, shiftTo } from './segment-map.ts';
import type { SegmentMaps } from './segment-maps.ts';
import { type MappedPiece, mappedPieces, type Wanted } from './segments.ts';

/** A part of a segment's file that becomes part of a clip: whole fragments. */
export interface Extent {
  readonly piece: Piece;
  /** Of the file that was planned: see `SegmentMap`. */
  readonly identity: string;
  /** Bytes of the file. */
  readonly from: number;
  readonly to: number;
  /** What is added to decode times, ticks of each track by its id. */
  readonly shifts: ReadonlyMap<number, number>;
  /** Sequence number of its first fragment. */
  readonly sequence: number;
}

/** Time without footage. Wall times, milliseconds since 1970; null: still open. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number | null;
  readonly reason: AbsenceReason;
}

/** A clip, before a byte of it is sent. Its length does not change, even if its last segment grows. */
export interface ClipPlan {
  readonly camera: string;
  readonly init: MovieInit;
  readonly extents: readonly Extent[];
  /** Length, bytes. */
  readonly bytes: number;
  /** When the first picture was shown, and when the last one was over. Wall times, milliseconds since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly gaps: readonly Gap[];
  /** Why it ends before the wanted time: the camera's pictures or sound have another format from there on. */
  readonly ends: 'format' | undefined;
  /** Strong: two clips with the same tag are equal byte by byte. */
  readonly tag: string;
}

/**
 * Pictures of two segments may overlap by so much, because clocks are corrected: the later segment is then shown later, up to its
 * end. With more, what the later one hides is left out. Milliseconds.
 */
export const OVERLAP_MS = 250;
/** Sound may be late by so much, so that it does not overlap that of the segment before. Not noticed by a viewer. */
const SOUND_LATE_MS = 100;
/** Times that were rounded to a millisecond are equal. */
const ROUNDED_MS = 1;

/** The fragments of a segment that are wanted: indices, the last one not included. */
export interface Chosen {
  readonly from: number;
  readonly to: number;
}

/**
 * Plans a clip from the last keyframe at or before a time up to the fragment that holds another one.
 *
 * @throws VigiaError `no_footage` when nothing of it is recorded, `footage_failed` when a file cannot be read; the signal's reason.
 */
export async function planClip(
  view: FootageView,
  maps: SegmentMaps,
  wanted: Wanted,
  signal?: AbortSignal,
): Promise<ClipPlan> {
  const planning = new Planning(wanted);
  for await (const one of mappedPieces(view, maps, wanted, signal)) if (!planning.add(one)) break;
  return planning.result(view);
}

/**
 * The fragments of a segment that belong to a range of time.
 *
 * @param first Whether nothing is before them: then they begin at the last keyframe at or before the time.
 */
export function chooseFragments(
  { map, piece, last }: MappedPiece,
  wanted: Pick<Wanted, 'fromMs' | 'toMs'>,
  first: boolean,
): Chosen | undefined {
  const { fragments, note } = map;
  const from = first
    ? firstOfClip(fragments, Math.max(wanted.fromMs, piece.fromMs) - note.start_ms)
    : firstVisible(fragments, piece.fromMs - note.start_ms);
  const hiddenMs = last ? Number.POSITIVE_INFINITY : piece.toMs - note.start_ms + OVERLAP_MS;
  let to = from;
  fragments.forEach((one, i) => {
    if (i >= from && one.fromMs < wanted.toMs - note.start_ms && one.toMs <= hiddenMs) to = i + 1;
  });
  return from < 0 || to <= from ? undefined : { from, to };
}

/** The last keyframe at or before a time, or the first one. */
function firstOfClip(fragments: readonly MappedFragment[], ms: number): number {
  const last = fragments.findLastIndex(({ keyframe, firstMs }) => keyframe && firstMs <= ms + ROUNDED_MS / 2);
  return last >= 0 ? last : fragments.findIndex(({ keyframe }) => keyframe);
}

/** The first keyframe of what a later segment does not hide. */
function firstVisible(fragments: readonly MappedFragment[], ms: number): number {
  return fragments.findIndex(({ keyframe, firstMs }) => keyframe && firstMs >= ms - ROUNDED_MS);
}

/** Puts extents one behind the other. */
class Planning {
  readonly #wanted: Wanted;
  readonly #extents: Extent[] = [];
  #init: MovieInit | undefined;
  /** The wall time of time 0 of the clip. */
  #zeroMs = 0;
  #fromMs = 0;
  #toMs = 0;
  #bytes = 0;
  #sequence = 1;
  #ends: 'format' | undefined;
  /** Behind the decode time of the last sample of each track, in the clip. */
  readonly #decoded = new Map<number, number>();

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  /** Returns false when the clip ends before this piece. */
  add(one: MappedPiece): boolean {
    const { piece, map } = one;
    const first = this.#init === undefined;
    const chosen = chooseFragments(one, this.#wanted, first);
    if (!chosen) return true;
    if (this.#init && !fits(map.init, this.#init)) {
      this.#ends = 'format';
      return false;
    }
    if (first) this.#begin(map, chosen.from);
    this.#append(piece, map, chosen);
    return true;
  }

  /** @throws VigiaError `no_footage` */
  result(view: FootageView): ClipPlan {
    const { camera, fromMs, toMs } = this.#wanted;
    if (!this.#init) throw noFootage(view, this.#wanted);
    const end = this.#ends ? this.#toMs : toMs;
    const identity = this.#extents.flatMap(({ identity: one, from, to, shifts }) => [
      one,
      ...[from, to, ...shifts.values()].map(String),
    ]);
    return {
      camera,
      init: this.#init,
      extents: this.#extents,
      bytes: this.#bytes,
      fromMs: this.#fromMs,
      toMs: this.#toMs,
      gaps: view.gaps(camera, Math.min(fromMs, this.#fromMs), end),
      ends: this.#ends,
      tag: digest([digest([this.#init.bytes]), ...identity]),
    };
  }

  #begin({ init, note, fragments, originTicks }: SegmentMap, from: number): void {
    this.#init = init;
    this.#bytes = init.bytes.byteLength;
    const fragment = fragments[from] as MappedFragment;
    const originMs = (originTicks / init.video.timescale) * 1000;
    const starts = fragment.parts.map((part) => (part.decodedFrom / scaleOf(init, part.trackId)) * 1000);
    this.#zeroMs = note.start_ms - originMs + Math.min(...starts);
    this.#fromMs = note.start_ms + fragment.firstMs;
  }

  #append(piece: Piece, map: SegmentMap, chosen: Chosen): void {
    const from = this.#withoutOverlap(map, chosen);
    if (from === undefined) return;
    const { identity, fragments, note } = map;
    const some = fragments.slice(from, chosen.to);
    const [begin, end] = [some[0] as MappedFragment, some.at(-1) as MappedFragment];
    const shifts = this.#shifts(map, from, this.#delayMs(map, from));
    const extent = {
      piece,
      identity,
      from: begin.offset,
      to: end.offset + end.bytes,
      shifts,
      sequence: this.#sequence,
    };
    this.#extents.push(extent);
    this.#bytes += extent.to - extent.from;
    this.#sequence += some.length;
    for (const { parts, pictures, toMs } of some) {
      if (pictures > 0) this.#toMs = Math.max(this.#toMs, note.start_ms + toMs);
      for (const { trackId, decodedLast } of parts)
        this.#decoded.set(trackId, decodedLast + 1 + (shifts.get(trackId) ?? 0));
    }
  }

  /** The first keyframe that is not decoded long before the end of what the clip has already. */
  #withoutOverlap(map: SegmentMap, { from, to }: Chosen): number | undefined {
    for (let i = from; i < to; i += 1) if (map.fragments[i]?.keyframe && this.#delayMs(map, i) <= OVERLAP_MS) return i;
    return undefined;
  }

  /** By how much a segment must be late, so that decode times of its pictures never go back. */
  #delayMs(map: SegmentMap, from: number): number {
    const { video } = map.init;
    return (this.#behind(map, from, video.id, shiftTo(map, video, this.#zeroMs)) / video.timescale) * 1000;
  }

  /** By how many ticks a track begins before the end of what the clip has of it. */
  #behind({ fragments }: SegmentMap, from: number, trackId: number, shift: number): number {
    const part = fragments[from]?.parts.find((one) => one.trackId === trackId);
    return part ? Math.max(0, (this.#decoded.get(trackId) ?? 0) - part.decodedFrom - shift) : 0;
  }

  /** Sound that begins a little before that of the segment before it ends is late by itself. */
  #shifts(map: SegmentMap, from: number, delayMs: number): Map<number, number> {
    const shifts = new Map<number, number>();
    for (const track of map.init.tracks) {
      const shift = shiftTo(map, track, this.#zeroMs - delayMs);
      const behind = track.kind === 'audio' ? this.#behind(map, from, track.id, shift) : 0;
      shifts.set(track.id, shift + Math.min(behind, Math.round((SOUND_LATE_MS / 1000) * track.timescale)));
    }
    return shifts;
  }
}

function scaleOf({ tracks }: MovieInit, trackId: number): number {
  return tracks.find(({ id }) => id === trackId)?.timescale ?? 1;
}

/** Whether every track of an init can be played with another one. */
function fits({ formats }: MovieInit, other: MovieInit): boolean {
  return [...formats].every(([id, format]) => other.formats.get(id) === format);
}

/** How far to search for the nearest footage: an hour, a day, a month, for ever. Milliseconds. */
const SEARCH_MS = [3_600_000, 86_400_000, 31 * 86_400_000, 8e15];

/** There is no footage in a range: the sentence names the nearest. */
export function noFootage(view: FootageView, { camera, fromMs, toMs }: Wanted): VigiaError {
  const what = fromMs === toMs ? `at ${iso(fromMs)}` : `from ${iso(fromMs)} to ${iso(toMs)}`;
  const nearest = nearestTo(view, { camera, fromMs, toMs });
  const where = nearest === undefined ? 'nothing of it is recorded' : `the nearest footage is at ${iso(nearest)}`;
  return new VigiaError('no_footage', `camera ${camera} has no footage ${what}; ${where}`);
}

function nearestTo(view: FootageView, { camera, fromMs, toMs }: Wanted): number | undefined {
  for (const ms of SEARCH_MS) {
    const pieces = view.pieces(camera, Math.max(0, fromMs - ms), Math.min(8.64e15, toMs + ms));
    const before = pieces.findLast((piece) => piece.toMs <= fromMs)?.toMs;
    const after = pieces.find((piece) => piece.fromMs >= toMs)?.fromMs;
    if (before !== undefined && (after === undefined || fromMs - before < after - toMs)) return before;
    if (after !== undefined) return after;
  }
  return undefined;
}

/** A wall time for people and headers. */
export function iso(wallMs: number): string {
  return new Date(Math.round(wallMs)).toISOString();
}
