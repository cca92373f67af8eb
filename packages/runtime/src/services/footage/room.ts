import type { RoomNotice } from '#core/footage-link';
import type { StorageTrouble } from './storage-watch.ts';

/** A directory that recorders may write to, and why they may not. */
export interface RoomDir {
  readonly dir: string;
  readonly trouble: StorageTrouble | undefined;
  /** A sentence: it works, and has no room. */
  readonly full: string | undefined;
}

/** Where recorders may write: into the first directory that works and has room. */
export function chooseRoom(dirs: readonly RoomDir[]): RoomNotice {
  const usable = dirs.find(({ trouble, full }) => trouble === undefined && full === undefined);
  const first = dirs[0];
  const { reason, message } = first?.trouble ?? { reason: first?.full ? 'full' : null, message: first?.full ?? null };
  return { dir: usable?.dir ?? null, reason, message };
}
