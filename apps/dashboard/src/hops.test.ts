import { expect, test } from 'vitest';
import { RecentAges, splitAge } from './hops.ts';

const HOPS = { arrived: 5, decoded: 8, taken: 20, rendered: 21, sent: 21.5, received: 40, decided: 41 };

test('an age is split into what each step took; the parts are the age', () => {
  const { parts, ageMs } = splitAge({ age_ms: 41, hops_ms: HOPS });
  expect(parts).toEqual([
    { part: 'network', ms: 5 },
    { part: 'decode', ms: 3 },
    { part: 'turn', ms: 12 },
    { part: 'scale', ms: 1 },
    { part: 'send', ms: 0.5 },
    { part: 'model', ms: 18.5 },
    { part: 'decide', ms: 1 },
  ]);
  expect(parts.reduce((sum, { ms }) => sum + ms, 0)).toBe(ageMs);
});

test('a step that was not measured belongs to the next one that was; none is negative', () => {
  const worker = { ...HOPS, rendered: null, sent: null, received: null };
  expect(splitAge({ age_ms: 41, hops_ms: worker }).parts.at(-1)).toEqual({ part: 'decide', ms: 21 });
  const { arrived: _, ...unknown } = HOPS;
  expect(splitAge({ age_ms: 41, hops_ms: unknown }).parts[0]).toEqual({ part: 'decode', ms: 8 });
  const odd = { ...HOPS, decoded: 4 };
  const { parts } = splitAge({ age_ms: 41, hops_ms: odd });
  expect(parts.map(({ part }) => part)).not.toContain('decode');
  expect(parts.reduce((sum, { ms }) => sum + ms, 0)).toBe(41);
});

test('a typical answer and a late one are answers that were given', () => {
  const recent = new RecentAges();
  expect(recent.typical()).toBeNull();
  for (let age = 1; age <= 50; age++) recent.add({ age_ms: age, hops_ms: { ...HOPS, decided: age } });
  expect(recent.typical()).toMatchObject({ middle: { ageMs: 25 }, late: { ageMs: 50 }, isLatest: true });
  for (let age = 51; age <= 200; age++) recent.add({ age_ms: age, hops_ms: { ...HOPS, decided: age } });
  expect(recent.typical()).toMatchObject({ middle: { ageMs: 100 }, late: { ageMs: 198 }, isLatest: false });
  // Old ones go.
  for (let i = 0; i < 300; i++) recent.add({ age_ms: 7, hops_ms: { ...HOPS, decided: 7 } });
  expect(recent.typical()).toMatchObject({ middle: { ageMs: 7 }, late: { ageMs: 7 } });
});
