import { beforeEach, describe, expect, test } from 'vitest';
import { VisitAlarm, type VisitAlarmOptions, type VisitMoment } from './visit-alarm.ts';

const ALWAYS = Number.NEGATIVE_INFINITY;
const EMPTY: VisitMoment = {
  state: 'empty',
  people: 0,
  sinceMs: 0,
  lastSeenMs: undefined,
  isLooking: true,
  watchedSinceMs: ALWAYS,
};

let nowMs: number;
let alarm: VisitAlarm;

beforeEach(() => {
  nowMs = 0;
});

function watch(options: Partial<VisitAlarmOptions>): void {
  alarm = new VisitAlarm({ when: 'occupied', afterMs: 0, people: 1, ...options }, nowMs);
}

/** Twice a second for so long. @returns what was said, and when. */
function look(forMs: number, moment: Partial<VisitMoment>): string[] {
  const said: string[] = [];
  const untilMs = nowMs + forMs;
  for (; nowMs < untilMs; nowMs += 500) {
    const phase = alarm.look(nowMs, { ...EMPTY, ...moment });
    if (phase) said.push(`${phase} ${nowMs}`);
  }
  return said;
}

describe('somebody is there', () => {
  test('at once, repeated every ten seconds, until nobody is', () => {
    watch({});
    expect(look(1_000, {})).toEqual([]);
    expect(look(21_000, { state: 'occupied', people: 1, sinceMs: 1_000 })).toEqual([
      'start 1000',
      'update 11000',
      'update 21000',
    ]);
    expect(look(1_000, { state: 'unknown' })).toEqual([]);
    expect(look(1_000, {})).toEqual(['end 23000']);
    expect(alarm.isOpen).toBe(false);
  });

  test('after a while', () => {
    watch({ afterMs: 3_000 });
    expect(look(5_000, { state: 'occupied', people: 1, sinceMs: 0 })).toEqual(['start 3000']);
  });

  test('only in its hours; who was there when they begin, from then on; and on after them', () => {
    watch({ afterMs: 3_000 });
    const there = { state: 'occupied', people: 1, sinceMs: 0 } as const;
    expect(look(10_000, { ...there, watchedSinceMs: undefined })).toEqual([]);
    expect(look(5_000, { ...there, watchedSinceMs: 10_000 })).toEqual(['start 13000']);
    expect(look(10_000, { ...there, watchedSinceMs: undefined })).toEqual(['update 23000']);
    expect(look(500, { watchedSinceMs: undefined })).toEqual(['end 25000']);
  });
});

describe('too many people are there', () => {
  const there = (people: number): Partial<VisitMoment> => ({ state: 'occupied', people, sinceMs: 0 });

  test('for long enough, also when one is lost for a moment; until there are fewer', () => {
    watch({ when: 'crowded', people: 3, afterMs: 3_000 });
    expect(look(5_000, there(2))).toEqual([]);
    expect(look(2_000, there(3))).toEqual([]);
    expect(look(500, there(2))).toEqual([]);
    expect(look(2_000, there(4))).toEqual(['start 8000']);
    expect(look(2_500, there(2))).toEqual([]);
    expect(look(1_000, there(2))).toEqual(['end 12000']);
  });

  test('a crowd that nobody sees any more is not over', () => {
    watch({ when: 'crowded', people: 3, afterMs: 0 });
    expect(look(1_000, there(3))).toEqual(['start 0']);
    expect(look(9_000, { state: 'unknown' })).toEqual([]);
    expect(look(1_000, { state: 'unknown' })).toEqual(['update 10000']);
    expect(look(1_000, there(3))).toEqual([]);
    expect(look(4_000, there(1))).toEqual(['end 14500']);
  });
});

describe('nobody has been seen', () => {
  test('since somebody was last seen, whether or not somebody looked; until somebody is seen', () => {
    watch({ when: 'empty', afterMs: 60_000 });
    expect(look(10_000, { state: 'occupied', people: 1, sinceMs: 0, lastSeenMs: 9_500 })).toEqual([]);
    expect(look(30_000, { lastSeenMs: 9_500 })).toEqual([]);
    expect(look(30_000, { state: 'unknown', isLooking: false, lastSeenMs: 9_500 })).toEqual(['start 69500']);
    expect(look(1_000, { state: 'occupied', people: 1, sinceMs: 70_000, lastSeenMs: 70_000 })).toEqual(['end 70000']);
  });

  test('since it was born, where nobody ever was; and of its hours only', () => {
    nowMs = 5_000;
    watch({ when: 'empty', afterMs: 10_000 });
    expect(look(12_000, {})).toEqual(['start 15000']);
    watch({ when: 'empty', afterMs: 10_000 });
    const hoursMs = nowMs + 20_000;
    expect(look(20_000, { watchedSinceMs: undefined })).toEqual([]);
    expect(look(12_000, { watchedSinceMs: hoursMs })).toEqual([`start ${hoursMs + 10_000}`]);
  });

  test('not by who looks just now, and does not know yet', () => {
    watch({ when: 'empty', afterMs: 60_000 });
    expect(look(90_000, { state: 'unknown' })).toEqual([]);
    expect(look(500, { state: 'occupied', people: 1, sinceMs: 90_000, lastSeenMs: 90_000 })).toEqual([]);
  });
});

test('a crowd that lasts half a second is none, however soon it would be an alarm', () => {
  watch({ when: 'crowded', people: 3, afterMs: 3_000 });
  expect(look(1_000, { state: 'occupied', people: 3 })).toEqual([]);
  expect(look(10_000, { state: 'occupied', people: 1 })).toEqual([]);
});

test('after nobody looked a crowd is over when fewer are seen for a while, not when the first one is', () => {
  watch({ when: 'crowded', people: 3, afterMs: 0 });
  expect(look(500, { state: 'occupied', people: 3 })).toEqual(['start 0']);
  expect(look(6_000, { state: 'unknown', isLooking: false })).toEqual([]);
  expect(look(1_000, { state: 'occupied', people: 2 })).toEqual([]);
  expect(look(1_000, { state: 'occupied', people: 4 })).toEqual([]);
});

test('somebody who is there for long is there for long also when results stop now and then', () => {
  watch({ afterMs: 20_000 });
  const there = { state: 'occupied', people: 1 } as const;
  expect(look(10_000, { ...there, sinceMs: 0 })).toEqual([]);
  expect(look(6_000, { state: 'unknown', isLooking: false })).toEqual([]);
  expect(look(10_000, { ...there, sinceMs: 16_000 })).toEqual(['start 20000']);
});
