import { describe, expect, test } from 'vitest';
import { fewestColumns } from './layout.ts';

describe('columns', () => {
  const groups = (...tiles: number[]): { tiles: number; below: () => number }[] =>
    tiles.map((count) => ({ tiles: count, below: () => 50 }));

  test('are the fewest with which everything is in sight', () => {
    expect(fewestColumns({ width: 1408, height: 824 }, groups(1))).toBe(2);
    expect(fewestColumns({ width: 944, height: 824 }, groups(4, 24, 3))).toBe(7);
  });

  test('leave every tile 125 pixels', () => {
    expect(fewestColumns({ width: 944, height: 100 }, groups(100))).toBe(7);
    expect(fewestColumns({ width: 100, height: 100 }, groups(3))).toBe(1);
  });
});
