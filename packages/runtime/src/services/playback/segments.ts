import type { FootageView, Piece } from '#core/footage';
import type { SegmentMap } from './segment-map.ts';
import type { SegmentMaps } from './segment-maps.ts';

/** What is wanted of a camera. Wall times, milliseconds since 1970; `toMs` is not included. */
export interface Wanted {
  readonly camera: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A piece of footage whose file was read. */
export interface MappedPiece {
  readonly piece: Piece;
  readonly map: SegmentMap;
  /** No other piece of the range is behind it. */
  readonly last: boolean;
}

/** Files that are read at the same time. */
const AHEAD = 3;

/**
 * The pieces of a range in order of time, read a little ahead. Those whose file is gone or damaged are left out.
 *
 * @throws VigiaError `footage_failed` when a file cannot be read; the signal's reason.
 */
export async function* mappedPieces(
  view: FootageView,
  maps: SegmentMaps,
  wanted: Wanted,
  signal?: AbortSignal,
): AsyncGenerator<MappedPiece> {
  const { camera, fromMs, toMs } = wanted;
  const pieces = view.pieces(camera, fromMs, toMs);
  const ahead: Promise<MappedPiece | undefined>[] = [];
  for (const [i, piece] of pieces.entries()) {
    const reading = mapPiece(view, maps, camera, piece);
    ahead.push(reading.then((found) => found && { ...found, last: i === pieces.length - 1 }));
    // Its error is thrown when its turn comes, if it comes.
    ahead.at(-1)?.catch(() => undefined);
    if (ahead.length < AHEAD && i < pieces.length - 1) continue;
    const found = await ahead.shift();
    signal?.throwIfAborted();
    if (found) yield found;
  }
  for (const reading of ahead) {
    const found = await reading;
    signal?.throwIfAborted();
    if (found) yield found;
  }
}

/**
 * Reads the file of a piece; undefined when it is gone or damaged. A file that was moved meanwhile is found again, because the
 * index knows where it is now.
 *
 * @throws VigiaError `footage_failed` when it cannot be read.
 */
export async function mapPiece(
  view: FootageView,
  maps: SegmentMaps,
  camera: string,
  piece: Piece,
): Promise<{ readonly piece: Piece; readonly map: SegmentMap } | undefined> {
  const map = await maps.of(camera, piece);
  if (map) return { piece, map };
  const moved = pieceNow(view, camera, piece);
  const found = moved && moved.path !== piece.path ? await maps.of(camera, moved) : undefined;
  return moved && found ? { piece: moved, map: found } : undefined;
}

/** The piece of the same recording as the index knows it now. */
export function pieceNow(view: FootageView, camera: string, { order, fromMs, toMs }: Piece): Piece | undefined {
  return view.pieces(camera, fromMs, Math.max(toMs, fromMs + 1)).find((piece) => piece.order === order);
}
