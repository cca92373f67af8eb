import { describe, expect, test } from 'vitest';
import { BedAlarm, type BedAlarmFrom } from './bed-alarm.ts';
import type { BedPhase } from './bed-rule.ts';

const MINUTE = 60_000;

/** Each phase with its beginning, in order. */
type Night = readonly (readonly [BedPhase, number])[];

/** As `BedRule.wasIn`, for who appears on the bed. */
function wasInAt(night: Night, nowMs: number): boolean {
  let wasIn = night[0]?.[0] !== 'out';
  night
    .filter(([, at]) => at <= nowMs)
    .forEach((_, i) => {
      const before = night[i - 1]?.[0];
      if (before && before !== 'edge') wasIn = before !== 'out';
    });
  return wasIn;
}

/** What is said, looked at twice a second: `start edge 4000`. Repeats are left out. */
function play(from: BedAlarmFrom, awayMs: number, night: Night, untilMs: number, watchedMs = 0): string[] {
  const alarm = new BedAlarm(from, awayMs);
  const said: string[] = [];
  let before: string | undefined;
  for (let nowMs = 0; nowMs <= untilMs; nowMs += 500) {
    const [phase, sinceMs] = night.findLast(([, at]) => at <= nowMs) ?? (['unknown', 0] as const);
    const wasIn = wasInAt(night, nowMs);
    const news = alarm.look(nowMs, {
      phase,
      sinceMs,
      wasIn,
      watchedSinceMs: nowMs >= watchedMs ? watchedMs : undefined,
    });
    if (news && !(news.phase === 'update' && news.reason === before))
      said.push(`${news.phase} ${news.reason} ${nowMs}`);
    if (news) before = news.reason;
  }
  return said;
}

const UP_AND_BACK: Night = [
  ['in', 1_000],
  ['edge', 5_000],
  ['out', 9_000],
  ['edge', 40_000],
  ['in', 45_000],
];

describe('leaving a bed', () => {
  test('is an alarm from the edge on, and gets worse, until the bed is entered', () => {
    expect(play('edge', 20_000, UP_AND_BACK, 60_000)).toEqual([
      'start edge 5000',
      'update out 9000',
      'update away 29000',
      'end away 45000',
    ]);
  });

  test('is an alarm from sitting up on, for who lay; not for who gets in', () => {
    const night: Night = [
      ['edge', 1_000],
      ['sitting', 2_000],
      ['in', 5_000],
      ['sitting', 10_000],
      ['edge', 12_000],
      ['sitting', 15_000],
      ['in', 18_000],
    ];
    const known: Night = [['out', 0], ...night];
    expect(play('sitting', MINUTE, known, 20_000)).toEqual([
      'start sitting 10000',
      'update edge 12000',
      'end edge 18000',
    ]);
    expect(play('edge', MINUTE, known, 20_000)).toEqual(['start edge 12000', 'end edge 15000']);
  });

  test('is an alarm when the edge is left, until somebody is in it, or sits on its edge for longer', () => {
    expect(play('out', MINUTE, UP_AND_BACK, 60_000)).toEqual(['start out 9000', 'end out 45000']);
    const sits = UP_AND_BACK.slice(0, 4);
    expect(play('out', MINUTE, sits, 60_000)).toEqual(['start out 9000', 'end out 50000']);
  });

  test('is an alarm exactly when it has lasted too long', () => {
    expect(play('away', 20_000, UP_AND_BACK, 60_000)).toEqual(['start away 29000', 'end away 45000']);
    expect(play('away', 31_500, UP_AND_BACK, 60_000)).toEqual([]);
  });

  test('goes on while nobody knows', () => {
    const night: Night = [
      ['in', 1_000],
      ['out', 9_000],
      ['unknown', 12_000],
    ];
    expect(play('away', 20_000, night, 40_000)).toEqual(['start away 29000']);
  });

  test('is not ended by who sits down for a moment', () => {
    const night: Night = [
      ['in', 0],
      ['out', 1_000],
      ['edge', 5_000],
      ['out', 9_000],
    ];
    expect(play('away', 10_000, night, 20_000)).toEqual(['start away 11000']);
  });

  test('begins anew after having sat for longer', () => {
    const night: Night = [
      ['in', 0],
      ['out', 1_000],
      ['edge', 5_000],
      ['out', 16_000],
    ];
    expect(play('away', 14_000, night, 40_000)).toEqual(['start away 30000']);
  });

  test('is repeated every 10 s', () => {
    const alarm = new BedAlarm('out', MINUTE);
    const said: number[] = [];
    for (let nowMs = 0; nowMs < 40_000; nowMs += 500) {
      const phase = nowMs < 5_000 ? 'in' : 'out';
      if (alarm.look(nowMs, { phase, sinceMs: nowMs < 5_000 ? 0 : 5_000, wasIn: true, watchedSinceMs: 0 }))
        said.push(nowMs);
    }
    expect(said).toEqual([5_000, 15_000, 25_000, 35_000]);
  });
});

describe('no alarm', () => {
  test.each(['edge', 'out'] as const)('for who only sits down on it, from %s on', (from) => {
    const night: Night = [
      ['out', 0],
      ['edge', 2_000],
      ['out', 20_000],
    ];
    expect(play(from, MINUTE, night, 40_000)).toEqual([]);
  });

  test('where nobody was seen in it', () => {
    expect(play('away', 5_000, [['unknown', 0]], 60_000)).toEqual([]);
  });

  test('outside of its hours; who is out when they begin has the whole time to go to bed', () => {
    expect(play('edge', 20_000, UP_AND_BACK, 60_000, 15_000)).toEqual(['start away 35000', 'end away 45000']);
    expect(play('edge', 20_000, UP_AND_BACK, 60_000, 30_000)).toEqual([]);
  });
});

describe('an alarm', () => {
  test('of which nobody knows whether somebody was in the bed is one', () => {
    expect(
      play(
        'out',
        MINUTE,
        [
          ['unknown', 0],
          ['out', 2_000],
        ],
        5_000,
      ),
    ).toEqual(['start out 2000']);
  });
});
