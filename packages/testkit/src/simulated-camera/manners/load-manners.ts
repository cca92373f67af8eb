import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, VigiaError } from '@vigia/base';
import { type MannersErrorCode, parseRecordedReply, type RecordedKind, type RecordedReply } from './recorded-reply.ts';

/** Folder of this package's recorded manners: `packages/testkit/manners`. */
export const MANNERS_FOLDER: string = fileURLToPath(new URL('../../../manners/', import.meta.url));

/** Largest file in bytes. */
const MAX_FILE_BYTES = 64 * 1024;
/** Files of all prefixes together. */
const MAX_FILES = 100;

/** Recorded replies by request; several where a vendor has several. */
export type Recordings = ReadonlyMap<RecordedKind, readonly RecordedReply[]>;

/**
 * Reads files, or prefixes: `…/reolink` means all `…/reolink_*.txt`. A name without a folder that does not exist here
 * is searched among the package's own. Later arguments override earlier ones.
 *
 * @throws VigiaError with a `MannersErrorCode`.
 */
export function loadRecordings(sources: readonly string[]): Recordings {
  const out = new Map<RecordedKind, RecordedReply[]>();
  let count = 0;
  for (const source of sources) {
    const files = filesOf(source);
    count += files.length;
    if (count > MAX_FILES)
      throw fail('manners_unreadable', `${source} and those before it are more than ${MAX_FILES} files`, source);
    const replies = files.map(readOne);
    for (const kind of new Set(replies.map((reply) => reply.kind))) {
      out.set(
        kind,
        replies.filter((reply) => reply.kind === kind),
      );
    }
  }
  return out;
}

function filesOf(source: string): string[] {
  const places = source.includes('/') ? [source] : [source, join(MANNERS_FOLDER, source)];
  for (const place of places) {
    const found = [place, `${place}.txt`].find(isFile);
    if (found !== undefined) return [found];
    const files = withPrefix(place);
    if (files.length > 0) return files;
  }
  const message = `${source} is no file and no prefix of files (${basename(source)}_*.txt): a recorded RTSP reply is needed`;
  throw fail('manners_not_found', message, source);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function withPrefix(place: string): string[] {
  const folder = dirname(place);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  const names = readdirSync(folder).filter((name) => name.startsWith(`${basename(place)}_`) && name.endsWith('.txt'));
  return names.sort().map((name) => join(folder, name));
}

function readOne(path: string): RecordedReply {
  let text: string;
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw new Error(`more than ${MAX_FILE_BYTES} bytes`);
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw fail(
      'manners_unreadable',
      `${path} cannot be read (${messageOf(cause)}): a text file is needed`,
      path,
      cause,
    );
  }
  return parseRecordedReply(text, path);
}

function fail(code: MannersErrorCode, message: string, path: string, cause?: unknown): VigiaError<MannersErrorCode> {
  return new VigiaError(code, message, { path, cause });
}
