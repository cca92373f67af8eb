import type { EventHub, ItemHandler, Subscription } from '#core/event-hub';

/**
 * Subscribes a reader, beginning with the latest states. One that was ended for too many unread alarms goes on with what
 * happens from then on; the log says so.
 *
 * @returns how many results, statistics and events it lost because it is slow.
 */
export function steadily(hub: EventHub, name: string, handle: ItemHandler): () => number {
  let before = 0;
  let current: Subscription | undefined;
  const dropped = (): number => {
    const { samples, events } = current?.report().dropped ?? { samples: 0, events: 0 };
    return before + samples + events;
  };
  const begin = (): void => {
    before = dropped();
    current = hub.subscribe({ name, replayStates: true, onOverflow: begin }, handle);
  };
  begin();
  return dropped;
}
