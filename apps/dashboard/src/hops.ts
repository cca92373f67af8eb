import type { ResultMessage } from '@vigia/contracts';

/** Where a part of an answer's age went, in the order of a frame's life. */
export const HOP_PARTS = ['network', 'decode', 'turn', 'scale', 'send', 'model', 'decide'] as const;
/** See {@link HOP_PARTS}. */
export type HopPart = (typeof HOP_PARTS)[number];

/** The age of one answer, split; parts that took no time, or are not known, are left out. Milliseconds. */
export interface SplitAge {
  readonly ageMs: number;
  readonly parts: readonly { readonly part: HopPart; readonly ms: number }[];
}

type Answer = Pick<ResultMessage, 'age_ms' | 'hops_ms'>;

/** Answers that are kept: a minute of 5 a second. */
const KEPT = 300;
/** With fewer there is no hundredth of them. */
const ENOUGH = 100;

/** Splits an age: each hop is milliseconds from capture, so that a part ends where the next one begins. */
export function splitAge({ age_ms, hops_ms }: Answer): SplitAge {
  const { arrived, decoded, taken, rendered, sent, received, decided } = hops_ms;
  const ends = [arrived ?? null, decoded, taken, rendered, sent, received, decided];
  let from = 0;
  const parts = HOP_PARTS.flatMap((part, i) => {
    const end = ends[i] ?? null;
    // What was not reached, or not measured, belongs to the next part that was.
    if (end === null) return [];
    const ms = end - from;
    from = Math.max(from, end);
    return ms > 0 ? [{ part, ms }] : [];
  });
  return { ageMs: age_ms, parts };
}

/** The newest answers of one consumer. */
export class RecentAges {
  #answers: Answer[] = [];

  add({ age_ms, hops_ms }: Answer): void {
    this.#answers.push({ age_ms, hops_ms });
    if (this.#answers.length > KEPT) this.#answers.shift();
  }

  /** A typical answer, and one that was later than all but one in a hundred (of fewer than 100: the latest); null without any. */
  typical(): { readonly middle: SplitAge; readonly late: SplitAge; readonly isLatest: boolean } | null {
    const sorted = this.#answers.toSorted((a, b) => a.age_ms - b.age_ms);
    const isLatest = sorted.length < ENOUGH;
    const middle = sorted[Math.floor((sorted.length - 1) / 2)];
    const late = sorted[isLatest ? sorted.length - 1 : Math.ceil(sorted.length * 0.99) - 1];
    if (middle === undefined || late === undefined) return null;
    return { middle: splitAge(middle), late: splitAge(late), isLatest };
  }
}
