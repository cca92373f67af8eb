import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UnitLedger } from './unit-ledger.ts';

const NONE = { captured: 0, published: 0, noDemand: 0, undecodable: 0, late: 0, inDecoder: 0, concealed: 0 };

test('each transition moves a unit from one term to another', () => {
  const ledger = new UnitLedger();
  expect(ledger.counters()).toEqual(NONE);
  ledger.skipped('noDemand');
  ledger.skipped('undecodable');
  expect(ledger.counters()).toEqual({ ...NONE, captured: 2, noDemand: 1, undecodable: 1 });
  for (let n = 0; n < 6; n += 1) ledger.entered();
  expect(ledger.counters()).toMatchObject({ captured: 8, inDecoder: 6 });
  ledger.failed();
  ledger.failed(2);
  expect(ledger.counters()).toMatchObject({ undecodable: 4, inDecoder: 3 });
  ledger.overtaken();
  expect(ledger.counters()).toMatchObject({ late: 1, inDecoder: 2 });
  ledger.published(false);
  ledger.published(true);
  expect(ledger.counters()).toEqual({
    captured: 8,
    published: 2,
    noDemand: 1,
    undecodable: 4,
    late: 1,
    inDecoder: 0,
    concealed: 1,
  });
});

test('a copy does not change later', () => {
  const ledger = new UnitLedger();
  const before = ledger.counters();
  ledger.entered();
  expect(before).toEqual(NONE);
});

test('the sum holds after any transitions', () => {
  const transition = fc.oneof(
    fc.constantFrom<(ledger: UnitLedger) => void>(
      (ledger) => ledger.skipped('noDemand'),
      (ledger) => ledger.skipped('undecodable'),
      (ledger) => ledger.entered(),
      (ledger) => ledger.overtaken(),
      (ledger) => ledger.published(true),
      (ledger) => ledger.published(false),
    ),
    fc.nat(5).map((units) => (ledger: UnitLedger) => ledger.failed(units)),
  );
  fc.assert(
    fc.property(fc.array(transition), (transitions) => {
      const ledger = new UnitLedger();
      for (const apply of transitions) {
        apply(ledger);
        const { captured, published, noDemand, undecodable, late, inDecoder } = ledger.counters();
        expect(captured).toBe(published + noDemand + undecodable + late + inDecoder);
      }
    }),
  );
});
