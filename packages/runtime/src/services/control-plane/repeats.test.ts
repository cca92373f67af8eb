import { FakeClock } from '@vigia/base';
import { beforeEach, expect, test } from 'vitest';
import { Repeats } from './repeats.ts';

let clock: FakeClock;
let repeats: Repeats;
let done: number;
const work = async (): Promise<number> => (done += 1);
beforeEach(() => {
  clock = new FakeClock();
  repeats = new Repeats(clock);
  done = 0;
});

test('the second request with a key gets the answer of the first, also while that is under way', async () => {
  const both = await Promise.all([repeats.once('k', ['a'], work), repeats.once('k', ['a'], work)]);
  expect([...both, await repeats.once('k', ['a'], work), done]).toEqual([1, 1, 1, 1]);
  expect(await repeats.once('other', ['a'], work)).toBe(2);
});

test('a key is for one request only', async () => {
  await repeats.once('k', ['a', 'b'], work);
  expect(() => repeats.once('k', ['ab'], work)).toThrow(expect.objectContaining({ code: 'key_reused' }));
});

test('what failed is tried again', async () => {
  await expect(repeats.once('k', ['a'], () => Promise.reject(new Error('not now')))).rejects.toThrow('not now');
  expect(await repeats.once('k', ['a'], work)).toBe(1);
});

test('a day later, or 1,000 keys later, a key is forgotten', async () => {
  await repeats.once('k', ['a'], work);
  clock.advance(86_400_000 - 1);
  expect(await repeats.once('k', ['a'], work)).toBe(1);
  clock.advance(1);
  expect(await repeats.once('k', ['a'], work)).toBe(2);
  for (let n = 0; n < 1_000; n += 1) await repeats.once(String(n), ['a'], work);
  expect(await repeats.once('k', ['a'], work)).toBe(1_003);
});
