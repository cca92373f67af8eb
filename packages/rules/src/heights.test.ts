import { describe, expect, test } from 'vitest';
import { bodyOf } from './body.ts';
import { StandingHeights } from './heights.ts';

const WALKING = 0.5;
const standing = (height: number, bottom: number): ReturnType<typeof bodyOf> =>
  bodyOf([0.4, bottom - height, 0.4 + height / 4, bottom], 1);

describe('how high who stands is', () => {
  test('nobody knows before anybody walked', () => {
    const heights = new StandingHeights();
    heights.learn(standing(0.5, 0.8), 0.9, 0);
    heights.learn(standing(0.5, 0.8), 0.3, WALKING);
    heights.learn(standing(0.8, 0.995), 0.9, WALKING);
    expect(heights.at(0.8)).toBeUndefined();
  });

  test('is the same everywhere until two places are known', () => {
    const heights = new StandingHeights();
    heights.learn(standing(0.5, 0.8), 0.9, WALKING);
    expect(heights.at(0.6)).toBeCloseTo(0.5);
  });

  test('grows with nearness', () => {
    const heights = new StandingHeights();
    for (const bottom of [0.6, 0.7, 0.9]) heights.learn(standing(bottom - 0.2, bottom), 0.9, -WALKING);
    expect(heights.at(0.8)).toBeCloseTo(0.6, 1);
    expect(heights.at(0.95)).toBeCloseTo(0.75, 1);
  });

  test('is not guessed beyond half as much again', () => {
    const heights = new StandingHeights();
    for (const bottom of [0.5, 0.65]) heights.learn(standing(bottom - 0.4, bottom), 0.9, WALKING);
    expect(heights.at(0.95)).toBeCloseTo(0.375, 2);
    expect(heights.at(0.3)).toBeCloseTo(0.1 / 1.5, 2);
  });

  test('is not lowered by some who bend down, and changes with who is there now', () => {
    const heights = new StandingHeights();
    for (let i = 0; i < 20; i += 1) heights.learn(standing(i % 5 === 0 ? 0.3 : 0.5, 0.8), 0.9, WALKING);
    expect(heights.at(0.8)).toBeCloseTo(0.5);
    for (let i = 0; i < 25; i += 1) heights.learn(standing(0.45, 0.8), 0.9, WALKING);
    expect(heights.at(0.8)).toBeCloseTo(0.45);
  });
});
