/** Events of one span. */
const SPAN = 1_024;

/** The times of the events `number * 1024` to `number * 1024 + 1023`: number, earliest, latest. */
export type TimeSpan = readonly [number: number, lowMs: number, highMs: number];

/**
 * Between which places the events of a time are. Events are in the order of storing and a clock may step, so that an index by
 * time would have to sort; this is a thousandth of its size, and in memory.
 */
export class TimeSpans {
  readonly #spans = new Map<number, [lowMs: number, highMs: number]>();
  /** Every stored event is in a span. */
  #complete: boolean;

  /** @param complete Nothing is stored yet. */
  constructor(complete: boolean) {
    this.#complete = complete;
  }

  add(seq: number, atMs: number): void {
    this.#widen(Math.floor(seq / SPAN), atMs, atMs);
  }

  /** Takes over what was stored before. */
  complete(spans: readonly TimeSpan[]): void {
    for (const [number, lowMs, highMs] of spans) this.#widen(number, lowMs, highMs);
    this.#complete = true;
  }

  /** Forgets what was removed. */
  forgetBefore(seq: number): void {
    for (const number of this.#spans.keys()) if ((number + 1) * SPAN <= seq) this.#spans.delete(number);
  }

  all(): TimeSpan[] {
    return [...this.#spans].map(([number, [lowMs, highMs]]) => [number, lowMs, highMs]);
  }

  /** The first and the last place where an event of this time may be. */
  bounds(fromMs: number | undefined, toMs: number | undefined): readonly [first: number, last: number] {
    if (!this.#complete) return [0, Number.MAX_SAFE_INTEGER];
    const [from, to] = [fromMs ?? Number.NEGATIVE_INFINITY, toMs ?? Number.POSITIVE_INFINITY];
    let [first, last] = [Number.MAX_SAFE_INTEGER, -1];
    for (const [number, [lowMs, highMs]] of this.#spans) {
      if (highMs < from || lowMs >= to) continue;
      first = Math.min(first, number * SPAN);
      last = Math.max(last, (number + 1) * SPAN - 1);
    }
    return [first, last];
  }

  #widen(number: number, lowMs: number, highMs: number): void {
    const span = this.#spans.get(number);
    if (!span) {
      this.#spans.set(number, [lowMs, highMs]);
      return;
    }
    span[0] = Math.min(span[0], lowMs);
    span[1] = Math.max(span[1], highMs);
  }
}
