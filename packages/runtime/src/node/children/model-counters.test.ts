import type { HealthResponse } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { ModelCounters } from './model-counters.ts';

/** What a container says that runs for so long and has answered so many requests, in half as many batches. */
function health(uptimeMs: number, requests: number): HealthResponse {
  return {
    uptime_ms: uptimeMs,
    counters: { requests, batches: requests / 2 },
    inference_ms: { p50: 5, p99: 9 },
  } as HealthResponse;
}

test('counters go on where those of the predecessor ended', () => {
  const counters = new ModelCounters({ requests: 100, batches: 50, restarts: 3 });
  expect(counters.counts).toEqual({ requests: 100, batches: 50, inference_ms: { p50: 0, p99: 0 } });
  counters.heard(health(1_000, 10));
  counters.heard(health(2_000, 20));
  expect(counters.counts).toEqual({ requests: 120, batches: 60, inference_ms: { p50: 5, p99: 9 } });
});

test('what a dead container counted stays, and the next one starts at 0', () => {
  const counters = new ModelCounters();
  counters.heard(health(60_000, 20));
  counters.died();
  counters.died();
  expect(counters.counts).toEqual({ requests: 20, batches: 10, inference_ms: { p50: 0, p99: 0 } });
  counters.heard(health(1_000, 4));
  expect(counters.counts).toMatchObject({ requests: 24, batches: 12 });
});

test('a container that was up for longer before was restarted meanwhile', () => {
  const counters = new ModelCounters();
  counters.heard(health(60_000, 20));
  counters.heard(health(57_999, 4));
  expect(counters.counts).toMatchObject({ requests: 24, batches: 12 });
});

test('of two answers in the wrong order the older one is ignored', () => {
  const counters = new ModelCounters();
  counters.heard(health(60_000, 20));
  counters.heard(health(58_000, 18));
  expect(counters.counts).toMatchObject({ requests: 20 });
  counters.heard(health(60_000, 22));
  expect(counters.counts).toMatchObject({ requests: 22, batches: 11 });
});
