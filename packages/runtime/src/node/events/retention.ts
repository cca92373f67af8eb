import type { NodeStore } from '#services/store';
import type { StorageWatch } from './storage-watch.ts';

/** Events that are kept: 90 days of them, a million at most, of which each severity may have a quarter in any case. */
const RETENTION = { ageMs: 90 * 86_400_000, count: 1_000_000 };

/** Removes stored events that are too old or too many. */
export async function removeOldEvents(store: Pick<NodeStore, 'prune'>, watch: StorageWatch): Promise<void> {
  const { unread } = await store.prune(RETENTION);
  for (const [reader, count] of Object.entries(unread)) watch.unread(reader, count);
}
