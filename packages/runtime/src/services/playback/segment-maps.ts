import { stat } from 'node:fs/promises';
import { codeOf, VigiaError } from '@vigia/base';
import type { Piece } from '#core/footage';
import { mapSegment, type SegmentMap } from './segment-map.ts';

/** Fragments that are remembered, of all segments together: about 20 MiB, and three hours of a camera. */
const FRAGMENTS = 20_000;

interface Remembered {
  readonly inode: number;
  readonly size: number;
  readonly changedMs: number;
  readonly map: SegmentMap | undefined;
}

/** The maps of segments, the ones used last in memory. Files that grew are read from where they ended. */
export class SegmentMaps {
  readonly #maps = new Map<string, Remembered>();
  #fragments = 0;

  /**
   * The map of a piece's file; undefined when that is gone, damaged from its beginning on, or another recording than the
   * index says.
   *
   * @throws VigiaError `footage_failed` when the file cannot be read.
   */
  async of(camera: string, { path, order }: Piece): Promise<SegmentMap | undefined> {
    try {
      const map = await this.#read(path);
      return map && map.note.camera === camera && map.note.order === order ? map : undefined;
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return undefined;
      const why = codeOf(cause) ?? 'unknown error';
      throw new VigiaError('footage_failed', `a recording of ${camera} cannot be read (${why})`, { cause });
    }
  }

  async #read(path: string): Promise<SegmentMap | undefined> {
    const { ino: inode, size, mtimeMs: changedMs } = await stat(path);
    const known = this.#maps.get(path);
    if (known?.inode === inode && known.size === size && known.changedMs === changedMs) {
      this.#remember(path, known);
      return known.map;
    }
    const grown = known?.inode === inode && known.size < size ? known.map : undefined;
    const map = await mapSegment(path, grown);
    this.#remember(path, { inode, size, changedMs, map });
    return map;
  }

  #remember(path: string, one: Remembered): void {
    this.#forget(path);
    this.#maps.set(path, one);
    this.#fragments += weight(one);
    for (const [oldest] of this.#maps) {
      if (this.#fragments <= FRAGMENTS) return;
      this.#forget(oldest);
    }
  }

  #forget(path: string): void {
    const one = this.#maps.get(path);
    if (one && this.#maps.delete(path)) this.#fragments -= weight(one);
  }
}

/** The least is that of its init. */
function weight({ map }: Remembered): number {
  return (map?.fragments.length ?? 0) + 10;
}
