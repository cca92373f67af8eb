import { codeOf, messageOf } from '@vigia/base';
import type { GapReason } from '#core/footage';

const REASONS: Readonly<Record<string, GapReason>> = {
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  EFBIG: 'disk_full',
  EROFS: 'read_only',
  EACCES: 'read_only',
  EPERM: 'read_only',
  muxer: 'not_recorded',
};
const SENTENCES: Readonly<Partial<Record<GapReason, string>>> = {
  disk_full: 'the disk is full',
  read_only: 'nothing may be written there',
};

/** Why something could not be written, for states and for people. */
export function troubleOf(error: unknown, dir: string): { readonly reason: GapReason; readonly message: string } {
  const code = codeOf(error) ?? '';
  const reason = REASONS[code] ?? 'disk_failed';
  const why = SENTENCES[reason] ?? messageOf(error);
  return { reason, message: `${dir}: ${why}${code === '' ? '' : ` (${code})`}` };
}
