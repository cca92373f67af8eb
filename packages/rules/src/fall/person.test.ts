import { describe, expect, test } from 'vitest';
import type { Body } from '../body.ts';
import { FALL_DEFAULTS } from './limits.ts';
import { looksAt } from './look.ts';
import { Person } from './person.ts';

/** A box whose top is at a share of the picture's height. */
function body(top: number, width: number, height: number): Body {
  return { left: 1, right: 1 + width, top, bottom: top + height, width, height };
}

const TALL = body(0.3, 0.15, 0.5);
/** On the floor; its top fell by 0.9 heights. */
const FLAT = body(0.75, 0.5, 0.12);

/** Stands for a second, until `atMs` 800. */
function standing(tall = TALL): Person {
  const one = new Person(1, FALL_DEFAULTS);
  for (let atMs = 0; atMs <= 800; atMs += 200) one.see({ atMs, body: tall, score: 0.9, looked: false });
  return one;
}

function see(one: Person, atMs: number, what: Body, score = 0.9): void {
  one.see({ atMs, body: what, score, looked: false });
}

/** Whether one sighting after standing is down. */
function isDownAs(what: Body, tall = TALL): boolean {
  const one = standing(tall);
  see(one, 1_000, what);
  return one.isDown;
}

describe('down', () => {
  test.each([
    ['half a height lower and wide', body(0.56, 0.3, 0.28), true],
    ['half a height lower, and as wide as high', body(0.56, 0.29, 0.3), false],
    ['half a height lower and flat', body(0.56, 0.2, 0.24), true],
    ['less than half, and wide', body(0.54, 0.3, 0.28), false],
    ['much lower in no clear shape', body(0.67, 0.25, 0.28), true],
    ['much lower, and standing: it is somebody in front', body(0.67, 0.2, 0.45), false],
    ['a third lower, very wide and very flat: from a chair', body(0.5, 0.35, 0.2), true],
    ['a third lower, very wide only', body(0.5, 0.35, 0.25), false],
    ['a quarter lower, as wide as only who lies, and lower: seen from a high corner', body(0.43, 0.55, 0.35), true],
    ['a quarter lower and lower, but not as wide', body(0.43, 0.5, 0.35), false],
    ['a quarter lower and as wide, but as high as before', body(0.43, 0.65, 0.42), false],
    ['a fifth lower, as wide and lower', body(0.42, 0.55, 0.35), false],
    ['further down than anybody falls', body(0.95, 0.5, 0.05), false],
  ])('%s: %s', (_, what, isIt) => {
    expect(isDownAs(what)).toBe(isIt);
  });

  test('people of less than an eighth of the picture are not judged', () => {
    expect(isDownAs(body(0.4, 0.12, 0.03), body(0.3, 0.03, 0.11))).toBe(false);
    expect(isDownAs(body(0.4, 0.15, 0.03), body(0.3, 0.03, 0.13))).toBe(true);
  });

  test('rises when the top is near to where it was, if that is sure', () => {
    const one = standing();
    see(one, 1_000, FLAT);
    see(one, 1_200, body(0.46, 0.4, 0.3), 0.2);
    expect(one.isDown).toBe(true);
    see(one, 1_200, body(0.5, 0.4, 0.3));
    expect(one.isDown).toBe(true);
    see(one, 1_400, body(0.46, 0.4, 0.3));
    expect(one.isDown).toBe(false);
  });
});

describe('fallen', () => {
  const after = (...sightings: readonly (readonly [number, Body])[]): Person => {
    const one = standing();
    for (const [atMs, what] of sightings) see(one, atMs, what);
    return one;
  };

  test('after 0.65 s down, seen twice, the last time lately', () => {
    expect(after([1_000, FLAT], [1_600, FLAT]).isFallen(1_600)).toBe(false);
    expect(after([1_000, FLAT], [1_650, FLAT]).isFallen(1_650)).toBe(true);
    expect(after([1_000, FLAT]).isFallen(1_800)).toBe(false);
    expect(after([1_000, FLAT], [1_200, FLAT]).isFallen(2_000)).toBe(true);
    expect(after([1_000, FLAT], [1_200, FLAT]).isFallen(2_001)).toBe(false);
  });

  test('once down counts after having been low twice', () => {
    const low = body(0.58, 0.2, 0.3);
    expect(after([1_000, low], [1_400, low], [1_850, FLAT]).isFallen(1_850)).toBe(true);
    expect(after([1_400, low], [1_850, FLAT]).isFallen(2_300)).toBe(false);
  });

  test('not when the newest sighting shows something else', () => {
    const one = after([1_000, FLAT], [1_400, FLAT], [1_900, body(0.54, 0.3, 0.28)]);
    expect(one.isFallen(1_900)).toBe(false);
  });

  test('sightings too far apart begin anew', () => {
    expect(after([1_000, FLAT], [2_300, FLAT]).isFallen(2_300)).toBe(false);
    expect(after([1_000, FLAT], [2_200, FLAT]).isFallen(2_200)).toBe(true);
  });

  test('who is cut off by the lower edge and gone was seen down for longer', () => {
    const cut = body(0.8, 0.4, 0.2);
    expect(after([1_000, cut], [1_400, cut]).isFallen(1_900)).toBe(false);
    expect(after([1_000, cut], [1_600, cut]).isFallen(1_900)).toBe(true);
    expect(after([1_000, cut], [1_900, cut]).isFallen(1_900)).toBe(true);
  });
});

test('two looks: at the feet of who stood, 1.6 heights large, upright and turned', () => {
  expect(looksAt(4, TALL, 0.5)).toEqual([
    { person: 4, x: 1.075, y: expect.closeTo(0.55), side: 0.8, turn: 0 },
    { person: 4, x: 1.075, y: expect.closeTo(0.55), side: 0.8, turn: 90 },
  ]);
});
