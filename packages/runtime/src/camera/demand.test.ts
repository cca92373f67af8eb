import { expect, test } from 'vitest';
import { Demand } from './demand.ts';

test.each([
  // consumers, snapshots, large stream → analysed, its snapshot, large
  [0, 0, false, [false, false, false]],
  [1, 0, false, [true, false, false]],
  [0, 1, false, [true, true, false]],
  [0, 0, true, [false, false, false]],
  [2, 0, true, [true, false, false]],
  [0, 2, true, [false, false, true]],
  [1, 1, true, [true, false, true]],
])('%i consumers, %i snapshots, a large stream: %s', (consumers, snapshots, hasLargeStream, wanted) => {
  const demand = new Demand({ consumers: () => consumers, snapshots: () => snapshots, hasLargeStream });
  expect([demand.ofAnalysedStream(), demand.snapshotOfAnalysedStream(), demand.ofLargeStream()]).toEqual(wanted);
});

test('is evaluated on every call', () => {
  let consumers = 0;
  const demand = new Demand({ consumers: () => consumers, snapshots: () => 0, hasLargeStream: false });
  expect(demand.ofAnalysedStream()).toBe(false);
  consumers = 1;
  expect(demand.ofAnalysedStream()).toBe(true);
});
