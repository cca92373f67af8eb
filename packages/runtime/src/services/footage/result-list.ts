import { join } from 'node:path';
import { hourOf, parseResultPath, RESULT_FILE_MS, type ResultFileName, resultPath } from '#core/footage';

/** A file of results in a directory. */
export interface ResultFile extends ResultFileName {
  readonly dir: string;
}

const DAY_MS = 24 * RESULT_FILE_MS;

/**
 * The files of results that there are, with their bytes. In memory: each start lists the files anyway, and an hour has one
 * name.
 */
export class ResultList {
  /** By directory, then by path. */
  readonly #sizes = new Map<string, Map<string, number>>();
  readonly #bytes = new Map<string, number>();

  /** Bytes of all files, or of those in one directory. */
  bytes(dir?: string): number {
    if (dir !== undefined) return this.#bytes.get(dir) ?? 0;
    return [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  has({ dir, ...name }: ResultFile): boolean {
    return this.#sizes.get(dir)?.has(resultPath(name)) ?? false;
  }

  /** A file has so many bytes now. */
  put({ dir, ...name }: ResultFile, bytes: number): void {
    const sizes = this.#sizes.get(dir) ?? new Map<string, number>();
    this.#sizes.set(dir, sizes);
    const path = resultPath(name);
    this.#count(dir, bytes - (sizes.get(path) ?? 0));
    sizes.set(path, bytes);
  }

  /** A file is gone. */
  remove({ dir, ...name }: ResultFile): void {
    this.#forget(dir, resultPath(name));
  }

  /** Forgets the files of a directory that lie in other folders than these: `hall/2026-11-23`. */
  keepFolders(dir: string, folders: ReadonlySet<string>): void {
    for (const path of this.#sizes.get(dir)?.keys() ?? [])
      if (!folders.has(path.slice(0, path.lastIndexOf('/')))) this.#forget(dir, path);
  }

  /** The files of a camera's day in a directory. */
  ofDay(dir: string, camera: string, dayMs: number): ResultFile[] {
    return this.#between([dir], camera, dayMs, dayMs + DAY_MS - 1);
  }

  /** The files of a camera with results between two times, in order of their hours. */
  between(camera: string, fromMs: number, toMs: number): ResultFile[] {
    return this.#between([...this.#sizes.keys()], camera, fromMs, toMs);
  }

  /** All files, the oldest first. */
  all(): ResultFile[] {
    const files = [...this.#sizes].flatMap(([dir, sizes]) =>
      [...sizes.keys()].flatMap((path) => {
        const name = parseResultPath(path);
        return name ? [{ ...name, dir }] : [];
      }),
    );
    return files.sort((a, b) => a.hourMs - b.hourMs);
  }

  #between(dirs: readonly string[], camera: string, fromMs: number, toMs: number): ResultFile[] {
    const found: ResultFile[] = [];
    for (let hourMs = hourOf(fromMs); hourMs <= toMs; hourMs += RESULT_FILE_MS)
      for (const dir of dirs) if (this.has({ dir, camera, hourMs })) found.push({ dir, camera, hourMs });
    return found;
  }

  #forget(dir: string, path: string): void {
    this.#count(dir, -(this.#sizes.get(dir)?.get(path) ?? 0));
    this.#sizes.get(dir)?.delete(path);
  }

  #count(dir: string, bytes: number): void {
    this.#bytes.set(dir, this.bytes(dir) + bytes);
  }
}

/** Where a file of results is. */
export function resultFilePath({ dir, ...name }: ResultFile): string {
  return join(dir, resultPath(name));
}
