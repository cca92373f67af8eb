import type { Slowed } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { Paces } from './paces.ts';

const slowed = (fps: number, reason = 'short of CPU'): Slowed => ({ fps, reason });

test('only what differs is sent, once; a new process gets all that is slowed', () => {
  const paces = new Paces();
  const told: [string, number | null][] = [];
  const follow = (wanted: Readonly<Record<string, Slowed>>): void =>
    paces.follow(new Map(Object.entries(wanted)), (consumer, rate) => told.push([consumer, rate?.fps ?? null]) > 0);
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

test('what a process did not take is sent again, until it is taken', () => {
  const paces = new Paces();
  let takes = false;
  const told: (number | null)[] = [];
  const follow = (wanted: Readonly<Record<string, Slowed>>): (number | null)[] => {
    paces.follow(new Map(Object.entries(wanted)), (_, rate) => {
      told.push(rate?.fps ?? null);
      return takes;
    });
    return told.splice(0);
  };
  expect([follow({ vlm: slowed(5) }), follow({ vlm: slowed(5) })]).toEqual([[5], [5]]);
  takes = true;
  expect([follow({ vlm: slowed(5) }), follow({ vlm: slowed(5) })]).toEqual([[5], []]);
  takes = false;
  expect([follow({}), follow({})]).toEqual([[null], [null]]);
  takes = true;
  expect([follow({}), follow({})]).toEqual([[null], []]);
});
