import type { ResultMessage } from '@vigia/contracts';
import { expect, test } from 'vitest';
import { bodyOf, type ReceivedSpan } from '../../../test/support/otlp-collector.ts';
import { OK_RESULT } from '../../../test/support/traced-result.ts';
import { frameTraceOf } from './frame-trace.ts';
import { tracesRequest } from './otlp.ts';

const RESOURCE = { node: 'ward-3', boot: OK_RESULT.boot, version: '0.1.0' };

function requestOf(...results: ResultMessage[]): ReturnType<typeof bodyOf> {
  const frames = results.flatMap((result) => frameTraceOf(result) ?? []);
  return bodyOf(tracesRequest(RESOURCE, frames));
}

/** Start and end of each span in microseconds since capture. */
function timesOf(spans: readonly ReceivedSpan[]): Record<string, readonly [from: number, to: number]> {
  const captured = BigInt(Date.parse(OK_RESULT.captured_at)) * 1_000_000n;
  const since = (text: string): number => Number(BigInt(text) - captured) / 1000;
  return Object.fromEntries(
    spans.map((s) => [s.name, [since(s.startTimeUnixNano), since(s.endTimeUnixNano)] as const]),
  );
}

test('an ok result: a root span with its attributes, and one span per hop without gaps', () => {
  const { resource, spans } = requestOf(OK_RESULT);
  expect(resource).toEqual({
    'service.name': 'vigia',
    'service.version': '0.1.0',
    'service.instance.id': `ward-3/${OK_RESULT.boot}`,
  });
  expect(timesOf(spans)).toEqual({
    frame: [0, 17_249],
    arrive: [0, 1_500],
    decode: [1_500, 2_610],
    wait: [2_610, 3_511],
    render: [3_511, 4_129],
    send: [4_129, 4_200],
    answer: [4_200, 17_239],
    decide: [17_239, 17_249],
  });
  const [root, ...stages] = spans;
  expect(root?.attributes).toEqual({
    'vigia.node': 'ward-3',
    'vigia.boot': OK_RESULT.boot,
    'vigia.camera': 'hall',
    'vigia.consumer': 'people',
    'vigia.model': 'ssdlite',
    'vigia.seq': '7',
    'vigia.status': 'ok',
    'vigia.age_ms': 17.249,
    'vigia.age_certain': true,
  });
  expect(root).not.toHaveProperty('parentSpanId');
  expect(new Set(stages.map((stage) => stage.parentSpanId))).toEqual(new Set([root?.spanId]));
  expect(spans.map(({ status }) => status)).toEqual(spans.map(() => ({ code: 0 })));
});

test('ids are hexadecimal, a trace has one of its own, and no span shares one', () => {
  const { spans } = requestOf(OK_RESULT, { ...OK_RESULT, consumer: 'falls' });
  for (const { traceId, spanId } of spans) expect(`${traceId} ${spanId}`).toMatch(/^[0-9a-f]{32} [0-9a-f]{16}$/);
  expect(spans).toHaveLength(16);
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(16);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(2);
});

test.each([
  ['timeout', { received: null }, 'answer', [4_200, 17_249]],
  ['unavailable', { rendered: null, sent: null, received: null }, 'render', [3_511, 17_249]],
] as const)('a result that is %s ends in the span that it did not complete', (status, hops, last, times) => {
  const error = { code: 'deadline', message: 'no answer in 1000 ms' };
  const hops_ms = { ...OK_RESULT.hops_ms, ...hops };
  const { spans } = requestOf({ ...OK_RESULT, status, hops_ms, detections: null, error });
  const failed = { code: 2, message: error.message };
  expect(spans.at(-1)).toMatchObject({ name: last, status: failed });
  expect(timesOf(spans)[last]).toEqual(times);
  expect(spans[0]).toMatchObject({ status: failed, attributes: { 'vigia.status': status, 'error.type': 'deadline' } });
  expect(spans.slice(1, -1).map((span) => span.status.code)).not.toContain(2);
});

test('a result that failed after its answer is an error of the whole', () => {
  const error = { code: 'bad_answer', message: 'no JSON' };
  const { spans } = requestOf({ ...OK_RESULT, status: 'error', detections: null, error });
  expect(spans.filter(({ status }) => status.code === 2).map(({ name }) => name)).toEqual(['frame']);
});

test('a worker’s result; hops that nobody stamped; a hop before the one in front of it', () => {
  const { arrived: _, ...older } = OK_RESULT.hops_ms;
  const hops_ms = { ...older, rendered: null, sent: 3 };
  const { spans } = requestOf({ ...OK_RESULT, model: null, worker: 'flow', hops_ms });
  expect(spans[0]?.attributes).toMatchObject({ 'vigia.worker': 'flow' });
  expect(spans[0]?.attributes).not.toHaveProperty('vigia.model');
  expect(timesOf(spans)).toMatchObject({ decode: [0, 2_610], send: [3_511, 3_511], answer: [3_511, 17_239] });
  expect(spans.map(({ name }) => name)).not.toContain('arrive');
});

test('texts from outside are cut', () => {
  const error = { code: 'c'.repeat(1_000), message: 'm'.repeat(100_000) };
  const { spans } = requestOf({ ...OK_RESULT, consumer: 'x'.repeat(1_000), status: 'error', detections: null, error });
  expect(spans[0]?.attributes['vigia.consumer']).toHaveLength(256);
  expect(JSON.stringify(spans).length).toBeLessThan(8_000);
});

test.each([
  ['a time that is none', { hops_ms: { ...OK_RESULT.hops_ms, sent: Number.NaN } }],
  ['a hop before its capture', { hops_ms: { ...OK_RESULT.hops_ms, decoded: -1 } }],
  ['a hop years later', { hops_ms: { ...OK_RESULT.hops_ms, decided: 1e300 } }],
  ['an unknown capture', { captured_at: 'yesterday' }],
])('no trace of a result with %s', (_, more) => {
  expect(frameTraceOf({ ...OK_RESULT, ...more })).toBeUndefined();
});
