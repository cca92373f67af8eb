import { expect, test } from 'vitest';
import { Demand } from './demand.ts';

test.each([
  // consumers, snapshots, large stream → analysed, its snapshot, large; nobody looks at tiles
  [0, 0, false, [false, false, false]],
  [1, 0, false, [true, false, false]],
  [0, 1, false, [true, true, false]],
  [0, 0, true, [false, false, false]],
  [2, 0, true, [true, false, false]],
  [0, 2, true, [false, false, true]],
  [1, 1, true, [true, false, true]],
])('%i consumers, %i snapshots, a large stream: %s', (consumers, snapshots, hasLargeStream, wanted) => {
  const demand = new Demand({
    consumers: () => consumers,
    snapshots: () => snapshots,
    tiles: () => false,
    hasLargeStream,
  });
  expect([demand.ofAnalysedStream(), demand.snapshotOfAnalysedStream(), demand.ofLargeStream()]).toEqual(wanted);
});

test('is evaluated on every call', () => {
  let consumers = 0;
  const demand = new Demand({
    consumers: () => consumers,
    snapshots: () => 0,
    tiles: () => false,
    hasLargeStream: false,
  });
  expect(demand.ofAnalysedStream()).toBe(false);
  consumers = 1;
  expect(demand.ofAnalysedStream()).toBe(true);
});

test.each([false, true])(
  'somebody looks at tiles: of the analysed stream, with a large one beside it: %s',
  (hasLargeStream) => {
    const demand = new Demand({ consumers: () => 0, snapshots: () => 0, tiles: () => true, hasLargeStream });
    expect([demand.ofAnalysedStream(), demand.snapshotOfAnalysedStream(), demand.ofLargeStream()]).toEqual([
      true,
      false,
      false,
    ]);
  },
);
