import type { Bbox, Detection } from '@vigia/contracts';
import { beforeEach, expect, test } from 'vitest';
import { VisitRule } from './visit-rule.ts';
import type { VisitView } from './zone-visit.ts';

const ASPECT = 16 / 9;
/** The right half of the floor. */
const KITCHEN: [number, number][] = [
  [0.5, 0.5],
  [1, 0.5],
  [1, 1],
  [0.5, 1],
];
const person = (bbox: Bbox, confidence = 0.9): Detection => ({ class_id: 0, class_name: 'person', confidence, bbox });
/** Somebody whose feet are here. */
const at = (x: number, confidence = 0.9): Detection => person([x - 0.05, 0.4, x + 0.05, 0.8], confidence);

let rule: VisitRule;
let nowMs: number;
let seen: string[];

beforeEach(() => {
  rule = new VisitRule(ASPECT, { watched: new Map([['kitchen', KITCHEN]]), zones: [] });
  nowMs = 0;
  seen = [];
});

const view = (): VisitView => Object.fromEntries(rule.views())['kitchen'] as VisitView;

/** Five results a second for so long. */
function see(forMs: number, what: (ms: number) => Detection[]): void {
  for (let ms = 0; ms < forMs; ms += 200) {
    rule.see(nowMs, what(ms));
    const { state, people } = view();
    const said = `${state} ${people}`;
    if (seen.at(-1) !== said) seen.push(said);
    nowMs += 200;
  }
}

const walk = (from: number, to: number, ms: number) => (atMs: number) => [at(from + ((to - from) * atMs) / ms)];

test('somebody walks in and out: when they came, and when they were last seen there', () => {
  see(2_000, walk(0.2, 0.45, 2_000));
  see(2_000, walk(0.45, 0.8, 2_000));
  expect(view()).toMatchObject({ state: 'occupied', people: 1 });
  const { visit, sinceMs } = view();
  expect(sinceMs).toBe(visit?.enteredMs);
  expect(visit?.enteredMs).toBeGreaterThanOrEqual(2_200);
  expect(visit?.enteredMs).toBeLessThanOrEqual(2_800);
  see(2_000, walk(0.8, 0.4, 2_000));
  see(2_600, walk(0.4, 0.2, 2_600));
  expect(seen).toEqual(['unknown 0', 'occupied 1', 'occupied 0', 'empty 0']);
  const left = view();
  expect(left.visit?.most).toBe(1);
  expect(left.visit?.lastSeenMs).toBeGreaterThanOrEqual(5_200);
  expect(left.visit?.lastSeenMs).toBeLessThanOrEqual(6_000);
  expect(left.sinceMs).toBe(left.visit?.lastSeenMs);
});

test('who only passes through the corner of a zone, or is detected once, does not visit it', () => {
  see(11_000, () => []);
  see(1_000, walk(0.4, 0.52, 1_000));
  see(1_000, walk(0.52, 0.3, 1_000));
  see(3_000, () => []);
  see(200, () => [at(0.8)]);
  see(3_000, () => []);
  expect(seen).toEqual(['unknown 0', 'empty 0']);
  expect(view().visit).toBeUndefined();
});

test('nobody is seen at first: that is said after ten seconds of looking, not before', () => {
  see(9_800, () => []);
  expect(view().state).toBe('unknown');
  see(600, () => []);
  expect(view()).toMatchObject({ state: 'empty', sinceMs: 0 });
});

test('who is not detected for a while is still there; for ten seconds, and then is not', () => {
  see(2_000, () => [at(0.8)]);
  see(9_000, () => []);
  expect(view().state).toBe('occupied');
  see(2_000, () => [at(0.82)]);
  expect(view().visit).toMatchObject({ enteredMs: 0, most: 1 });
  see(9_000, () => []);
  expect(view().state).toBe('occupied');
  see(2_000, () => []);
  expect(view()).toMatchObject({ state: 'empty', sinceMs: 12_800 });
});

test('a box that is not sure keeps somebody there, and brings nobody in', () => {
  see(3_000, () => [at(0.8, 0.2)]);
  expect(view().visit).toBeUndefined();
  see(1_000, () => [at(0.8)]);
  see(30_000, () => [at(0.8, 0.2)]);
  expect(view()).toMatchObject({ state: 'occupied', people: 1 });
});

test('who leaves through the edge of the picture is gone once the tracker gives them up', () => {
  see(2_000, () => [at(0.8)]);
  see(1_000, walk(0.8, 0.96, 1_000));
  see(600, () => [person([0.93, 0.4, 1, 0.8])]);
  see(2_400, () => []);
  expect(view().state).toBe('occupied');
  see(600, () => []);
  expect(view().state).toBe('empty');
});

test('several people: how many are there now, and how many at most', () => {
  see(1_000, () => [at(0.6)]);
  see(1_000, () => [at(0.6), at(0.9)]);
  expect(view().people).toBe(2);
  see(1_000, (ms) => [at(0.6), at(0.9 - (ms / 1_000) * 0.1)]);
  see(2_000, (ms) => [at(0.6 - (ms / 2_000) * 0.4), at(0.8)]);
  expect(view()).toMatchObject({ state: 'occupied', people: 1, visit: { enteredMs: 0, most: 2 } });
});

test('after nobody has looked it is unknown; a visit that goes on then is another one', () => {
  see(2_000, () => [at(0.8)]);
  rule.blind();
  expect(view()).toMatchObject({ state: 'unknown', people: 0 });
  nowMs += 60_000;
  see(1_000, () => [at(0.8)]);
  expect(view()).toMatchObject({ state: 'occupied', sinceMs: 62_000, visit: { enteredMs: 62_000 } });
  rule.blind();
  see(11_000, () => []);
  expect(view()).toMatchObject({ state: 'empty', sinceMs: 63_000 });
});

test('a long time without results is not a time in which nobody was there', () => {
  see(2_000, () => [at(0.8)]);
  nowMs += 60_000;
  see(200, () => []);
  expect(view().state).toBe('occupied');
});

test('a zone to ignore hides who stands in it, and results that are late or not of people change nothing', () => {
  const zones = [{ kind: 'ignore' as const, points: KITCHEN }];
  rule = new VisitRule(ASPECT, { watched: new Map([['kitchen', KITCHEN]]), zones });
  see(2_000, () => [at(0.8)]);
  expect(view().state).toBe('unknown');
  rule = new VisitRule(ASPECT, { watched: new Map([['kitchen', KITCHEN]]), zones: [] });
  see(2_000, () => [{ ...at(0.8), class_name: 'dog' }]);
  expect(view().state).toBe('unknown');
  see(2_000, () => [at(0.8)]);
  const before = view();
  rule.see(nowMs - 5_000, []);
  expect(view()).toEqual(before);
});

test('who was there, left and comes back makes another visit', () => {
  see(2_000, () => [at(0.8)]);
  see(2_000, walk(0.8, 0.4, 2_000));
  see(2_000, () => [at(0.4)]);
  see(2_000, walk(0.4, 0.8, 2_000));
  expect(seen).toEqual(['unknown 0', 'occupied 1', 'occupied 0', 'empty 0', 'occupied 1']);
  expect(view().visit?.enteredMs).toBeGreaterThan(6_000);
});

test('who steps over the border for a moment, again and again, does not leave', () => {
  see(4_000, (ms) => [at(ms % 400 === 0 ? 0.53 : 0.47)]);
  see(1_000, () => [at(0.53)]);
  expect(seen).toEqual(['unknown 0', 'occupied 1']);
});

test('who was lost and is found again is one person: once that one leaves, nobody is there', () => {
  see(2_000, () => [at(0.8)]);
  see(4_000, () => []);
  see(2_000, () => [at(0.82)]);
  see(2_000, walk(0.82, 0.4, 2_000));
  see(2_600, walk(0.4, 0.3, 2_600));
  expect(view()).toMatchObject({ state: 'empty', visit: { enteredMs: 0, most: 1 } });
});

test('who is not surely seen coming has come when that is sure', () => {
  see(2_000, walk(0.2, 0.45, 2_000));
  see(2_000, () => [at(0.55, 0.2)]);
  expect(view().state).toBe('unknown');
  see(1_000, () => [at(0.56)]);
  expect(view().visit?.enteredMs).toBe(4_000);
});

test('who comes back at once has not left', () => {
  see(2_000, () => [at(0.53)]);
  see(1_400, () => [at(0.47)]);
  see(1_000, () => [at(0.53)]);
  expect(seen).toEqual(['unknown 0', 'occupied 1', 'occupied 0', 'occupied 1']);
  expect(view().visit?.enteredMs).toBe(0);
});

test('who walks in does not take the place of who was lost there', () => {
  see(2_000, () => [at(0.9)]);
  see(3_000, () => []);
  see(2_000, walk(0.2, 0.7, 2_000));
  see(2_000, walk(0.7, 0.2, 2_000));
  see(2_400, () => [at(0.2)]);
  expect(view().state).toBe('occupied');
  see(3_000, () => [at(0.2)]);
  expect(view()).toMatchObject({ state: 'empty', visit: { enteredMs: 0, most: 1 } });
});

test('who is only unsurely seen outside was lost; and unsure boxes alone keep nobody there for ever', () => {
  see(2_000, () => [at(0.55)]);
  see(9_000, () => [at(0.45, 0.2)]);
  expect(view().state).toBe('occupied');
  see(2_000, () => [at(0.45, 0.2)]);
  expect(view().state).toBe('empty');
  see(2_000, () => [at(0.8)]);
  see(66_000, () => [at(0.8, 0.2)]);
  expect(view().state).toBe('occupied');
  see(6_000, () => [at(0.8, 0.2)]);
  expect(view().state).toBe('empty');
});

test('who stood at the picture’s edge when results stopped for a while is not gone', () => {
  see(2_000, () => [person([0.93, 0.4, 1, 0.8])]);
  nowMs += 3_000;
  see(200, () => []);
  expect(view().state).toBe('occupied');
});
