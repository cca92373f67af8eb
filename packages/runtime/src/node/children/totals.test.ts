import { conservationErrors, type Report } from '@vigia/contracts';
import { expect, test } from 'vitest';
import type { CameraSnapshot } from '#core/camera-link';
import { AgeHistogram } from './ages.ts';
import { addSecret } from '@vigia/base';
import { addSnapshots, closeOut, onlyConsumers, reportOf } from './totals.ts';
import { COUNTED, MODEL_CONSUMER } from '../../../test/support/model-consumer.ts';

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
      ...COUNTED,
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

/** A camera with a second stream and a worker. Every count is `n` or a multiple of it. */
function busy(n: number, lastExit: string | null): CameraSnapshot {
  const people = dying.consumers['people'] as CameraSnapshot['consumers'][string];
  return {
    ...dying,
    stream: { kind: 'rtsp' } as CameraSnapshot['stream'],
    main: { state: 'live', reason: null, reconnects: n, captured: 2 * n, lost_packets: 3 * n },
    consumers: {
      falls: {
        ...people,
        kind: 'worker',
        model: null,
        worker: 'w',
        state: 'running',
        reason: 'login s3cret-totals',
        discarded_answers: n,
        results_with: { person: 2 * n },
        restarts: 3 * n,
        sla_window: { ...people.sla_window, breaches: 4 * n },
        process: {
          pid: n,
          name: null,
          transport: 'shm',
          restarts_used: 0,
          restarts_allowed: null,
          protocol_errors: 5 * n,
          log_dropped: 6 * n,
          last_exit: lastExit === null ? null : { at: AT, reason: lastExit, stderr: [`E ${lastExit}`] },
        },
      },
    },
    unsentResults: 7 * n,
  };
}
const AT = '2026-11-22T03:14:07.123Z';

test('the counters of a worker, of the second stream and of lost results add up; a dead process is not shown as alive', () => {
  const closed = closeOut(busy(1, 'exit 1'));
  expect(closed).toMatchObject({ main: { state: 'connecting' }, unsentResults: 7 });
  expect(closed.consumers['falls']).toMatchObject({ state: 'stopped', process: { pid: null } });
  const sum = addSnapshots(closed, busy(10, null));
  expect(sum.main).toEqual({ state: 'live', reason: null, reconnects: 11, captured: 22, lost_packets: 33 });
  expect([sum.stream, sum.unsentResults]).toEqual([{ kind: 'rtsp' }, 77]);
  expect(sum.consumers['falls']).toMatchObject({
    state: 'running',
    discarded_answers: 11,
    results_with: { person: 22 },
    restarts: 33,
    sla_window: { breaches: 44 },
    process: { pid: 10, protocol_errors: 55, log_dropped: 66, last_exit: { reason: 'exit 1' } },
  });
  const again = addSnapshots(sum, busy(1, 'exit 2'));
  expect(again.consumers['falls']?.process?.last_exit?.reason).toBe('exit 2');
  expect(addSnapshots(sum, { ...dying, main: null }).main).toEqual(sum.main);
});

test('the report of a worker counts the restarts of its camera too, and shows no secret', () => {
  addSecret('s3cret-totals');
  const { falls } = reported(busy(1, 's3cret-totals')).cameras['hall']?.consumers ?? {};
  expect(falls?.restarts).toBe(1 + 3);
  expect(falls?.process?.last_exit).toEqual({ at: AT, reason: '***', stderr: ['E ***'] });
  expect(falls?.reason).toBe('login ***');
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

test('what a camera process and a worker say is printable, short and without secrets', () => {
  addSecret('totals-secret');
  const exit = { at: 'now', reason: 'a\u001b[2J\nb totals-secret', stderr: ['c\u009bd', 'x'.repeat(60_109)] };
  const process = { name: null, transport: 'stdin', restarts_used: 0, last_exit: exit } as never;
  const people = { ...MODEL_CONSUMER, model: 'm', ...COUNTED, reason: 'e\u202ef', process };
  const shown = reported({ ...dying, consumers: { people } }).cameras['hall']?.consumers['people'];
  expect(shown?.reason).toBe('e\ufffdf');
  expect(shown?.process?.last_exit).toMatchObject({
    reason: 'a\ufffd[2J b ***',
    stderr: ['c\ufffdd', `${'x'.repeat(999)}…`],
  });
});
