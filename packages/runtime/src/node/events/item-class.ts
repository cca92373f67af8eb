import type { EventKind, NodeItem } from '@vigia/contracts';

/**
 * How a subscriber's queue treats an item. `sample`: results and statistics, of which the newest count. `state`: only
 * the latest of a subject counts. `event`: happened once. `alarm`: must reach every subscriber.
 */
export type ItemClass = 'sample' | 'state' | 'event' | 'alarm';

const STATES = new Set<EventKind>(['camera_state', 'model_state', 'worker_state']);

/** The class of an item. An alarm is an alarm before it is a state; its end has the severity of its start. */
export function classOf(item: NodeItem): ItemClass {
  if (item.type !== 'event') return 'sample';
  if (item.event.severity === 'alarm') return 'alarm';
  return STATES.has(item.event.kind) ? 'state' : 'event';
}

/** Whether an item says how its subject is from now on, an alarm or not. */
export function isState(item: NodeItem): boolean {
  return item.type === 'event' && STATES.has(item.event.kind);
}

/** What a state is about. */
export function stateKeyOf(item: NodeItem): string {
  return item.type === 'event' ? `${item.event.kind} ${item.event.subject ?? ''}` : '';
}
