// Where the page is, as the part of its address behind `#`: the wall, `#/system`, `#/events`, `#/events/ID`, or `#/camera/ID`.

/** The wall. */
export const WALL = '#/';

/** The view of the node. */
export const SYSTEM = '#/system';

/** What happened. */
export const EVENTS = '#/events';

/** One event of it. */
export function linkToEvent(id: string): string {
  return `${EVENTS}/${id}`;
}

/** Whether an address is of the view of events. */
export function isEvents(hash: string): boolean {
  return hash === EVENTS || eventOf(hash) !== null;
}

/** The event that an address names; null: none. */
export function eventOf(hash: string): string | null {
  return /^#\/events\/([0-9A-Z]{26})$/.exec(hash)?.[1] ?? null;
}

/** The view of a camera. */
export function linkTo(camera: string): string {
  return `#/camera/${encodeURIComponent(camera)}`;
}

/** The camera that an address names; null: the wall, also for anything that is no address of a view. */
export function cameraOf(hash: string): string | null {
  const id = /^#\/camera\/([^/]+)$/.exec(hash)?.[1];
  try {
    return id === undefined ? null : decodeURIComponent(id);
  } catch {
    return null;
  }
}
