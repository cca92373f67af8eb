import { type Log, messageOf } from '@vigia/base';
import type { NodeStore } from '#services/store';

/** Events that are kept: 90 days of them, a million at most. */
const RETENTION = { ageMs: 90 * 86_400_000, count: 1_000_000 };

/**
 * Removes stored events that are too old or too many. Never rejects.
 *
 * @param ending Whether the node is ending: a store that is closed already is no problem then.
 */
export async function removeOldEvents(store: Pick<NodeStore, 'prune'>, log: Log, ending: () => boolean): Promise<void> {
  try {
    const { unread } = await store.prune(RETENTION);
    for (const [reader, count] of Object.entries(unread))
      log.error(`${count} events were discarded that ${reader} has not received: they were too old or too many`);
  } catch (error) {
    if (!ending()) log.error(`the store cannot remove old events: ${messageOf(error)}`);
  }
}
