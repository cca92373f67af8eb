import { open } from 'node:fs/promises';
import { codeOf, VigiaError } from '@vigia/base';
import type { FootageView, Piece } from '#core/footage';
import { noFootage } from './clip-plan.ts';
import { readFragment, type Sample } from './movie-fragment.ts';
import { type MappedFragment, readBytes, type SegmentMap } from './segment-map.ts';
import type { SegmentMaps } from './segment-maps.ts';
import { mapPiece, mappedPieces } from './segments.ts';

/** The coded pictures that lead to a picture. */
export interface PicturePath {
  readonly map: SegmentMap;
  /** From a keyframe on, in decoding order. The last one is wanted, but for those that are shown after it. */
  readonly pictures: readonly CodedPicture[];
  /** Index of the wanted one. */
  readonly wanted: number;
  readonly file: string;
}

/** Where a coded picture is. */
export interface CodedPicture {
  /** Bytes of the file. */
  readonly offset: number;
  readonly bytes: number;
  /** When it was shown. Wall time, milliseconds since 1970. */
  readonly shownMs: number;
}

/** A thumbnail shows a picture at most so far away. Milliseconds. */
const NEAR_MS = 10_000;
/** Pictures from a keyframe up to the wanted one, at most: behind them, an earlier one is shown. */
const PICTURES = 3_000;
/** Largest coded picture, bytes. */
const PICTURE_BYTES = 16 * 1024 * 1024;
/** Times that were rounded to a millisecond are equal. */
const ROUNDED_MS = 0.5;

/** Finds the picture that was shown at a time. @throws VigiaError `no_footage`, `footage_failed` */
export async function pathToPicture(
  view: FootageView,
  maps: SegmentMaps,
  camera: string,
  atMs: number,
): Promise<PicturePath> {
  const piece = view.pieces(camera, atMs, atMs + 1).find(({ fromMs, toMs }) => fromMs < atMs + 1 && toMs > atMs);
  const found = piece && (await mapPiece(view, maps, camera, piece));
  const path = found && (await pathIn(found.map, found.piece, atMs));
  if (!path) throw noFootage(view, { camera, fromMs: atMs, toMs: atMs });
  return path;
}

/** Finds the keyframe that is nearest to a time. @throws VigiaError `no_footage`, `footage_failed` */
export async function pathToKeyframe(
  view: FootageView,
  maps: SegmentMaps,
  camera: string,
  atMs: number,
): Promise<PicturePath> {
  let nearest: { readonly map: SegmentMap; readonly piece: Piece; readonly shownMs: number } | undefined;
  const wanted = { camera, fromMs: Math.max(0, atMs - NEAR_MS), toMs: atMs + NEAR_MS };
  for await (const { piece, map } of mappedPieces(view, maps, wanted)) {
    for (const { keyframe, firstMs } of map.fragments) {
      const shownMs = map.note.start_ms + firstMs;
      if (!keyframe || shownMs < piece.fromMs - 1 || shownMs >= piece.toMs) continue;
      if (!nearest || Math.abs(shownMs - atMs) < Math.abs(nearest.shownMs - atMs)) nearest = { map, piece, shownMs };
    }
  }
  const path =
    nearest && Math.abs(nearest.shownMs - atMs) <= NEAR_MS
      ? await pathIn(nearest.map, nearest.piece, nearest.shownMs)
      : undefined;
  if (!path) throw noFootage(view, { camera, fromMs: atMs, toMs: atMs });
  return path;
}

/** From the last keyframe at or before a time, or from the first one. */
async function pathIn(map: SegmentMap, { path: file }: Piece, atMs: number): Promise<PicturePath | undefined> {
  const ms = atMs - map.note.start_ms + ROUNDED_MS;
  const isKey = ({ keyframe }: MappedFragment): boolean => keyframe;
  const last = map.fragments.findLastIndex((one) => isKey(one) && one.firstMs <= ms);
  const from = last >= 0 ? last : map.fragments.findIndex(isKey);
  const pictures = from < 0 ? [] : await reading(file, (read) => picturesFrom(map, read, from, ms));
  if (pictures.length === 0) return undefined;
  let wanted = 0;
  pictures.forEach(({ shownMs }, i) => {
    if (shownMs <= map.note.start_ms + ms && shownMs > (pictures[wanted]?.shownMs ?? 0)) wanted = i;
  });
  return { map, pictures: pictures.slice(0, wanted + 1), wanted, file };
}

async function picturesFrom(map: SegmentMap, read: ReadPart, from: number, ms: number): Promise<CodedPicture[]> {
  const pictures: CodedPicture[] = [];
  for (const [i, fragment] of map.fragments.entries()) {
    if (i < from) continue;
    if (i > from && (fragment.fromMs > ms || fragment.keyframe || pictures.length >= PICTURES)) break;
    const moof = await read({ offset: fragment.offset, bytes: fragment.headBytes });
    pictures.push(...picturesOf(map, moof, fragment));
  }
  return pictures.slice(0, PICTURES);
}

/** The coded pictures of a fragment; those that lie outside of it are left out. */
function picturesOf({ init, note, originTicks }: SegmentMap, moof: Buffer, fragment: MappedFragment): CodedPicture[] {
  const { id, timescale } = init.video;
  const pictures: CodedPicture[] = [];
  const isInside = ({ offset, bytes }: Sample): boolean =>
    bytes <= PICTURE_BYTES && offset >= fragment.headBytes + 8 && offset + bytes <= fragment.bytes;
  readFragment(moof, init.tracks, (sample) => {
    if (sample.trackId !== id || !isInside(sample)) return;
    const shownMs = note.start_ms + ((sample.shownAt - originTicks) / timescale) * 1000;
    pictures.push({ offset: fragment.offset + sample.offset, bytes: sample.bytes, shownMs });
  });
  return pictures;
}

/** Reads bytes of a file. @throws VigiaError `footage_changed` when it is shorter. */
export type ReadPart = (part: { readonly offset: number; readonly bytes: number }) => Promise<Buffer>;

/** Opens a file for work, and closes it. @throws VigiaError `footage_changed` when it is gone; what the work throws. */
export async function reading<T>(path: string, work: (read: ReadPart) => Promise<T>): Promise<T> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    const why = codeOf(cause) ?? 'unknown error';
    throw new VigiaError('footage_changed', `a recording cannot be read (${why})`, { cause });
  });
  try {
    return await work(async ({ offset, bytes }) => {
      const part = await readBytes(file, offset, bytes);
      if (part.byteLength < bytes) throw new VigiaError('footage_changed', 'a recording was cut meanwhile');
      return part;
    });
  } finally {
    await file.close();
  }
}
