/** A wall clock that moved by more than this against the server's monotonic clock was set, or is that of another run. */
const STEP_MS = 250;
/** How much two good clocks may drift apart: 0.2 ms in a second. */
const DRIFT = 0.2 / 1000;

interface Offset {
  /** The server's monotonic clock minus this page's. */
  readonly ms: number;
  readonly localMs: number;
}

/**
 * The server's wall clock, in terms of a clock of this page that never jumps.
 *
 * Each heartbeat says what the server's clock showed when it was sent; how long it travelled is unknown. The heartbeat
 * that travelled least gives the largest difference, so that one is used, as if it had taken no time. It is given up only as fast
 * as two clocks may drift apart: where a queue in the network delays everything for minutes, ages must grow by that delay, and
 * must not begin to take it for normal. Ages are therefore too small by the shortest one-way delay so far: about half of the
 * shortest round trip, a few milliseconds in a building's network.
 */
export class ServerClock {
  #best: Offset | null = null;
  /** The server's wall clock minus its monotonic clock. */
  #baseMs = 0;

  /** A heartbeat with the server's clocks arrived at `localMs`. @returns whether the server's clock was set since the last one. */
  heard(at: string, monotonicMs: number, localMs: number): boolean {
    const atMs = Date.parse(at);
    if (!Number.isFinite(atMs) || !Number.isFinite(monotonicMs)) return false;
    const baseMs = atMs - monotonicMs;
    const stepped = this.#best !== null && Math.abs(baseMs - this.#baseMs) > STEP_MS;
    if (stepped) this.#best = null;
    this.#baseMs = baseMs;
    const ms = monotonicMs - localMs;
    if (this.#best === null || ms >= offsetAt(this.#best, localMs)) this.#best = { ms, localMs };
    return stepped;
  }

  /** This page's clock stood still: nothing is known until the next heartbeat. */
  forget(): void {
    this.#best = null;
  }

  /** Milliseconds since 1970 on the server; null before the first heartbeat. */
  at(localMs: number): number | null {
    return this.#best === null ? null : localMs + offsetAt(this.#best, localMs) + this.#baseMs;
  }
}

function offsetAt({ ms, localMs }: Offset, nowMs: number): number {
  return ms - (nowMs - localMs) * DRIFT;
}
