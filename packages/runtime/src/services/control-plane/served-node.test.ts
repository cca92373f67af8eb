import { FakeClock, VigiaError } from '@vigia/base';
import { expect, test } from 'vitest';
import type { ControlledNode } from './controlled-node.ts';
import type { NodeOperations } from './operations.ts';
import { servedNode } from './served-node.ts';

const idOf = (n: number): string => String(n).padStart(26, '0');
const nodeWith = (part: Partial<ControlledNode>): ReturnType<typeof servedNode> =>
  servedNode(
    { newEventId: () => idOf(7), events: async () => [], ...part } as ControlledNode,
    {} as NodeOperations,
    new FakeClock(),
    {
      follow: () => ({ close: () => undefined, dropped: () => ({ samples: 0, kept: 0 }) }),
      live: () => Promise.reject(new Error('no live video here')),
      stop: () => undefined,
    },
  );

test('a client goes on after the event that it has; with an id from the future, from the first one', async () => {
  const node = nodeWith({});
  expect(await node.resume(idOf(3))).toBe(idOf(3));
  expect(await node.resume('7ZZZZZZZZZZZZZZZZZZZZZZZZZ')).toBe(idOf(0));
});

test('without a store nothing is resumed', async () => {
  const none = (): Promise<never> => Promise.reject(new VigiaError('no_store', 'kept in memory only'));
  await expect(nodeWith({ events: none }).resume(idOf(3))).rejects.toMatchObject({ code: 'no_store' });
});

test('a camera that is not there has no picture', async () => {
  await expect(nodeWith({ camera: () => undefined }).tile('hall', 160)).rejects.toMatchObject({ code: 'not_found' });
});
