/** Who, and where: left, top, right, bottom in shares of the picture. */
export type Placed = readonly [number, number, number, number, number];

/** How well identities were kept (Ristani et al., Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking, 2016). */
export interface IdentityScore {
  readonly idf1: number;
  readonly precision: number;
  readonly recall: number;
  /** Identities that were given. */
  readonly given: number;
}

/** A box is right from this overlap on. */
const RIGHT_IOU = 0.5;

/**
 * Each true identity is paired with at most one given identity, so that as many boxes as possible are right. Tries all pairings of the
 * true identities: at most 16 of them.
 */
export function identityScore(
  truth: readonly (readonly Placed[])[],
  given: readonly (readonly Placed[])[],
): IdentityScore {
  const people = [...new Set(truth.flat().map(([who]) => who))];
  const ids = [...new Set(given.flat().map(([who]) => who))];
  const hits = hitsOf(truth, given);
  // The most right boxes for each set of people that have an identity.
  let best = new Map<number, number>([[0, 0]]);
  for (const id of ids) {
    const next = new Map(best);
    for (const [set, count] of best)
      for (const [i, person] of people.entries()) {
        const right = hits.get(`${person}/${id}`) ?? 0;
        const larger = set | (1 << i);
        if (right > 0 && larger !== set) next.set(larger, Math.max(next.get(larger) ?? 0, count + right));
      }
    best = next;
  }
  const right = Math.max(...best.values());
  const [wanted, found] = [truth.flat().length, given.flat().length];
  return {
    idf1: (2 * right) / (wanted + found),
    precision: right / found,
    recall: right / wanted,
    given: ids.length,
  };
}

/** How often each person was where each identity was given. */
function hitsOf(truth: readonly (readonly Placed[])[], given: readonly (readonly Placed[])[]): Map<string, number> {
  const hits = new Map<string, number>();
  for (const [i, people] of truth.entries())
    for (const person of people)
      for (const one of given[i] ?? []) {
        if (iouOf(person, one) < RIGHT_IOU) continue;
        const key = `${person[0]}/${one[0]}`;
        hits.set(key, (hits.get(key) ?? 0) + 1);
      }
  return hits;
}

/** Overlap of two boxes, 0 to 1. */
export function iouOf(a: Placed, b: Placed): number {
  const across = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const down = Math.min(a[4], b[4]) - Math.max(a[2], b[2]);
  if (across <= 0 || down <= 0) return 0;
  const area = ([, left, top, right, bottom]: Placed): number => (right - left) * (bottom - top);
  return (across * down) / (area(a) + area(b) - across * down);
}
