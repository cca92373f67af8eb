import type { Detection } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { BedRule } from './bed-rule.ts';
import {
  ASPECT,
  OUTLINE,
  standing,
  onEdge,
  sitting,
  elsewhere,
  EVERY_MS,
  phases,
  walk,
  NIGHT,
  play,
  type Scene,
} from '../../test/bed-scenes.ts';

describe('whether somebody was in the bed', () => {
  const wasIn = (scene: Scene, untilMs: number): boolean => {
    const rule = new BedRule(ASPECT, { bed: OUTLINE });
    play(scene, untilMs, EVERY_MS, rule);
    return rule.wasIn;
  };

  test('is known of who was seen to get in, and of who appears on it', () => {
    expect(wasIn(NIGHT, 30_000)).toBe(true);
    expect(
      wasIn(
        [
          [0, () => []],
          [2_000, () => [onEdge()]],
        ],
        4_000,
      ),
    ).toBe(true);
  });

  test('sitting down is not getting up', () => {
    expect(wasIn(NIGHT, 6_000)).toBe(false);
    const again: Scene = [
      [0, () => [onEdge()]],
      [2_000, (atMs) => [standing(walk(0.5, 0.9, 2_000, 5_000)(atMs))]],
      [8_000, (atMs) => [standing(walk(0.9, 0.5, 8_000, 11_000)(atMs))]],
      [12_000, () => [onEdge()]],
    ];
    expect(wasIn(again, 14_000)).toBe(false);
  });
});

describe('helpers', () => {
  const help = walk(0.93, 0.55, 15_000, 18_000);
  const leave = walk(0.55, 0.93, 20_000, 23_000);
  const aside = walk(0.55, 0.8, 20_000, 21_000);
  const HELPED: Scene = [
    ...NIGHT.slice(0, 4),
    [15_000, (atMs) => [elsewhere(help(atMs))]],
    [20_000, (atMs) => [elsewhere(leave(atMs))]],
    [24_000, () => []],
  ];

  test('who come and go do not get out of the bed', () => {
    expect(phases(play(HELPED, 30_000))).toEqual(['edge', 'sitting', 'in']);
  });

  test('who are lost beside the bed for a moment do not either', () => {
    const scene: Scene = [
      ...HELPED.slice(0, 5),
      [18_500, () => []],
      [21_600, (atMs) => [elsewhere(leave(atMs))]],
      [24_000, () => []],
    ];
    expect(phases(play(scene, 30_000))).toEqual(['edge', 'sitting', 'in']);
  });

  test('who were there before somebody got in are helpers, too', () => {
    const nurse = (atMs: number): Detection => elsewhere(walk(0.8, 0.6, 5_000, 6_000)(atMs));
    const scene: Scene = [
      [0, (atMs) => [nurse(atMs), onEdge(0.42)]],
      [5_000, (atMs) => [nurse(atMs)]],
      [8_000, () => []],
      [11_000, (atMs) => [elsewhere(walk(0.62, 0.95, 11_000, 14_000)(atMs))]],
      [15_000, () => []],
    ];
    expect(phases(play(scene, 18_000))).toEqual(['edge', 'in']);
  });

  test('who are seen unsurely are not lost: who rises before them gets up', () => {
    const faint = (): Detection => ({ ...elsewhere(0.6), confidence: 0.3 });
    const scene: Scene = [
      ...HELPED.slice(0, 5),
      [20_000, (atMs) => [atMs % 400 === 0 ? faint() : elsewhere(0.6), standing(0.4)]],
      [22_000, (atMs) => [elsewhere(0.6), standing(walk(0.4, 0.05, 22_000, 25_000)(atMs))]],
    ];
    expect(phases(play(scene, 27_000)).at(-1)).toBe('out');
  });

  test('who appear beside somebody who sits up are no one who gets up', () => {
    const scene: Scene = [
      ...NIGHT.slice(0, 4),
      [15_000, () => [sitting(0.4)]],
      [17_000, () => [sitting(0.4), standing(0.68)]],
      [19_000, (atMs) => [sitting(0.4), standing(walk(0.68, 0.9, 19_000, 21_000)(atMs))]],
      [22_000, () => [sitting(0.4)]],
    ];
    expect(phases(play(scene, 26_000))).toEqual(['edge', 'sitting', 'in', 'sitting']);
  });

  test('who have just left by the door do not hide who gets up', () => {
    const scene: Scene = [...HELPED.slice(0, 6), [23_400, () => [standing(0.35)]]];
    expect(phases(play(scene, 26_000)).at(-1)).toBe('out');
  });

  test('who lie down themselves, when the bed is free, get up, too', () => {
    const scene: Scene = [
      ...HELPED.slice(0, 5),
      [20_000, (atMs) => [elsewhere(0.55), standing(walk(0.4, 0.02, 20_000, 24_000)(atMs))]],
      [25_000, () => [onEdge(0.55)]],
      [27_000, () => []],
      [29_800, () => [standing(0.36)]],
    ];
    const all = phases(play(scene, 32_000));
    expect(all.slice(-3)).toEqual(['edge', 'in', 'out']);
  });

  test('do not hide who gets up beside them', () => {
    const scene: Scene = [
      ...HELPED.slice(0, 5),
      [20_000, (atMs) => [elsewhere(aside(atMs))]],
      [21_500, () => [elsewhere(0.8), sitting(0.45)]],
      [24_000, () => [elsewhere(0.8), onEdge(0.45)]],
      [27_000, () => [elsewhere(0.8), standing(0.45)]],
    ];
    expect(phases(play(scene, 29_000))).toEqual(['edge', 'sitting', 'in', 'sitting', 'edge', 'out']);
  });
});
