// Where the page is, as the part of its address behind `#`: the wall, `#/system`, `#/events`, `#/events/ID`, `#/camera/ID`, or
// `#/camera/ID/zones`.

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
  return decoded(/^#\/camera\/([^/]+)$/.exec(hash)?.[1]);
}

/** The view of a camera's zones. */
export function linkToZones(camera: string): string {
  return `${linkTo(camera)}/zones`;
}

/** The camera whose zones an address names; null: it is of another view. */
export function zonesOf(hash: string): string | null {
  return decoded(/^#\/camera\/([^/]+)\/zones$/.exec(hash)?.[1]);
}

function decoded(id: string | undefined): string | null {
  try {
    return id === undefined ? null : decodeURIComponent(id);
  } catch {
    return null;
  }
}
