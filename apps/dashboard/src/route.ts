// Where the page is, as the part of its address behind `#`: the wall, `#/system`, or `#/camera/ID`.

/** The wall. */
export const WALL = '#/';

/** The view of the node. */
export const SYSTEM = '#/system';

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
