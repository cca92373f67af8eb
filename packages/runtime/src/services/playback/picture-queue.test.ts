import { VigiaError } from '@vigia/base';
import { expect, test } from 'vitest';
import { PictureQueue } from './picture-queue.ts';

const never = new AbortController().signal;

/** Work that ends when it is let go. */
function held(): { work: () => Promise<void>; go: () => void } {
  let go = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  return { work: () => gone, go };
}

test('one at a time; pictures that wait come before thumbnails; who is gone is left out', async () => {
  const queue = new PictureQueue();
  const done: string[] = [];
  const first = held();
  const running = queue.run('thumbnail', never, first.work);
  const gone = new AbortController();
  const waiting = [
    queue.run('thumbnail', never, async () => void done.push('thumbnail 1')),
    queue.run('thumbnail', never, async () => void done.push('thumbnail 2')),
    queue.run('picture', never, async () => void done.push('picture 1')),
    queue.run('picture', never, async () => void done.push('picture 2')),
  ];
  const left = queue.run('picture', gone.signal, async () => void done.push('nobody waits for it'));
  gone.abort(new VigiaError('gone', 'gone'));
  await expect(left).rejects.toThrow('gone');
  expect(done).toEqual([]);
  first.go();
  await Promise.all([running, ...waiting]);
  expect(done).toEqual(['picture 1', 'picture 2', 'thumbnail 1', 'thumbnail 2']);
});

test('too many that wait are refused, and work that fails lets the next one begin', async () => {
  const queue = new PictureQueue();
  const first = held();
  const running = queue.run('picture', never, first.work);
  const failing = queue.run('picture', never, () => Promise.reject(new Error('damaged')));
  const waiting = Array.from({ length: 15 }, () => queue.run('picture', never, async () => 1));
  await expect(queue.run('picture', never, async () => 1)).rejects.toThrow(/16 requests for a picture wait already/);
  first.go();
  await running;
  await expect(failing).rejects.toThrow('damaged');
  expect(await Promise.all(waiting)).toEqual(Array.from({ length: 15 }, () => 1));
  expect(await queue.run('thumbnail', never, async () => 2)).toBe(2);
});
