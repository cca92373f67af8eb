import type { Detection, ResultMessage } from '@vigia/contracts';
import { expect, test } from 'vitest';
import type { Picture } from '#core/media/libav';
import { watchersOf } from './watchers.ts';

test('several watchers see each result, as unsure as the most curious one wants', () => {
  const seen: string[] = [];
  const watcher = (name: string, faintFrom: number) => ({ faintFrom, seen: () => void seen.push(name) });
  expect(watchersOf([])).toBeUndefined();
  const one = watcher('a', 0.2);
  expect(watchersOf([one])).toBe(one);
  const both = watchersOf([one, watcher('b', 0.1)]);
  expect(both?.faintFrom).toBe(0.1);
  both?.seen({} as ResultMessage, [] as Detection[], {} as Picture);
  expect(seen).toEqual(['a', 'b']);
});
