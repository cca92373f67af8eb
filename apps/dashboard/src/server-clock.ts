/** How many heartbeats the offset is taken from: a minute of them follows drift, and outlives a slow network. */
const SAMPLES = 60;
/** A wall clock that moved by more than this against the server's monotonic clock was set. */
const STEP_MS = 250;

interface Sample {
  readonly offsetMs: number;
  /** The server's wall clock minus its monotonic clock. */
  readonly baseMs: number;
}

/**
 * The server's wall clock, in terms of a clock of this page that never jumps.
 *
 * Each heartbeat says what the server's clock showed when it was sent; how long it travelled is unknown. The heartbeat
 * that travelled least gives the largest difference, so the largest of the last 60 is used, as if that one had taken no
 * time. Ages are therefore too small by the shortest one-way delay of the last minute: about half of the shortest round
 * trip, a few milliseconds in a building's network.
 */
export class ServerClock {
  #samples: Sample[] = [];

  /** A heartbeat with the server's clocks arrived at `localMs`. */
  heard(at: string, monotonicMs: number, localMs: number): void {
    const atMs = Date.parse(at);
    if (!Number.isFinite(atMs) || !Number.isFinite(monotonicMs)) return;
    const sample = { offsetMs: atMs - localMs, baseMs: atMs - monotonicMs };
    const last = this.#samples.at(-1);
    if (last !== undefined && Math.abs(sample.baseMs - last.baseMs) > STEP_MS) this.#samples = [];
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** Milliseconds since 1970 on the server; null before the first heartbeat. */
  at(localMs: number): number | null {
    if (this.#samples.length === 0) return null;
    return localMs + Math.max(...this.#samples.map(({ offsetMs }) => offsetMs));
  }
}
