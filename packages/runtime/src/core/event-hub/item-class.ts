import type { EventKind, NodeItem } from '@vigia/contracts';

/**
 * How a subscriber's queue treats an item. `sample`: a result or statistics; the newest are kept. `state`: the latest
 * of each subject is kept. `event`: the newest are kept. `alarm`: none is dropped.
 */
export type ItemClass = 'sample' | 'state' | 'event' | 'alarm';

const STATES = new Set<EventKind>(['camera_state', 'model_state', 'worker_state', 'recording']);

/** The class of an item. A state that is an alarm counts as an alarm, so that no newer state replaces it in a queue. */
export function classOf(item: NodeItem): ItemClass {
  if (item.type !== 'event') return 'sample';
  if (item.event.severity === 'alarm') return 'alarm';
  return STATES.has(item.event.kind) ? 'state' : 'event';
}

/** Whether an item is the state of a subject, as an alarm or not. */
export function isState(item: NodeItem): boolean {
  return item.type === 'event' && STATES.has(item.event.kind);
}

/** Identifies the subject of a state. */
export function stateKeyOf(item: NodeItem): string {
  return item.type === 'event' ? `${item.event.kind} ${item.event.subject ?? ''}` : '';
}
