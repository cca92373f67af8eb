import type { Detection } from '@vigia/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BedChange, BedRule } from './bed-rule.ts';
import {
  ASPECT,
  OUTLINE,
  standing,
  onEdge,
  sitting,
  lying,
  EVERY_MS,
  phases,
  walk,
  NIGHT,
  person,
  play,
  type Scene,
} from '../../test/bed-scenes.ts';

describe('a night', () => {
  test.each([100, 200, 500])('has its phases, each within a second, with a result every %i ms', (everyMs) => {
    const changes = play(NIGHT, 40_000, everyMs);
    expect(phases(changes)).toEqual(['edge', 'sitting', 'in', 'sitting', 'edge', 'out']);
    const truth = [4_000, 8_000, 11_000, 25_000, 28_000, 32_000];
    changes.forEach(({ atMs, sinceMs }, i) => {
      expect(atMs - (truth[i] as number)).toBeLessThanOrEqual(1_000);
      expect(Math.abs(sinceMs - (truth[i] as number))).toBeLessThanOrEqual(500);
    });
  });

  test('goes on at irregular rates and with lost results', () => {
    const gaps = fc.array(fc.integer({ min: 100, max: 450 }), { minLength: 400, maxLength: 400 });
    fc.assert(
      fc.property(gaps, (steps) => {
        const rule = new BedRule(ASPECT, { bed: OUTLINE });
        const changes: BedChange[] = [];
        let atMs = 0;
        for (const step of steps) {
          atMs += step;
          if (atMs > 40_000) break;
          const seen = NIGHT.findLast(([from]) => from <= atMs)?.[1](atMs);
          const change = seen && rule.see(atMs, seen);
          if (change) changes.push(change);
        }
        expect(phases(changes)).toEqual(['edge', 'sitting', 'in', 'sitting', 'edge', 'out']);
      }),
      { numRuns: 50 },
    );
  });

  test('lying is seen, too', () => {
    expect(phases(play([...NIGHT.slice(0, 3), [11_000, () => [lying()]], ...NIGHT.slice(4)], 40_000))).toEqual([
      'edge',
      'sitting',
      'in',
      'sitting',
      'edge',
      'out',
    ]);
  });
});

describe('who gets up', () => {
  test('and is seen only when they stand already has left', () => {
    const scene: Scene = [...NIGHT.slice(0, 4), [25_000, (atMs) => [standing(walk(0.5, 0.9, 26_000, 29_000)(atMs))]]];
    expect(phases(play(scene, 30_000))).toEqual(['edge', 'sitting', 'in', 'out']);
  });

  test('and is seen only once before they leave the picture', () => {
    for (const from of ['edge', 'in'] as const) {
      const scene: Scene = [
        ...NIGHT.slice(0, from === 'in' ? 4 : 2),
        // Somebody is known when seen twice: before that, only who was on the edge.
        [20_000, () => (from === 'in' ? [standing()] : [onEdge()])],
        [20_400, () => [standing(0.6)]],
        [20_600, () => []],
      ];
      expect(phases(play(scene, 24_000)).at(-1)).toBe('out');
    }
  });

  test('and was lost on the edge for a moment', () => {
    const scene: Scene = [
      [0, () => [onEdge(0.38)]],
      [3_000, () => []],
      [6_000, () => [standing(0.66)]],
    ];
    expect(phases(play(scene, 8_000)).at(-1)).toBe('out');
  });

  test('and is seen unsurely until they have walked away', () => {
    const rises = (atMs: number): Detection[] => [
      {
        ...standing(walk(0.5, 0.9, 20_200, 22_200)(atMs)),
        confidence: atMs < 20_200 ? 0.45 : atMs < 21_600 ? 0.25 : 0.8,
      },
    ];
    expect(phases(play([...NIGHT.slice(0, 4), [20_000, rises]], 24_000)).at(-1)).toBe('out');
  });

  test('while nobody looked', () => {
    const scene: Scene = [...NIGHT.slice(0, 4), [20_000, () => undefined], [24_000, () => [standing(0.9)]]];
    expect(phases(play(scene, 26_000)).at(-1)).toBe('out');
  });

  test('after results had stopped', () => {
    const rule = new BedRule(ASPECT, { bed: OUTLINE });
    play(NIGHT.slice(0, 4), 20_000, EVERY_MS, rule);
    rule.blind();
    const after: Scene = [
      [0, () => []],
      [30_000, () => [standing()]],
    ];
    expect(phases(play(after, 32_000, EVERY_MS, rule))).toEqual(['out']);
    expect(rule.wasIn).toBe(true);
  });

  test('from a bed of which nothing was known', () => {
    const scene: Scene = [
      [0, () => []],
      [5_000, () => [sitting()]],
      [8_000, () => [onEdge()]],
      [12_000, () => [standing()]],
    ];
    expect(phases(play(scene, 14_000))).toEqual(['sitting', 'edge', 'out']);
  });

  test('after falling onto the bed unseen: nobody knew, and then they left', () => {
    const scene: Scene = [
      ...NIGHT.slice(0, 2),
      [6_000, () => [standing()]],
      [8_000, () => []],
      [20_000, () => [standing()]],
    ];
    const changes = play(scene, 22_000);
    expect(phases(changes)).toEqual(['edge', 'out', 'unknown', 'out']);
    expect(changes[2]).toMatchObject({ before: 'out', sinceMs: 7_800 });
  });
});

describe('who stood before the bed', () => {
  const hidden = (forMs: number): Scene => [
    [0, () => [onEdge()]],
    [2_000, () => [standing()]],
    [4_000, () => []],
    [4_000 + forMs, () => [standing()]],
    [9_000, () => [onEdge()]],
    [11_000, () => [sitting()]],
  ];

  test('and was hidden for less than two seconds is out, and can get in', () => {
    expect(phases(play(hidden(1_900), 13_000))).toEqual(['edge', 'out', 'unknown', 'out', 'edge', 'sitting']);
  });

  test('is not in it because somebody bent over it long before', () => {
    const scene: Scene = [
      [0, () => [onEdge()]],
      [2_000, () => [standing()]],
      [4_000, () => [sitting(0.35)]],
      [4_400, () => [standing(0.62)]],
      [8_000, () => []],
    ];
    expect(phases(play(scene, 14_000)).at(-1)).toBe('unknown');
  });
});

describe('who sits on the edge', () => {
  test('straighter than others, and lies down, is in', () => {
    const scene: Scene = [
      [0, () => [person([0.4, 0.3, 0.6, 0.76])]],
      [2_000, () => [person([0.42, 0.25, 0.58, 0.76])]],
      [4_000, () => []],
    ];
    expect(phases(play(scene, 6_000))).toEqual(['edge', 'in']);
  });

  /** Three quarters as high as others, and walks by. */
  const small = (x: number): Detection => person([x - 0.05, 0.45, x + 0.05, 0.9]);
  const passes = walk(0.06, 0.94, 2_000, 6_000);
  const tall = (bottom: number): Detection => person([0.4, bottom - 0.42, 0.6, bottom]);

  test('sits also when somebody small is known to stand, until they grow', () => {
    const scene: Scene = [
      [0, () => [tall(0.74)]],
      [2_000, (atMs) => [tall(0.74), small(passes(atMs))]],
      [7_000, () => [tall(0.74)]],
      [9_000, () => [standing()]],
    ];
    expect(phases(play(scene, 8_500))).toEqual(['edge']);
    expect(phases(play(scene, 11_000))).toEqual(['edge', 'out']);
  });
});

describe('no phase', () => {
  test('of whom the model sees unsurely', () => {
    const faint = person([0.4, 0.3, 0.6, 0.76], 0.2);
    expect(
      phases(
        play(
          [
            [0, () => [standing()]],
            [1_000, () => [faint]],
          ],
          1_600,
        ),
      ),
    ).toEqual([]);
  });

  test('of who stood before the bed when results stopped', () => {
    const scene: Scene = [
      [0, () => [onEdge()]],
      [2_000, () => [standing()]],
      [4_000, () => undefined],
      [7_000, () => []],
      [7_200, () => [standing()]],
    ];
    expect(phases(play(scene, 9_000))).toEqual(['edge', 'out']);
  });

  test('of who kneels in front of the bed', () => {
    const kneeling = person([0.4, 0.45, 0.6, 0.9]);
    expect(
      phases(
        play(
          [
            [0, () => [standing()]],
            [2_000, () => [kneeling]],
          ],
          5_000,
        ),
      ),
    ).toEqual([]);
  });

  test('of who is somewhere to ignore', () => {
    const everywhere = {
      kind: 'ignore' as const,
      points: [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 1],
      ] as [number, number][],
    };
    const rule = new BedRule(ASPECT, { bed: OUTLINE, zones: [everywhere] });
    expect(play(NIGHT, 40_000, EVERY_MS, rule)).toEqual([]);
  });

  test('in the time without results: who was not looked at has not vanished', () => {
    const sits: Scene = [
      [0, () => [onEdge()]],
      [3_000, () => undefined],
      [6_000, () => [onEdge()]],
    ];
    expect(phases(play(sits, 8_000))).toEqual(['edge']);
    const lies: Scene = [
      [0, () => [onEdge()]],
      [3_000, () => undefined],
      [6_000, () => []],
    ];
    expect(play(lies, 8_000).map(({ phase, sinceMs }) => [phase, sinceMs])).toEqual([
      ['edge', 200],
      ['in', 2_800],
    ]);
  });

  test('without results, and nothing is known after them', () => {
    const rule = new BedRule(ASPECT, { bed: OUTLINE });
    expect(phases(play(NIGHT.slice(0, 4), 20_000, EVERY_MS, rule))).toEqual(['edge', 'sitting', 'in']);
    rule.blind();
    expect(rule.phase).toBe('unknown');
    expect(rule.sinceMs).toBeUndefined();
    expect(rule.wasIn).toBe(false);
    expect(rule.see(30_000, [])).toBeUndefined();
    expect(rule.phase).toBe('unknown');
  });
});

test('a result that is older than the one before is ignored', () => {
  const rule = new BedRule(ASPECT, { bed: OUTLINE });
  rule.see(1_000, [onEdge()]);
  rule.see(1_200, [onEdge()]);
  expect(rule.see(900, [onEdge()])).toBeUndefined();
  expect(rule.see(1_400, [onEdge()])).toBeUndefined();
  expect(rule.see(1_600, [onEdge()])).toMatchObject({ phase: 'edge', before: 'unknown' });
  rule.see(500, []);
  expect(rule.people()).toMatchObject([{ place: 'edge', isSeen: true, isHelper: false }]);
});
