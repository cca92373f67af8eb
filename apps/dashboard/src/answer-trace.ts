/** What happened in a slot of the trace: an answer with somebody, with nobody, in time of a breached SLA, or none. */
export type Mark = 'some' | 'none' | 'slow' | null;

/** Length of a slot. 150 of them are a minute, and a bar of one pixel each fits a tile. */
export const SLOT_MS = 400;
/** Slots of a trace. */
export const SLOTS = 150;
/** An answer of this age, or older, has a bar of full height. */
const FULL_HEIGHT_MS = 1000;

interface Slot {
  readonly number: number;
  readonly mark: Mark;
  readonly ageMs: number;
}

/** A bar of a trace. `slot`: 0 is a minute ago, 149 is now. `height`: 0..1. */
export interface Bar {
  readonly slot: number;
  readonly mark: Exclude<Mark, null>;
  readonly height: number;
}

/** A trace as it is drawn. Ranges are `[first slot, behind the last slot]`. */
export interface TraceView {
  /** Changes whenever anything else here may have. */
  readonly key: string;
  readonly bars: readonly Bar[];
  /** No answer since here; null: answers come. */
  readonly voidFrom: number | null;
  /** The page was not listening, so that a missing bar means nothing. */
  readonly unknown: readonly (readonly [number, number])[];
}

/** The slot of a time, milliseconds since 1970. */
export function slotOf(ms: number): number {
  return Math.floor(ms / SLOT_MS);
}

/** The answers about one camera in the last minute. */
export class Trace {
  readonly #slots: (Slot | undefined)[] = Array.from({ length: SLOTS });
  #version = 0;

  /** The clock was set: what is known is of another time. */
  clear(): void {
    this.#slots.fill(undefined);
    this.#version += 1;
  }

  /** An answer was decided at `decidedMs`. Of two in one slot somebody prevails, and the older picture. */
  add(decidedMs: number, mark: Exclude<Mark, null>, ageMs: number): void {
    const number = slotOf(decidedMs);
    const index = number % SLOTS;
    const old = this.#slots[index];
    if (old !== undefined && old.number > number) return;
    const same = old?.number === number ? old : undefined;
    this.#slots[index] = {
      number,
      mark: same?.mark === 'slow' || mark === 'slow' ? 'slow' : same?.mark === 'some' ? 'some' : mark,
      ageMs: Math.max(ageMs, same?.ageMs ?? 0),
    };
    this.#version += 1;
  }

  /**
   * @param lastAnswerMs When the last answer was decided, if answers are missing now; null: they come.
   */
  view(nowMs: number, lastAnswerMs: number | null, heard: Heard): TraceView {
    const last = slotOf(nowMs);
    const first = last - SLOTS + 1;
    const bars = this.#slots.flatMap((slot): Bar[] =>
      slot === undefined || slot.mark === null || slot.number < first || slot.number > last
        ? []
        : [{ slot: slot.number - first, mark: slot.mark, height: Math.min(1, 0.2 + slot.ageMs / FULL_HEIGHT_MS) }],
    );
    const voidFrom = lastAnswerMs === null ? null : Math.min(SLOTS, Math.max(0, slotOf(lastAnswerMs) + 1 - first));
    const key = `${last}/${this.#version}/${voidFrom}/${heard.version}`;
    return { key, bars, voidFrom, unknown: heard.gaps(first, last) };
  }
}

/** In which slots the page received all results. */
export class Heard {
  readonly #slots: (number | undefined)[] = Array.from({ length: SLOTS });
  #until = 0;
  version = 0;

  /** See {@link Trace.clear}. */
  clear(): void {
    this.#slots.fill(undefined);
    this.#until = 0;
    this.version += 1;
  }

  /** Nothing was missed between two times. */
  listened(fromMs: number, toMs: number): void {
    const to = slotOf(toMs);
    for (let n = Math.max(slotOf(fromMs), to - SLOTS + 1); n <= to; n++) this.#slots[n % SLOTS] = n;
    this.#until = Math.max(this.#until, to);
    this.version += 1;
  }

  /** Something was missed between two times, though the page listened. */
  missed(fromMs: number, toMs: number): void {
    for (let n = slotOf(fromMs); n <= slotOf(toMs); n++)
      if (this.#slots[n % SLOTS] === n) this.#slots[n % SLOTS] = undefined;
    this.#until = Math.max(this.#until, slotOf(toMs));
    this.version += 1;
  }

  /** The ranges between two slots in which something may be missing. Behind the last heartbeat nobody knows yet. */
  gaps(first: number, last: number): readonly (readonly [number, number])[] {
    const found: [number, number][] = [];
    for (let n = first; n <= Math.min(last, this.#until); n++) {
      if (this.#slots[n % SLOTS] === n) continue;
      const open = found.at(-1);
      if (open !== undefined && open[1] === n - first) open[1] += 1;
      else found.push([n - first, n - first + 1]);
    }
    if (this.#until < first) return [[0, last - first + 1]];
    return found;
  }
}
