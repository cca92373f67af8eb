import type { Bbox, Detection } from '@vigia/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FallChange } from './alarm.ts';
import { FallRule } from './fall-rule.ts';
import type { Look } from './look.ts';

const ASPECT = 4 / 3;

function person(bbox: Bbox, confidence = 0.9): Detection {
  return { class_id: 0, class_name: 'person', confidence, bbox };
}

/** Half the picture high, its feet at 0.9. */
const standing = (x = 0.5): Detection => person([x - 0.08, 0.4, x + 0.08, 0.9]);
/** On the floor, where it stood. */
const lying = (x = 0.5, confidence = 0.9): Detection => person([x - 0.2, 0.78, x + 0.2, 0.92], confidence);

/** A moment: what the whole picture shows, and what looks at it find. */
interface Scene {
  readonly whole: Detection[];
  readonly looks?: Detection[];
}

/** Plays a scene at these times. Results are not there when it says so. */
function play(
  rule: FallRule,
  timesMs: readonly number[],
  scene: (atMs: number) => Scene | undefined,
): { changes: FallChange[]; looks: Look[] } {
  const played: { changes: FallChange[]; looks: Look[] } = { changes: [], looks: [] };
  for (const atMs of timesMs) {
    const now = scene(atMs);
    if (!now) continue;
    const looks = rule.see(atMs, now.whole);
    for (const look of looks) if (now.looks) rule.looked(look, now.looks);
    played.looks.push(...looks);
    played.changes.push(...rule.settle());
  }
  return played;
}

const every = (ms: number, untilMs: number, fromMs = 0): number[] =>
  Array.from({ length: Math.ceil((untilMs - fromMs) / ms) }, (_, i) => fromMs + i * ms);
const starts = ({ changes }: { changes: FallChange[] }): FallChange[] =>
  changes.filter(({ phase }) => phase === 'start');

/** Stands until 2 s, is on the floor from 2.6 s on. The whole picture does not show who lies. */
function fall(atMs: number): Scene {
  if (atMs < 2_000) return { whole: [standing()] };
  if (atMs < 2_600) return { whole: [person([0.4, 0.4 + (atMs - 2_000) / 2_000, 0.62, 0.91], 0.5)] };
  return { whole: [], looks: [lying()] };
}

describe('a fall', () => {
  test('is an alarm 0.65 s after the body is down, found by looks alone', () => {
    const { changes, looks } = play(new FallRule(ASPECT), every(200, 5_000), fall);
    expect(starts({ changes })).toHaveLength(1);
    const [alarm] = changes;
    expect(alarm).toMatchObject({ phase: 'start', state: 'down' });
    expect(alarm?.atMs).toBeGreaterThanOrEqual(3_400);
    expect(alarm?.atMs).toBeLessThanOrEqual(3_600);
    expect(alarm?.evidence.drop).toBeCloseTo(0.76, 1);
    expect(alarm?.evidence.looks).toBeGreaterThan(1);
    expect(alarm?.evidence.looks).toBeLessThanOrEqual(alarm?.evidence.sightings ?? 0);
    expect(alarm?.bbox[1]).toBeCloseTo(0.78);
    expect(new Set(looks.map(({ turn }) => turn))).toEqual(new Set([0, 90]));
  });

  test('at any irregular rate from 2 to 10 results a second: one alarm, at most 2 s after down', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 100, max: 500 }), { minLength: 60, maxLength: 60 }), (steps) => {
        let atMs = 0;
        const times = steps.map((step) => (atMs += step)).filter((one) => one < 12_000);
        const found = starts(play(new FallRule(ASPECT), times, fall));
        expect(found).toHaveLength(1);
        expect((found[0]?.atMs ?? 0) - 2_600).toBeLessThanOrEqual(2_000);
      }),
    );
  });

  test('of somebody whose only picture upright is the first one', () => {
    const { changes } = play(new FallRule(ASPECT), every(200, 3_000), (atMs) => {
      if (atMs === 0) return { whole: [standing()] };
      if (atMs < 600) return { whole: [person([0.4, 0.5 + atMs / 4_000, 0.64, 0.92], 0.8)] };
      return { whole: [], looks: [lying()] };
    });
    expect(changes).toMatchObject([{ phase: 'start', state: 'down', reason: 'fall' }]);
  });

  test('without looks that find anybody, and low for one picture only, is not claimed', () => {
    const { changes } = play(new FallRule(ASPECT), every(200, 8_000), (atMs) => ({ whole: fall(atMs).whole }));
    expect(changes).toEqual([]);
  });

  test('goes on every 10 s, and ends a second after the person is upright again', () => {
    const rule = new FallRule(ASPECT);
    const scene = (atMs: number): Scene =>
      atMs < 20_000
        ? { ...fall(atMs), whole: atMs < 2_600 ? fall(atMs).whole : [lying(0.5, 0.3)] }
        : { whole: [standing()], looks: [] };
    const { changes } = play(rule, every(200, 25_000), scene);
    expect(changes.map(({ phase, state }) => `${phase} ${state}`)).toEqual([
      'start down',
      'update down',
      'end recovered',
    ]);
    expect(changes.at(-1)?.atMs).toBeGreaterThanOrEqual(21_000);
    expect(changes.at(-1)?.atMs).toBeLessThanOrEqual(21_600);
  });

  test('results that stop do not end it: who was seen down is an alarm at once, and one that is on is blind', () => {
    const early = new FallRule(ASPECT);
    expect(play(early, every(200, 3_000), fall).changes).toEqual([]);
    expect(early.blind()).toMatchObject([{ phase: 'start', state: 'blind' }]);
    expect(early.blind()).toMatchObject([{ phase: 'update', state: 'blind' }]);
    const late = new FallRule(ASPECT);
    play(late, every(200, 5_000), fall);
    expect(late.blind()).toMatchObject([{ phase: 'update', state: 'blind' }]);
  });

  test('a helper who comes does not end it', () => {
    const rule = new FallRule(ASPECT);
    const scene = (atMs: number): Scene => {
      if (atMs < 5_000) return fall(atMs);
      const x = Math.min(0.42, 0.02 + (atMs - 5_000) / 5_000);
      return { whole: [person([x - 0.08, 0.35, x + 0.08, 0.88])], looks: [lying()] };
    };
    const { changes } = play(rule, every(200, 9_000), scene);
    expect(changes.map(({ phase }) => phase)).toEqual(['start']);
  });

  test('who was lost and rises where he lay has recovered', () => {
    const scene = (atMs: number): Scene => (atMs < 10_000 ? fall(atMs) : { whole: [standing()], looks: [] });
    const { changes } = play(new FallRule(ASPECT), every(200, 14_000), scene);
    expect(changes.map(({ phase, state }) => `${phase} ${state}`)).toEqual(['start down', 'end recovered']);
  });

  test('looks that have no answer do not say that nobody lies there', () => {
    const scene = (atMs: number): Scene => (atMs < 10_000 ? fall(atMs) : { whole: [standing()] });
    const { changes } = play(new FallRule(ASPECT), every(200, 19_000), scene);
    expect(changes.map(({ phase }) => phase)).not.toContain('end');
  });

  test('without looks, upright has to be seen for ten seconds', () => {
    const scene = (atMs: number): Scene => {
      if (atMs < 2_600) return fall(atMs);
      return { whole: [atMs < 10_000 ? lying() : standing()] };
    };
    const { changes } = play(new FallRule(ASPECT, { canLook: false }), every(200, 25_000), scene);
    const end = changes.find(({ phase }) => phase === 'end');
    expect(end?.state).toBe('recovered');
    expect(end?.atMs).toBeGreaterThanOrEqual(20_000);
  });

  test('who sits up on the floor has not recovered', () => {
    const sitting = person([0.44, 0.66, 0.56, 0.92]);
    const scene = (atMs: number): Scene => (atMs < 8_000 ? fall(atMs) : { whole: [sitting], looks: [] });
    const { changes } = play(new FallRule(ASPECT), every(200, 30_000), scene);
    expect(changes.map(({ phase }) => phase)).not.toContain('end');
  });

  test('two sightings far apart are not a second upright', () => {
    const scene = (atMs: number): Scene => {
      if (atMs < 5_000) return fall(atMs);
      return { whole: atMs % 10_000 < 400 ? [standing()] : [], looks: [] };
    };
    const { changes } = play(new FallRule(ASPECT), every(200, 60_000), scene);
    expect(changes.map(({ phase }) => phase)).not.toContain('end');
  });

  test('who lies and is found by looks only is not gone; a time without results is none', () => {
    const rule = new FallRule(ASPECT);
    const found = play(rule, every(500, 700_000), fall);
    expect(found.changes.map(({ phase }) => phase)).not.toContain('end');
    const after = play(rule, every(500, 1_600_000, 1_590_000), () => ({ whole: [] }));
    expect(after.changes.map(({ phase }) => phase)).not.toContain('end');
  });

  test('a hole in the results during the fall does not hide it', () => {
    const hole = (atMs: number): Scene | undefined => {
      if (atMs < 2_000) return { whole: [standing()] };
      return atMs < 6_400 ? undefined : { whole: [lying()] };
    };
    expect(starts(play(new FallRule(ASPECT), every(200, 9_000), hole))).toHaveLength(1);
  });

  test('who is never seen again is gone after ten minutes, not before', () => {
    const scene = (atMs: number): Scene => (atMs < 5_000 ? fall(atMs) : { whole: [] });
    const { changes } = play(new FallRule(ASPECT), every(500, 640_000), scene);
    const end = changes.find(({ phase }) => phase === 'end');
    expect(end).toMatchObject({ state: 'gone' });
    expect(end?.atMs).toBeGreaterThan(600_000);
  });

  test('two people: each falls for himself', () => {
    const scene = (atMs: number): Scene => {
      const { whole, looks } = fall(atMs);
      return { whole: [...whole, standing(0.15)], ...(looks ? { looks } : {}) };
    };
    expect(starts(play(new FallRule(ASPECT), every(200, 6_000), scene))).toHaveLength(1);
  });
});

describe('no fall', () => {
  const never = (scene: (atMs: number) => Scene | undefined): void => {
    for (const ms of [100, 200, 500]) expect(play(new FallRule(ASPECT), every(ms, 12_000), scene).changes).toEqual([]);
  };

  test('standing, walking, coming nearer', () => {
    never(() => ({ whole: [standing()] }));
    never((atMs) => ({ whole: [standing(0.1 + atMs / 16_000)] }));
    never((atMs) => {
      const size = 0.3 + atMs / 40_000;
      return { whole: [person([0.5 - size / 6, 0.3 + atMs / 40_000, 0.5 + size / 6, 0.3 + size + atMs / 40_000])] };
    });
  });

  test('picking something up: low for less than a second', () => {
    never((atMs) => ({ whole: [atMs % 4_000 > 3_200 ? person([0.38, 0.66, 0.62, 0.92]) : standing()] }));
  });

  test('sitting down: lower, and no wider than high', () => {
    never((atMs) => ({ whole: [atMs < 3_000 ? standing() : person([0.42, 0.58, 0.58, 0.9])] }));
  });

  test('dropping onto a bed that the model sees, without a zone; in front of it is a fall', () => {
    const bed = (y: number): Detection => ({
      class_id: 59,
      class_name: 'bed',
      confidence: 0.5,
      bbox: [0.2, y - 0.3, 0.8, y],
    });
    const scene =
      (y: number) =>
      (atMs: number): Scene => {
        const { whole, looks } = fall(atMs);
        return { whole: [...whole, bed(y)], ...(looks ? { looks } : {}) };
      };
    never(scene(1));
    expect(starts(play(new FallRule(ASPECT), every(200, 6_000), scene(0.88)))).toHaveLength(1);
  });

  test('lying down slowly, on purpose', () => {
    never((atMs) => {
      if (atMs < 2_000) return { whole: [standing()] };
      if (atMs < 7_000) return { whole: [person([0.38, 0.62, 0.62, 0.9])] };
      return { whole: [lying()] };
    });
  });

  test('leaving through the lower edge; nothing is remembered, nobody is blind for it, and later falls get their looks', () => {
    const rule = new FallRule(ASPECT);
    const leaving = (atMs: number): Scene => {
      const at = atMs % 6_000;
      if (at < 2_000) return { whole: [standing(0.2)] };
      return at < 2_400 ? { whole: [person([0.08, 0.72, 0.32, 1])], looks: [] } : { whole: [], looks: [] };
    };
    expect(play(rule, every(200, 60_000), leaving).changes).toEqual([]);
    expect(rule.blind()).toEqual([]);
    const later = play(rule, every(200, 66_000, 60_000), (atMs) => fall(atMs - 60_000));
    expect(starts(later)).toHaveLength(1);
  });

  test('leaving the picture, or going behind something', () => {
    never((atMs) => (atMs < 3_000 ? { whole: [standing()] } : { whole: [], looks: [] }));
  });

  test('looks that find somebody else who is seen, or a body of another size', () => {
    never((atMs) => ({
      whole: atMs < 3_000 ? [standing(), standing(0.2)] : [person([0.1, 0.4, 0.3, 0.9])],
      looks: [person([0.12, 0.7, 0.3, 0.9])],
    }));
    never((atMs) => ({
      whole: atMs < 3_000 ? [standing()] : [],
      looks: [person([0, 0.75, 1, 0.95]), person([0.49, 0.85, 0.52, 0.87])],
    }));
  });

  test('other classes, low confidences of looks, results that are older', () => {
    const dog = { ...lying(), class_name: 'dog' };
    never((atMs) => (atMs < 3_000 ? { whole: [standing()] } : { whole: [dog], looks: [dog, lying(0.5, 0.19)] }));
    const rule = new FallRule(ASPECT);
    play(rule, every(200, 2_000), fall);
    expect(rule.see(1_000, [lying()])).toEqual([]);
  });
});

test('a result that did not come is not a result with nobody in it', () => {
  const missing = (atMs: number): Scene | undefined => (atMs > 2_500 && atMs < 3_300 ? undefined : fall(atMs));
  expect(starts(play(new FallRule(ASPECT), every(200, 6_000), missing))).toHaveLength(1);
});

test('numbers of people go on in the rule that follows', () => {
  const rule = new FallRule(ASPECT, { firstPerson: 7 });
  const [alarm] = play(rule, every(200, 5_000), fall).changes;
  expect(alarm?.person).toBe(7);
  expect(rule.nextPerson).toBe(8);
});

test('nobody is remembered for ever', () => {
  const rule = new FallRule(ASPECT);
  const { looks } = play(rule, every(200, 60_000), (atMs) => ({ whole: [standing(0.1 + ((atMs / 4_000) % 8) / 10)] }));
  expect(looks.length).toBeLessThan(1_500);
  expect(play(rule, every(200, 80_000, 60_000), () => ({ whole: [] })).looks.length).toBeLessThan(60);
});
