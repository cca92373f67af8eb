import type { CameraReport, NodeStatus, ResultMessage } from '@vigia/contracts';
import { beforeEach, expect, test } from 'vitest';
import { equationsOf, streamText } from './accounts.ts';
import { CameraNumbers } from './camera-numbers.ts';
import type { ConsumerView } from './consumers.ts';

const HOPS = { arrived: 5, decoded: 8, taken: 20, rendered: 21, sent: 21, received: 40, decided: 41 };

function report(): CameraReport {
  const people = {
    kind: 'model',
    model: 'ssdlite',
    worker: null,
    sla: 'critical',
    state: 'running',
    reason: null,
    published: 468,
    delivered: 94,
    pending: 0,
    dropped: { gated: 370, overwritten: 3, stale: 0, closed: 1 },
    in_flight: 1,
    results: { ok: 90, expired: 2, timeout: 1, unavailable: 0, error: 0 },
    sla_window: { drop_ratio: 0.03, budget: 0.1 },
    restarts: 2,
  };
  return {
    state: 'live',
    stream: null,
    captured: 500,
    published: 468,
    skipped: { no_demand: 20, undecodable: 1, late: 10 },
    in_decoder: 1,
    consumers: { people },
  } as unknown as CameraReport;
}

let status: NodeStatus;
let views: ConsumerView[];
let numbers: CameraNumbers;

beforeEach(() => {
  const answers = { people: { per_s: 5, age_p50_ms: 40, age_p99_ms: 90, age_certain: false, sees: null } };
  status = { cameras: { hall: { report: report(), message: null, answers } } } as unknown as NodeStatus;
  views = [
    { name: 'people', sla: 'critical', state: 'running', ageMs: 230, certain: true },
    { name: 'slow', sla: 'normal', state: 'running', ageMs: null, certain: true },
  ];
  numbers = new CameraNumbers('hall', { status, consumers: () => views });
});

function answer(more: Partial<ResultMessage> = {}): ResultMessage {
  return { consumer: 'people', status: 'ok', age_ms: 41, hops_ms: HOPS, ...more } as ResultMessage;
}

test('every picture is accounted for, or the page says that it is not', () => {
  const [camera, offered, delivered] = equationsOf(report());
  expect([camera, offered, delivered].map((one) => [one?.of, one?.total.what, one?.holds])).toEqual([
    [null, 'captured', true],
    ['people', 'offered', true],
    ['people', 'delivered', true],
  ]);
  expect(camera?.parts).toContainEqual({ what: 'late', count: 10 });
  expect(equationsOf({ ...report(), captured: 501 })[0]?.holds).toBe(false);
});

test('the table has what the node counts, and says how old the newest answer is', () => {
  numbers.show(0);
  expect(numbers.consumers.value).toMatchObject([
    {
      name: 'people',
      by: 'ssdlite',
      age: '0.2 s',
      p99: 90,
      certain: false,
      ok: 90,
      notOk: [
        { status: 'expired', count: 2 },
        { status: 'timeout', count: 1 },
      ],
      dropped: { gated: 370, overwritten: 3, stale: 0 },
      missed: 0.03,
      allowed: 0.1,
    },
  ]);
  views = [{ name: 'people', sla: 'critical', state: 'running', ageMs: 230, certain: false }];
  numbers.show(0);
  expect(numbers.consumers.value[0]?.age).toBe('≥ 0.2 s');
});

test('what was seen last: its age, of which a part is the decision and the rest is since then', () => {
  numbers.show(0);
  expect(numbers.seen.value).toMatchObject({ consumer: 'people', age: '0.2 s', decided: '–', since: '–' });
  numbers.take(answer());
  numbers.take(answer({ status: 'timeout', age_ms: 900 }));
  numbers.show(0);
  expect(numbers.seen.value).toMatchObject({ decided: '41 ms', since: '0.1 s', certain: true });
  views = [];
  numbers.show(0);
  expect(numbers.seen.value).toBeNull();
});

test('ages are split for the most urgent consumer, until somebody chooses', () => {
  numbers.take(answer());
  numbers.take(answer({ consumer: 'slow', age_ms: 300 }));
  numbers.show(0);
  expect(numbers.ages.value?.middle.ageMs).toBe(41);
  numbers.chosen.value = 'slow';
  numbers.show(0);
  expect(numbers.ages.value?.middle.ageMs).toBe(300);
});

test('a stream in the words of cameras', () => {
  const stream = { codec: 'hevc', width: 1920, height: 1080, interval_ms: 40, transport: 'tcp', kind: 'rtsp' };
  expect(streamText({ stream } as CameraReport)).toBe('H.265 · 1920×1080 · 25 fps · TCP');
  expect(
    streamText({ stream: { ...stream, codec: 'vp9', width: 0, interval_ms: 0, transport: '' } } as CameraReport),
  ).toBe('vp9 · RTSP');
  expect(streamText({ stream: null })).toBe('');
});
