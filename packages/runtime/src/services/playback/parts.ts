import { UsageError, VigiaError } from '@vigia/base';
import type { FootageView, Piece } from '#core/footage';
import { chooseFragments, noFootage, OVERLAP_MS } from './clip-plan.ts';
import { sendFootage } from './clip-stream.ts';
import { digest } from './movie-init.ts';
import type { Body } from './reply.ts';
import { type MappedFragment, type SegmentMap, shiftTo } from './segment-map.ts';
import type { SegmentMaps } from './segment-maps.ts';
import { mapPiece, mappedPieces, type Wanted } from './segments.ts';

/** A part of a playlist: fragments of one segment from a keyframe on, without a hole. */
export interface Part {
  readonly order: number;
  /** Bytes of the segment's file. */
  readonly from: number;
  readonly to: number;
  /** When its first picture is shown, and when its last one is over. Wall times, milliseconds since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Parts of the same format can be played with the same init. */
  readonly format: string;
}

/** What names a part in a request. */
export interface PartName {
  readonly camera: string;
  readonly order: number;
  /** A wall time in the part, milliseconds since 1970: where the index looks for the segment. */
  readonly atMs: number;
  /** Bytes of the segment's file. */
  readonly from: number;
  readonly to: number;
  /** The wall time that is time 0 of the playlist, milliseconds since 1970. */
  readonly zeroMs: number;
}

/** A part is at least so long, up to the next keyframe. Milliseconds. */
const PART_MS = 6_000;
/** A player stops where nothing is shown for longer than this. Milliseconds. */
const HOLE_MS = 100;
/** Parts are asked for by times that were rounded. Milliseconds. */
const NEAR_MS = 2_000;
/** Longest playlist, and what may lie before its first part. Milliseconds. */
const ZERO_MS = 25 * 3_600_000;
/** Most bytes of a part. */
const PART_BYTES = 2 ** 30;

/** The parts of a range, in order of time. @throws VigiaError `no_footage`, `footage_failed`; the signal's reason. */
export async function partsOf(
  view: FootageView,
  maps: SegmentMaps,
  wanted: Wanted,
  signal?: AbortSignal,
): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for await (const one of mappedPieces(view, maps, wanted, signal)) {
    const { map } = one;
    const chosen = chooseFragments(one, wanted, parts.length === 0);
    if (!chosen) continue;
    const some = partsOfSegment(map, map.fragments.slice(chosen.from, chosen.to));
    const endMs = (parts.at(-1)?.toMs ?? 0) - OVERLAP_MS;
    parts.push(...some.filter(({ fromMs }) => fromMs >= endMs));
  }
  if (parts.length === 0) throw noFootage(view, wanted);
  return parts;
}

/** Whether a player must expect a jump between two parts. */
export function isJump(before: Part, after: Part): boolean {
  return before.format !== after.format || Math.abs(after.fromMs - before.toMs) > HOLE_MS;
}

function partsOfSegment(map: SegmentMap, fragments: readonly MappedFragment[]): Part[] {
  const groups: MappedFragment[][] = [];
  let group: MappedFragment[] | undefined;
  for (const fragment of fragments) {
    const last = group?.at(-1);
    // Behind a hole, nothing can be played before the next keyframe.
    if (last && holeMs(map, last, fragment) > HOLE_MS) group = undefined;
    const isFull = group !== undefined && fragment.firstMs - (group[0]?.firstMs ?? 0) >= PART_MS;
    if (fragment.keyframe && (isFull || !group)) groups.push((group = []));
    group?.push(fragment);
  }
  return groups.map((one) => partOf(map, one));
}

/** Time between two fragments in which no picture is decoded. */
function holeMs({ init }: SegmentMap, before: MappedFragment, after: MappedFragment): number {
  const [a, b] = [before, after].map(({ parts }) => parts.find(({ trackId }) => trackId === init.video.id));
  return a && b ? ((b.decodedFrom - a.decodedEnd) / init.video.timescale) * 1000 : 0;
}

function partOf({ note, init }: SegmentMap, fragments: readonly MappedFragment[]): Part {
  const [first, last] = [fragments[0], fragments.at(-1)] as [MappedFragment, MappedFragment];
  const pictures = fragments.filter((one) => one.pictures > 0);
  return {
    order: note.order,
    from: first.offset,
    to: last.offset + last.bytes,
    fromMs: note.start_ms + first.firstMs,
    toMs: note.start_ms + pictures.reduce((most, { toMs }) => Math.max(most, toMs), 0),
    format: init.format,
  };
}

/**
 * A part as the body of an answer.
 *
 * @throws VigiaError `no_part` when the index or the file has no such part (any more); UsageError for times that make no sense.
 */
export async function partBody(view: FootageView, maps: SegmentMaps, name: PartName): Promise<Body> {
  const { camera, from, to, atMs, zeroMs } = name;
  if (zeroMs > atMs || atMs - zeroMs > ZERO_MS) throw new UsageError('zero: up to 25 hours before at');
  const { piece, map } = await segmentOf(view, maps, name);
  const first = map.fragments.findIndex(({ offset, keyframe }) => offset === from && keyframe);
  const last = map.fragments.findIndex(({ offset, bytes }) => offset + bytes === to);
  if (first < 0 || last < first || to - from > PART_BYTES) throw noPart(name);
  const { init, identity } = map;
  const shifts = new Map(init.tracks.map((track) => [track.id, shiftTo(map, track, zeroMs)]));
  const extent = { piece, identity, from, to, shifts, sequence: first + 1 };
  return {
    type: 'video/iso.segment',
    bytes: to - from,
    tag: digest([identity, ...[from, to, ...shifts.values()].map(String)]),
    send: (span, sink) =>
      sendFootage({ camera, head: Buffer.alloc(0), tracks: init.tracks, extents: [extent] }, view, span, sink),
  };
}

/** The init of a segment as the body of an answer. @throws VigiaError `no_part` */
export async function initBody(
  view: FootageView,
  maps: SegmentMaps,
  name: Pick<PartName, 'camera' | 'order' | 'atMs'>,
): Promise<Body> {
  const { init } = (await segmentOf(view, maps, name)).map;
  return {
    type: 'video/mp4',
    bytes: init.bytes.byteLength,
    tag: digest([init.bytes]),
    send: ({ from, to }, sink) => sink(init.bytes.subarray(from, to)),
  };
}

async function segmentOf(
  view: FootageView,
  maps: SegmentMaps,
  name: Pick<PartName, 'camera' | 'order' | 'atMs'>,
): Promise<{ readonly piece: Piece; readonly map: SegmentMap }> {
  const { camera, order, atMs } = name;
  const pieces = view.pieces(camera, Math.max(0, atMs - NEAR_MS), atMs + NEAR_MS);
  const piece = pieces.find((one) => one.order === order);
  const found = piece && (await mapPiece(view, maps, camera, piece));
  if (!found) throw noPart(name);
  return found;
}

function noPart({ camera, order }: Pick<PartName, 'camera' | 'order'>): VigiaError {
  return new VigiaError('no_part', `camera ${camera} has no such part of recording ${order} (any more)`);
}
