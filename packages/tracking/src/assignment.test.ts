import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assign } from './assignment.ts';

const LIMIT = 10;

/** Sum of a pairing, rows without a column at the limit. */
function sumOf(cost: readonly number[], columns: number, found: readonly number[]): number {
  return found.reduce((sum, column, row) => sum + (column < 0 ? LIMIT : (cost[row * columns + column] as number)), 0);
}

/** The least sum, by trying everything. */
function least(cost: readonly number[], rows: number, columns: number, row = 0, taken = 0): number {
  if (row === rows) return 0;
  let best = LIMIT + least(cost, rows, columns, row + 1, taken);
  for (let column = 0; column < columns; column += 1) {
    const one = cost[row * columns + column] as number;
    if (((taken >> column) & 1) === 1 || one >= LIMIT) continue;
    best = Math.min(best, one + least(cost, rows, columns, row + 1, taken | (1 << column)));
  }
  return best;
}

test('the least sum of all pairings, for tables of any shape', () => {
  const table = fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 5 })).chain(([rows, columns]) =>
    fc.record({
      rows: fc.constant(rows),
      columns: fc.constant(columns),
      cost: fc.array(fc.integer({ min: -4, max: 12 }), { minLength: rows * columns, maxLength: rows * columns }),
    }),
  );
  fc.assert(
    fc.property(table, ({ rows, columns, cost }) => {
      const found = [...assign(Float64Array.from(cost), rows, columns, LIMIT)];
      expect(found).toHaveLength(rows);
      const used = found.filter((column) => column >= 0);
      expect(new Set(used).size).toBe(used.length);
      for (const [row, column] of found.entries())
        if (column >= 0) expect(cost[row * columns + column]).toBeLessThan(LIMIT);
      expect(sumOf(cost, columns, found)).toBe(least(cost, rows, columns));
    }),
    { numRuns: 500 },
  );
});
