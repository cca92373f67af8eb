import type { NodeStatus } from '@vigia/contracts';

/** Space on the wall, pixels. */
export interface Space {
  readonly width: number;
  readonly height: number;
}

/** Narrowest tile. */
const TILE_LEAST = 125;
const GAP = 10;

/**
 * The fewest columns with which all groups fit without scrolling; as many as there may be when they never do.
 *
 * @param groups Tiles of each group that has any, and the height of a tile below its picture.
 */
export function fewestColumns(
  space: Space,
  groups: readonly { readonly tiles: number; readonly below: (tileWidth: number) => number }[],
): number {
  const most = Math.max(1, Math.floor((space.width + GAP) / (TILE_LEAST + GAP)));
  for (let columns = Math.min(2, most); columns < most; columns++) {
    const width = (space.width - GAP * (columns - 1)) / columns;
    const height = groups.reduce((sum, { tiles, below }) => {
      const rows = Math.ceil(tiles / columns);
      return sum + GROUP_HEAD + rows * ((width * 9) / 16 + below(width) + GAP) - GAP;
    }, 0);
    if (height <= space.height) return columns;
  }
  return most;
}

/** Height of a group's heading. */
const GROUP_HEAD = 26;

/** Rooms stand as people count them: 2 before 10. */
const COLLATOR = new Intl.Collator('en', { numeric: true });

/** Ids of cameras, by their `order`; those without one come last, by what they are called. */
export function inOrder(cameras: NodeStatus['cameras']): readonly string[] {
  const called = (id: string): string => cameras[id]?.name ?? id;
  const placeOf = (id: string): number => cameras[id]?.order ?? Number.MAX_SAFE_INTEGER;
  return Object.keys(cameras).sort(
    (a, b) => placeOf(a) - placeOf(b) || COLLATOR.compare(called(a), called(b)) || COLLATOR.compare(a, b),
  );
}
