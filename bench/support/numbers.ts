/** Percentile by nearest rank; `q` is 0..1. NaN without values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** The arithmetic mean. NaN without values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Milliseconds as text: two decimals below 10, one below 100, else none. */
export function ms(value: number): string {
  if (Number.isNaN(value)) return '–';
  return Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0);
}

/** p50, p95, p99 and the largest, as text. */
export function quantileCells(values: readonly number[]): string[] {
  return [0.5, 0.95, 0.99, 1].map((q) => ms(quantile(values, q)));
}

/** Adds `source` to `target`, key by key. */
export function addCounts(target: Record<string, number>, source: Readonly<Record<string, number>>): void {
  for (const [key, count] of Object.entries(source)) target[key] = (target[key] ?? 0) + count;
}

/** `3 overwritten, 1 stale`; `none` when all are 0. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count !== 0);
  return some.map(([key, count]) => `${count} ${key}`).join(', ') || 'none';
}
