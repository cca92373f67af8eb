import type { Bbox, Detection, ZoneConfig } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import type { FallChange } from './alarm.ts';
import { FallRule } from './fall-rule.ts';
import type { Look } from './look.ts';

const ASPECT = 4 / 3;
const FLOOR: ZoneConfig = {
  kind: 'floor',
  points: [
    [0, 0.3],
    [1, 0.3],
    [1, 1],
    [0, 1],
  ],
};
const BED: ZoneConfig = {
  kind: 'bed',
  points: [
    [0.25, 0.6],
    [0.75, 0.6],
    [0.75, 1],
    [0.25, 1],
  ],
};

function person(bbox: Bbox, confidence = 0.9): Detection {
  return { class_id: 0, class_name: 'person', confidence, bbox };
}
const standing = (x = 0.5): Detection => person([x - 0.08, 0.4, x + 0.08, 0.9]);
const lying = (x = 0.5, confidence = 0.9): Detection => person([x - 0.2, 0.78, x + 0.2, 0.92], confidence);

interface Scene {
  readonly whole: Detection[];
  readonly looks?: Detection[];
}

function ruleOf(zones: readonly ZoneConfig[] = [FLOOR], longLieMs: number | undefined = 10_000): FallRule {
  return new FallRule(ASPECT, { zones, longLieMs });
}

/** Five results a second. */
function play(
  rule: FallRule,
  untilMs: number,
  scene: (atMs: number) => Scene | undefined,
  fromMs = 0,
): { changes: FallChange[]; looks: { atMs: number; look: Look }[] } {
  const changes: FallChange[] = [];
  const all: { atMs: number; look: Look }[] = [];
  for (let atMs = fromMs; atMs < untilMs; atMs += 200) {
    const now = scene(atMs);
    if (!now) continue;
    const looks = rule.see(atMs, now.whole);
    for (const look of looks) if (now.looks) rule.looked(look, now.looks);
    all.push(...looks.map((look) => ({ atMs, look })));
    changes.push(...rule.settle());
  }
  return { changes, looks: all };
}

/** Seen lying in the whole picture once in 2 s, and unsurely again, as detectors do; looks always find them. */
const rarely = (atMs: number, everyMs = 2_000): Scene => {
  const sinceMs = atMs % everyMs;
  return { whole: sinceMs === 0 ? [lying()] : sinceMs === 200 ? [lying(0.5, 0.15)] : [], looks: [lying()] };
};

describe('a long lie', () => {
  test('of somebody who was never upright is an alarm after 10 s, found by a look a second', () => {
    const { changes, looks } = play(ruleOf(), 14_000, rarely);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({ phase: 'start', state: 'down', reason: 'long_lie' });
    expect(changes[0]?.evidence.drop).toBeUndefined();
    expect(changes[0]?.atMs).toBeGreaterThanOrEqual(10_000);
    expect(changes[0]?.atMs).toBeLessThanOrEqual(12_200);
    expect(changes[0]?.downMs).toBeGreaterThanOrEqual(10_000);
    expect(changes[0]?.downMs).toBeLessThanOrEqual(11_000);
    expect(changes[0]?.evidence.sightings).toBeGreaterThan(5);
    expect(changes[0]?.evidence.looks).toBeGreaterThan(3);
    const times = new Set(looks.filter(({ atMs }) => atMs < 10_000).map(({ atMs }) => atMs));
    expect(times.size).toBeLessThanOrEqual(10);
    expect(times.size).toBeGreaterThan(3);
  });

  test('of somebody who lay down slowly counts from when they lay', () => {
    const slowly = (atMs: number): Scene => {
      if (atMs < 2_000) return { whole: [standing()] };
      // Sits for 6 s.
      if (atMs < 8_000) return { whole: [person([0.4, 0.6, 0.62, 0.9])] };
      return rarely(atMs);
    };
    const { changes } = play(ruleOf(), 21_000, slowly);
    expect(changes.map(({ phase, reason }) => `${phase} ${reason}`)).toEqual(['start long_lie']);
    expect(changes[0]?.atMs).toBeGreaterThanOrEqual(18_000);
    expect(changes[0]?.downMs).toBeLessThanOrEqual(11_500);
  });

  test('on a bed is none, and nobody looks', () => {
    const { changes, looks } = play(ruleOf([FLOOR, BED]), 30_000, rarely);
    expect(changes).toEqual([]);
    expect(looks).toEqual([]);
  });

  test('where no zone tells a floor from a bed is none, and nobody looks', () => {
    const { changes, looks } = play(ruleOf([{ ...FLOOR, kind: 'ignore' }]), 30_000, () => ({ whole: [lying()] }));
    expect([changes, looks]).toEqual([[], []]);
    expect(play(ruleOf([]), 30_000, rarely).changes).toEqual([]);
  });

  test('that is switched off is none', () => {
    const rule = new FallRule(ASPECT, { zones: [FLOOR] });
    expect(play(rule, 30_000, rarely)).toEqual({ changes: [], looks: [] });
  });

  test('of somebody who falls is one alarm: that of the fall', () => {
    const fall = (atMs: number): Scene => (atMs < 2_000 ? { whole: [standing()] } : rarely(atMs));
    const { changes } = play(ruleOf(), 18_000, fall);
    expect(changes.map(({ phase, reason }) => `${phase} ${reason}`)).toEqual(['start fall', 'update fall']);
  });

  test('of a body that is lost and found again is one alarm', () => {
    // Nothing in the whole picture for 6 s at a time: the tracker gives up, looks do not.
    const { changes } = play(ruleOf(), 30_000, (atMs) => (atMs < 2_400 ? rarely(atMs) : rarely(atMs - 2_000, 6_000)));
    expect(changes.filter(({ phase }) => phase === 'start')).toHaveLength(1);
    expect(new Set(changes.map((change) => change.person)).size).toBe(1);
  });

  test('of a body of which a part is detected, too, is one alarm', () => {
    const legs = person([0.55, 0.8, 0.75, 0.9]);
    const both = person([0.2, 0.77, 0.75, 0.93]);
    const { changes } = play(ruleOf(), 15_000, (atMs) => ({ whole: atMs % 400 === 0 ? [both] : [legs] }));
    expect(changes.filter(({ phase }) => phase === 'start')).toHaveLength(1);
  });

  test('ends when the person is upright again', () => {
    const rise = (atMs: number): Scene => (atMs < 15_000 ? rarely(atMs) : { whole: [standing()], looks: [] });
    const { changes } = play(ruleOf(), 20_000, rise);
    expect(changes.map(({ phase, state }) => `${phase} ${state}`)).toEqual(['start down', 'end recovered']);
  });

  test.each([
    ['looks still find', [], [lying()]],
    ['the whole picture still shows', [lying()], []],
  ])('goes on while somebody stands there and %s the one who lies', (_, whole, looks) => {
    const helped = (atMs: number): Scene =>
      atMs < 12_000 ? rarely(atMs) : { whole: [standing(0.45), ...whole], looks };
    const { changes } = play(ruleOf(), 30_000, helped);
    expect(changes.map(({ phase }) => phase)).toEqual(['start', 'update']);
  });

  test('is in doubt after results have stopped: who is upright then must be so for 3 s again', () => {
    const rule = ruleOf();
    play(rule, 12_000, rarely);
    const upright = (): Scene => ({ whole: [standing()], looks: [] });
    expect(play(rule, 14_800, upright, 12_000).changes).toEqual([]);
    expect(rule.blind()).toMatchObject([{ phase: 'update', state: 'blind' }]);
    expect(play(rule, 17_600, upright, 15_000).changes.filter(({ phase }) => phase === 'end')).toEqual([]);
    expect(play(rule, 18_600, upright, 17_600).changes).toMatchObject([{ phase: 'end', state: 'recovered' }]);
  });

  test('of somebody who sits up in between begins anew', () => {
    const scene = (atMs: number): Scene =>
      atMs > 6_000 && atMs < 8_000
        ? { whole: [person([0.42, 0.5, 0.58, 0.9])] }
        : { whole: [atMs > 6_000 && atMs < 13_000 ? person([0.38, 0.65, 0.62, 0.92]) : lying()] };
    expect(play(ruleOf(), 22_000, scene).changes).toEqual([]);
    expect(play(ruleOf(), 24_000, scene).changes).toMatchObject([{ reason: 'long_lie', atMs: 23_000 }]);
  });

  test('of somebody who was not seen for more than 6 s begins anew', () => {
    const scene = (atMs: number): Scene =>
      atMs > 6_000 && atMs < 13_000 ? { whole: [], looks: [] } : { whole: [lying()] };
    const { changes } = play(ruleOf(), 20_000, scene);
    expect(changes).toEqual([]);
    expect(play(ruleOf(), 24_000, scene).changes).toHaveLength(1);
  });

  test('of few sightings is not claimed: seven, or 0.7 for each second of a shorter one', () => {
    const seen =
      (everyMs: number) =>
      (atMs: number): Scene => ({ whole: atMs % everyMs === 0 ? [lying()] : atMs === 200 ? [lying(0.5, 0.3)] : [] });
    expect(play(ruleOf([FLOOR]), 12_000, seen(2_000)).changes).toEqual([]);
    expect(play(ruleOf([FLOOR]), 13_000, seen(1_600)).changes).toHaveLength(1);
    expect(play(ruleOf([FLOOR], 4_000), 6_000, seen(1_000)).changes).toHaveLength(1);
    expect(play(ruleOf([FLOOR], 4_000), 6_000, seen(4_000)).changes).toEqual([]);
  });

  test('of a place where looks find nobody more often than somebody is not claimed', () => {
    let look = 0;
    const { changes } = play(ruleOf(), 30_000, (atMs) => {
      look += atMs % 1_000 === 0 ? 1 : 0;
      return { whole: atMs < 400 ? [lying()] : [], looks: look % 3 === 0 ? [lying(0.5, 0.5)] : [] };
    });
    expect(changes).toEqual([]);
  });

  test('during which results stop is an alarm at once, from 3 s on', () => {
    const early = ruleOf();
    play(early, 2_000, rarely);
    expect(early.blind()).toEqual([]);
    const later = ruleOf();
    play(later, 6_000, rarely);
    expect(later.blind()).toMatchObject([{ phase: 'start', state: 'blind', reason: 'long_lie' }]);
    expect(later.blind()).toMatchObject([{ phase: 'update', state: 'blind' }]);
  });

  test('is none for a body that is too small, too unsure, or nearly as high as wide', () => {
    const none = (one: Detection): FallChange[] => play(ruleOf(), 15_000, () => ({ whole: [one] })).changes;
    expect(none(person([0.5, 0.8, 0.58, 0.83]))).toEqual([]);
    expect(none(lying(0.5, 0.3))).toEqual([]);
    expect(none(person([0.4, 0.7, 0.6, 0.93]))).toEqual([]);
    expect(none(lying())).toHaveLength(1);
  });
});

describe('where to look', () => {
  test('who falls is looked at first, who lies can wait', () => {
    // One lies at the left; another one stands at the right and falls at 8 s.
    const scene = (atMs: number): Scene => {
      const left = rarely(atMs).whole.map(({ confidence }) => lying(0.2, confidence));
      if (atMs < 8_000) return { whole: [...left, standing(0.75)], looks: [lying(0.2)] };
      return { whole: left, looks: [lying(0.75)] };
    };
    const { looks } = play(ruleOf(), 8_800, scene);
    const falling = looks.filter(({ atMs }) => atMs >= 8_200);
    expect(falling.length).toBeGreaterThan(2);
    expect(falling.every(({ look }) => look.x > 0.8)).toBe(true);
    expect(looks.some(({ atMs, look }) => atMs < 8_000 && look.x < 0.5)).toBe(true);
  });

  test('legs of somebody who stands are nobody who lies', () => {
    const legs = person([0.43, 0.78, 0.57, 0.9], 0.3);
    expect(play(ruleOf(), 5_000, () => ({ whole: [standing(), legs], looks: [lying()] })).looks).toEqual([]);
  });

  test('a box around somebody who sits or stands there is nobody who lies', () => {
    const around = person([0.3, 0.38, 0.7, 0.92], 0.3);
    expect(play(ruleOf(), 5_000, () => ({ whole: [standing(), around], looks: [lying()] })).looks).toEqual([]);
  });

  test('a place where a look found nobody is not looked at again for 5 s', () => {
    const { looks } = play(ruleOf(), 14_000, () => ({ whole: [lying(0.5, 0.2)], looks: [] }));
    expect(new Set(looks.map(({ atMs }) => atMs)).size).toBe(3);
  });

  test('what a look lost is looked at again a second later; numbers of people are not used up', () => {
    const rule = ruleOf();
    const { looks } = play(rule, 14_000, () => ({ whole: [lying(0.5, 0.2)] }));
    expect(new Set(looks.map(({ atMs }) => atMs)).size).toBe(14);
    expect(rule.nextPerson).toBe(1);
  });

  test('a body that only the turned look finds is found', () => {
    const rule = ruleOf();
    for (let atMs = 0; atMs < 13_000; atMs += 200) {
      for (const look of rule.see(atMs, [lying(0.5, 0.2)])) rule.looked(look, look.turn === 90 ? [lying()] : []);
      if (rule.settle().length > 0) return expect(atMs).toBeGreaterThanOrEqual(10_000);
    }
    expect.unreachable('no alarm');
  });

  test('at most eight places are followed, however many there seem to be', () => {
    const many = Array.from({ length: 30 }, (_, i) => {
      const [x, y] = [0.1 * (i % 6), 0.35 + 0.12 * Math.floor(i / 6)];
      return person([x, y, x + 0.095, y + 0.03]);
    });
    const { changes, looks } = play(ruleOf(), 12_000, () => ({ whole: many, looks: [] }));
    expect(changes.filter(({ phase }) => phase === 'start')).toHaveLength(8);
    expect(new Set(looks.map(({ look }) => look.person)).size).toBeLessThanOrEqual(8 + 12);
  });

  test('a look that finds somebody elsewhere is no sighting, and what is found unsurely does not move the place', () => {
    const away = (atMs: number): Scene => ({ whole: atMs < 400 ? [lying()] : [], looks: [lying(0.85)] });
    expect(play(ruleOf(), 15_000, away).changes).toEqual([]);
    // Unsure sightings drift to the right, step by step.
    const drift = (atMs: number): Scene => ({
      whole: atMs < 400 ? [lying()] : [],
      looks: [lying(0.5 + Math.min(0.3, atMs / 20_000), 0.25)],
    });
    const { looks } = play(ruleOf(), 10_000, drift);
    expect(Math.max(...looks.map(({ look }) => look.x))).toBeLessThan(0.5 * ASPECT + 0.01);
  });
});

describe('zones and falls', () => {
  const drops = (atMs: number): Scene => {
    if (atMs < 2_000) return { whole: [standing()] };
    return { whole: [lying()], looks: [lying()] };
  };

  test('who drops onto a bed does not fall, who drops beside it does', () => {
    expect(play(ruleOf([BED], undefined), 8_000, drops).changes).toEqual([]);
    const beside: ZoneConfig = {
      ...BED,
      points: [
        [0, 0.6],
        [0.2, 0.6],
        [0.2, 1],
        [0, 1],
      ],
    };
    expect(play(ruleOf([beside], undefined), 8_000, drops).changes).toHaveLength(1);
  });

  test('who drops onto a bed and then rolls off lies on the floor', () => {
    const rolls = (atMs: number): Scene => {
      if (atMs < 6_000) return drops(atMs);
      const x = Math.min(0.85, 0.5 + (atMs - 6_000) / 4_000);
      return { whole: [lying(x)], looks: [lying(x)] };
    };
    const bed: ZoneConfig = {
      ...BED,
      points: [
        [0.2, 0.6],
        [0.7, 0.6],
        [0.7, 1],
        [0.2, 1],
      ],
    };
    const { changes } = play(ruleOf([bed]), 20_000, rolls);
    expect(changes.map(({ phase, reason }) => `${phase} ${reason}`)).toEqual(['start long_lie']);
  });

  test('who drops onto a bed when results stop is no alarm', () => {
    const rule = ruleOf([BED]);
    play(rule, 2_400, drops);
    expect(rule.blind()).toEqual([]);
  });

  test('who is in a zone to ignore is not judged', () => {
    const mirror: ZoneConfig = { ...FLOOR, kind: 'ignore' };
    expect(play(ruleOf([mirror]), 8_000, drops)).toEqual({ changes: [], looks: [] });
  });
});
