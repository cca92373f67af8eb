import { FakeClock } from '@vigia/base';
import { beforeEach, describe, expect, test } from 'vitest';
import { CircuitBreaker, FAILURES_TO_OPEN } from './circuit-breaker.ts';

let clock: FakeClock;
let breaker: CircuitBreaker;

beforeEach(() => {
  clock = new FakeClock();
  breaker = new CircuitBreaker(clock, () => 0);
});

function fail(times: number): void {
  for (let i = 0; i < times; i += 1) {
    breaker.record('failure', breaker.began());
  }
}

test('opens after failures in a row only', () => {
  fail(FAILURES_TO_OPEN - 1);
  breaker.record('success', breaker.began());
  fail(FAILURES_TO_OPEN - 1);
  breaker.record('neutral', breaker.began());
  expect([breaker.open, breaker.allows()]).toEqual([false, true]);
  fail(1);
  expect([breaker.open, breaker.allows()]).toEqual([true, false]);
});

test('lets one request through after a while; success closes it', () => {
  fail(FAILURES_TO_OPEN);
  clock.advance(999);
  expect(breaker.allows()).toBe(false);
  clock.advance(1);
  expect(breaker.allows()).toBe(true);
  const era = breaker.began();
  expect(breaker.allows()).toBe(false);
  breaker.record('success', era);
  expect([breaker.open, breaker.allows()]).toEqual([false, true]);
});

test('a failure leaves it open for longer, up to half a minute; after a neutral end the next trial may start', () => {
  fail(FAILURES_TO_OPEN);
  for (const [waitMs, verdict] of [
    [1_000, 'failure'],
    [2_000, 'failure'],
    [4_000, 'neutral'],
    [0, 'failure'],
    [8_000, 'failure'],
    [16_000, 'failure'],
    [30_000, 'failure'],
    [30_000, 'success'],
  ] as const) {
    if (waitMs > 0) {
      clock.advance(waitMs - 1);
      expect(breaker.allows()).toBe(false);
      clock.advance(1);
    }
    expect(breaker.allows()).toBe(true);
    breaker.record(verdict, breaker.began());
  }
  expect(breaker.open).toBe(false);
  expect(clock.pendingTimers).toBe(0);
});

test('the verdict of a request from before the opening is ignored: the pause does not grow', () => {
  const early = breaker.began();
  fail(FAILURES_TO_OPEN);
  expect(breaker.isCurrent(early)).toBe(false);
  breaker.record('failure', early);
  clock.advance(1_000);
  expect(breaker.allows()).toBe(true);
  const trial = breaker.began();
  expect(breaker.isCurrent(trial)).toBe(true);
  // Nor does it make room for a second trial.
  breaker.record('neutral', early);
  expect(breaker.allows()).toBe(false);
  breaker.record('success', trial);
  expect(breaker.open).toBe(false);
});

test('another container resets the circuit', () => {
  fail(FAILURES_TO_OPEN + 3);
  breaker.reset();
  expect(breaker.allows()).toBe(true);
  fail(FAILURES_TO_OPEN);
  clock.advance(1_000);
  expect(breaker.allows()).toBe(true);
});

describe('the trial of an open circuit', () => {
  beforeEach(() => {
    fail(FAILURES_TO_OPEN);
    clock.advance(1_000);
  });

  test.each(['success', 'failure', 'neutral'] as const)('ends with %s', (verdict) => {
    const trial = breaker.began();
    expect(breaker.allows()).toBe(false);
    breaker.record(verdict, trial);
    // After a failure the pause starts again; after a neutral end another trial may begin at once.
    expect([breaker.open, breaker.allows()]).toEqual([verdict !== 'success', verdict !== 'failure']);
    clock.advance(2_000);
    expect(breaker.allows()).toBe(true);
  });

  test('a failed trial makes room for the next one', () => {
    breaker.record('failure', breaker.began());
    clock.advance(2_000);
    const second = breaker.began();
    breaker.record('success', second);
    expect([breaker.open, breaker.allows()]).toEqual([false, true]);
  });

  test('its success resets the number of failures and the pause', () => {
    breaker.record('success', breaker.began());
    fail(FAILURES_TO_OPEN - 1);
    expect(breaker.open).toBe(false);
    fail(1);
    clock.advance(999);
    expect(breaker.allows()).toBe(false);
    clock.advance(1);
    expect(breaker.allows()).toBe(true);
  });

  test('another container needs no trial', () => {
    const trial = breaker.began();
    breaker.reset();
    expect([breaker.open, breaker.allows(), breaker.isCurrent(trial)]).toEqual([false, true, false]);
    fail(FAILURES_TO_OPEN);
    clock.advance(1_000);
    // The trial of the previous container has no effect.
    expect(breaker.allows()).toBe(true);
  });
});
