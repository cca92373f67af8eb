import { expect, test } from 'vitest';
import { FakeClock } from './clock.ts';
import { StartGate } from './start-gate.ts';

function gateOf(places: number): { gate: StartGate; clock: FakeClock; begun: string[]; take: Take } {
  const clock = new FakeClock();
  const gate = new StartGate({ clock, places, heldMs: 2_000 });
  const begun: string[] = [];
  const take: Take = (name) => {
    const place = gate.place();
    place.take(() => begun.push(name));
    return place;
  };
  return { gate, clock, begun, take };
}
type Take = (name: string) => ReturnType<StartGate['place']>;

test('so many start at once; each that is ready lets the next one start, in order', () => {
  const { begun, take } = gateOf(2);
  const [a, b] = ['a', 'b', 'c', 'd'].map(take);
  expect(begun).toEqual(['a', 'b']);
  b?.leave();
  b?.leave();
  expect(begun).toEqual(['a', 'b', 'c']);
  a?.leave();
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
});

test('one that hangs at its start holds up the others for a while only', () => {
  const { begun, clock, take } = gateOf(1);
  take('hangs');
  take('next');
  clock.advance(1_999);
  expect(begun).toEqual(['hangs']);
  clock.advance(1);
  expect(begun).toEqual(['hangs', 'next']);
});

test('one that is stopped before its turn is not started, and takes no place', () => {
  const { begun, clock, take } = gateOf(1);
  const first = take('first');
  const stopped = take('stopped');
  take('last');
  stopped.leave();
  first.leave();
  expect(begun).toEqual(['first', 'last']);
  clock.advance(10_000);
  expect(begun).toEqual(['first', 'last']);
});

test('one that fails in its turn gives its place back, and may take it again', () => {
  const { gate, begun, take } = gateOf(1);
  const place = gate.place();
  place.take(() => {
    begun.push('fails');
    place.leave();
  });
  take('other').leave();
  place.take(() => begun.push('again'));
  expect(begun).toEqual(['fails', 'other', 'again']);
});
