import { conservationErrors, type Report } from '@vigia/contracts';
import { expect, test } from 'vitest';
import type { CameraSnapshot } from '#core/camera-link';
import { AgeHistogram } from './ages.ts';
import { addSnapshots, closeOut, onlyConsumers, reportOf } from './totals.ts';
import { MODEL_CONSUMER } from '../../../test/support/model-consumer.ts';

const dying: CameraSnapshot = {
  capture: {
    captured: 100,
    published: 97,
    noDemand: 0,
    undecodable: 1,
    late: 1,
    inDecoder: 1,
    reconnects: 2,
    lostPackets: 3,
    concealed: 0,
  },
  stream: null,
  main: null,
  supplier: { published: 97, distributed: 96, inboxDrops: 0, inboxPending: 1 },
  consumers: {
    people: {
      ...MODEL_CONSUMER,
      model: 'm',
      published: 96,
      delivered: 50,
      pending: 1,
      dropped: { gated: 40, overwritten: 5, stale: 0, closed: 0 },
      in_flight: 1,
      results: { ok: 48, expired: 0, timeout: 1, unavailable: 0, error: 0 },
      discarded_answers: 1,
      detections: { person: 10 },
      results_with: { person: 9 },
    },
  },
  unsentResults: 0,
};

function reported(snapshot: CameraSnapshot): Report {
  const camera = reportOf(snapshot, { state: 'live', reason: null, restarts: 1 }, () => null);
  return {
    version: 1,
    node: 'n',
    duration_ms: 1,
    cameras: { hall: camera },
    models: {},
    mqtt: null,
    system: { shm_bytes: 0, processes: {} },
  };
}

test('closing the counters of a dead process leaves nothing pending, and the sums hold', () => {
  expect(conservationErrors(reported(dying))).toEqual([]);
  const closed = closeOut(dying);
  expect(closed.stream).toBeNull();
  expect(conservationErrors(reported(closed))).toEqual([]);
  expect(closed.capture).toMatchObject({ undecodable: 2, inDecoder: 0 });
  expect(closed.supplier).toMatchObject({ inboxDrops: 1, inboxPending: 0 });
  expect(closed.consumers['people']).toMatchObject({
    pending: 0,
    in_flight: 0,
    dropped: { closed: 1 },
    results: { unavailable: 1 },
  });
});

test('totals add up over successive processes, also for consumers of only one of them', () => {
  const sum = addSnapshots(closeOut(dying), {
    ...dying,
    consumers: { ...dying.consumers, other: dying.consumers['people'] as never },
  });
  expect(conservationErrors(reported(sum))).toEqual([]);
  expect(sum.capture.captured).toBe(200);
  expect(sum.consumers['people']).toMatchObject({ published: 192, detections: { person: 20 } });
  expect(sum.consumers['other']).toMatchObject({ published: 96 });
});

test('the counters of a removed consumer are discarded, the camera’s continue', () => {
  const two = { ...dying, consumers: { ...dying.consumers, other: dying.consumers['people'] as never } };
  const kept = onlyConsumers(closeOut(two), new Set(['other', 'one that never was']));
  const sum = addSnapshots(kept, dying);
  expect(conservationErrors(reported(sum))).toEqual([]);
  expect(sum.capture.captured).toBe(200);
  expect(sum.consumers['people']?.published).toBe(96);
  expect(sum.consumers['other']?.published).toBe(96);
});

test('the check fails on a report that lost a frame', () => {
  const wrong = structuredClone(reported(dying));
  (wrong.cameras['hall'] as { captured: number }).captured += 1;
  expect(conservationErrors(wrong)).toEqual(['cameras.hall: captured = published + skipped + in_decoder: 101 ≠ 100']);
});

test('ages: quantiles within 0.1 %, null before the first', () => {
  const ages = new AgeHistogram();
  expect(ages.quantiles()).toBeNull();
  for (let ms = 1; ms <= 1000; ms += 1) ages.record(ms);
  const { p50, p99, max } = ages.quantiles() ?? { p50: 0, p99: 0, max: 0 };
  expect(p50).toBeCloseTo(500, -1);
  expect(p99).toBeCloseTo(990, -1);
  expect(Math.abs(max - 1000)).toBeLessThan(2);
});
