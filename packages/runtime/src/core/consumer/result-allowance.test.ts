import { FakeClock } from '@vigia/base';
import type { Detection, SlaClass } from '@vigia/contracts';
import { describe, expect, test } from 'vitest';
import { ResultAllowance } from './result-allowance.ts';

const BOX: Detection = { class_id: 0, class_name: 'x', confidence: 1, bbox: [0, 0, 1, 1] };
const MASKED: Detection = { ...BOX, mask: { width: 256, height: 256, counts: [0, 65_536] } };
const many = (count: number, detection = BOX): Detection[] => Array.from({ length: count }, () => detection);

describe.each<[SlaClass, number]>([
  ['critical', 10_000],
  ['high', 5_000],
  ['normal', 2_500],
  ['best-effort', 1_250],
])('a result of a %s consumer', (sla, most) => {
  test('has a largest weight, in which masks count by their cells', () => {
    const allowance = new ResultAllowance(sla, new FakeClock());
    expect(allowance.take(many(most + 1))).toMatch(`${most} in a result and ${4 * most} in a second`);
    expect(allowance.take(many(most))).toBeUndefined();
    expect(new ResultAllowance(sla, new FakeClock()).take(many(most / 10, MASKED))).toMatch(
      /more than this class allows/,
    );
  });

  test('and what was used comes back with time, never more than one result’s', () => {
    const clock = new FakeClock();
    const allowance = new ResultAllowance(sla, clock);
    let taken = 0;
    for (let ms = 0; ms < 10_000; ms += 10) {
      if (allowance.take(many(most / 10)) === undefined) taken += most / 10;
      clock.advance(10);
    }
    expect(taken / (10 * 4 * most)).toBeCloseTo(1, 1);
    clock.advance(60_000);
    expect(allowance.take(many(most + 1))).toBeDefined();
    expect(allowance.take(many(most))).toBeUndefined();
  });
});
