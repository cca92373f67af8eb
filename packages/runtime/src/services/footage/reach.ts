import type { CameraReach, FootageLimits } from '#core/footage-link';
import type { FootageIndex } from './footage-index.ts';
import { headroomOf } from './headroom.ts';

/** A directory, as far as room is concerned. */
export interface ReachDir {
  readonly path: string;
  readonly maxBytes: number | null;
  readonly watch: { readonly freeBytes: number; readonly device: number | undefined; isUsable(): boolean };
}

/** A camera that fills a disk. */
export interface Filling {
  /** Bytes per millisecond. */
  readonly rate: number;
  /** How far back its own limits let it go, milliseconds. Infinity: they do not say. */
  readonly limitMs: number;
}

/** The rate of a camera is that of the last day: nights differ from days. Milliseconds. */
const WINDOW_MS = 24 * 3_600_000;
/** A camera with less footage than this has no rate yet; for the others it counts as if it had so much. Milliseconds. */
const LEAST_MS = 10 * 60_000;

/**
 * How far back the footage of each camera goes, and how far it can go at the rate of the last day. Of footage that is of no
 * event: that of events is kept by other rules. Archives count; directories that do not answer do not.
 */
export function reachOf(
  index: FootageIndex,
  limits: FootageLimits,
  dirs: readonly ReachDir[],
  wallMs: number,
): Record<string, CameraReach> {
  const cameras = Object.entries(limits.cameras).map(([camera, keep]) => {
    const oldestMs = index.oldestOf(camera);
    // What was removed from between events must not count as quiet time.
    const fromMs = Math.max(index.oldestOf(camera, false) ?? oldestMs ?? wallMs, wallMs - WINDOW_MS);
    const spanMs = wallMs - fromMs;
    const rate = index.bytesSince(camera, fromMs) / Math.max(spanMs, LEAST_MS);
    const ownMs = keep.maxBytes === null ? Number.POSITIVE_INFINITY : keep.maxBytes / rate;
    const limitMs = Math.min(keep.keepMs ?? Number.POSITIVE_INFINITY, ownMs);
    return { camera, oldestMs, rate, limitMs, isKnown: spanMs >= LEAST_MS && rate > 0 };
  });
  const rates = cameras.map(({ rate }) => rate * 1_000);
  const spanMs = commonSpan(capacityOf(index, limits, dirs, rates), cameras);
  return Object.fromEntries(
    cameras.map(({ camera, oldestMs, limitMs, isKnown }) => {
      const roomMs = Math.min(spanMs, limitMs);
      const keptMs = oldestMs === undefined ? null : Math.max(0, wallMs - oldestMs);
      return [camera, { keptMs, roomMs: isKnown && Number.isFinite(roomMs) ? roomMs : null }];
    }),
  );
}

/**
 * How far back all cameras go when the oldest footage goes first, and each camera's own limit before that: the time at which
 * what they have written fills the room. Infinity when their own limits leave room.
 */
export function commonSpan(capacity: number, cameras: readonly Filling[]): number {
  let [left, rates] = [capacity, cameras.reduce((sum, { rate }) => sum + rate, 0)];
  for (const { rate, limitMs } of cameras.toSorted((a, b) => a.limitMs - b.limitMs)) {
    if (rates * limitMs >= left) return Math.max(0, left) / rates;
    left -= rate * limitMs;
    rates -= rate;
  }
  return Number.POSITIVE_INFINITY;
}

/** Bytes that footage may take in all, of the directories that answer. */
function capacityOf(
  index: FootageIndex,
  limits: FootageLimits,
  dirs: readonly ReachDir[],
  rates: readonly number[],
): number {
  const usable = dirs.filter(({ watch }) => watch.isUsable());
  const devices = new Set(usable.map(({ watch }) => watch.device));
  const sum = [...devices].reduce<number>((total, device) => {
    const on = usable.filter(({ watch }) => watch.device === device);
    const taken = on.reduce((bytes, { path }) => bytes + index.bytesIn(path), 0);
    const free = (on[0]?.watch.freeBytes ?? 0) - limits.minFreeBytes - headroomOf(rates, null);
    const allowed = on.reduce((bytes, { maxBytes }) => bytes + (maxBytes ?? Number.POSITIVE_INFINITY), 0);
    return total + Math.min(Math.max(0, taken + free), allowed);
  }, 0);
  return Math.min(sum, limits.maxBytes ?? Number.POSITIVE_INFINITY);
}
