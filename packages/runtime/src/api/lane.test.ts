import { expect, test } from 'vitest';
import { Lane } from './lane.ts';

test('so many at a time, the others in their order; what fails frees its place', async () => {
  const lane = new Lane(2, 3);
  const begun: string[] = [];
  const ends = new Map<string, (failed?: Error) => void>();
  const work = (name: string): Promise<string> =>
    lane.run(() => {
      begun.push(name);
      return new Promise((resolve, reject) => ends.set(name, (failed) => (failed ? reject(failed) : resolve(name))));
    });
  const all = ['a', 'b', 'c', 'd', 'e'].map(work);
  expect(begun).toEqual(['a', 'b']);
  await expect(work('f')).rejects.toMatchObject({ code: 'busy' });
  ends.get('b')?.(new Error('no'));
  await expect(all[1]).rejects.toThrow('no');
  expect(begun).toEqual(['a', 'b', 'c']);
  for (const name of ['a', 'c', 'd', 'e']) {
    ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(await Promise.all([all[0], all[2], all[3], all[4]])).toEqual(['a', 'c', 'd', 'e']);
  const last = work('g');
  ends.get('g')?.();
  expect(await last).toBe('g');
});
