import { HEADROOM_BYTES } from '#core/footage-link';

/** How long recorders may write at their present rate before more room is made. Seconds. */
const AHEAD_S = 10;
/** A small budget is not given to the least of many cameras. */
const SHARE = 1 / 4;

/**
 * How much room is kept for what recorders write until the next check.
 *
 * @param rates Of each camera that is recorded, bytes per second.
 * @param limit The budget that it is kept in, bytes; null: a whole file system. The rates count in full; of the least, no
 *   more than a quarter of the budget counts.
 */
export function headroomOf(rates: readonly number[], limit: number | null): number {
  const written = rates.reduce((sum, rate) => sum + rate * AHEAD_S, 0);
  const wanted = rates.reduce((sum, rate) => sum + Math.max(HEADROOM_BYTES, rate * AHEAD_S), 0);
  return limit === null ? wanted : Math.max(written, Math.min(wanted, limit * SHARE));
}
