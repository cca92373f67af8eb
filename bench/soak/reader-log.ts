import { fileURLToPath } from 'node:url';
import { type ReaderPrograms, repositoryFile } from './child.ts';

/** The output of a reader when it ends. */
export interface ReaderLog {
  /** For each frame: when it was taken, monotonic milliseconds, and its number. */
  readonly frames: readonly (readonly [number, number])[];
  readonly expired: number;
  /** Frames that claim to be whole and have several greys, or another one than published. */
  readonly torn: number;
  readonly end: string | undefined;
}

/** The programs that keep such a log. */
export const LOGGING_READERS: ReaderPrograms = {
  node: fileURLToPath(new URL('reader-child.js', import.meta.url)),
  python: repositoryFile('bench/soak/reader_child.py'),
};

/** Problems of a log in every test: torn frames, going back in time, an unexpected end. */
export function faultsOf(who: string, { frames, torn, end }: ReaderLog): string[] {
  const backwards = frames.filter(([, seq], i) => i > 0 && seq <= (frames[i - 1]?.[1] ?? 0)).length;
  const faults: string[] = [];
  if (torn > 0) faults.push(`${who}: ${torn} torn frames were taken for whole`);
  if (backwards > 0) faults.push(`${who}: went back in time ${backwards} times`);
  if (end !== 'stopped') faults.push(`${who}: ended with ${end}`);
  return faults;
}
