import type { Slowed } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { Paces } from './paces.ts';

const slowed = (fps: number, reason = 'short of CPU'): Slowed => ({ fps, reason });

test('only what differs is sent, once; a new process gets all that is slowed', () => {
  const paces = new Paces();
  const told: [string, number | null][] = [];
  const follow = (wanted: Readonly<Record<string, Slowed>>): void =>
    paces.follow(new Map(Object.entries(wanted)), (consumer, rate) => void told.push([consumer, rate?.fps ?? null]));
  follow({});
  expect(told.splice(0)).toEqual([]);
  follow({ pose: slowed(5), vlm: slowed(1) });
  expect(told.splice(0)).toEqual([
    ['pose', 5],
    ['vlm', 1],
  ]);
  follow({ pose: slowed(5, 'another reason'), vlm: slowed(0.5) });
  expect(told.splice(0)).toEqual([['vlm', 0.5]]);
  expect([...paces.current]).toEqual([
    ['pose', slowed(5)],
    ['vlm', slowed(0.5)],
  ]);
  follow({ vlm: slowed(0.5) });
  expect(told.splice(0)).toEqual([['pose', null]]);
  follow({});
  expect(told).toEqual([['vlm', null]]);
  expect(paces.current.size).toBe(0);
});
