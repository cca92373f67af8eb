import { readFileSync } from 'node:fs';
import type { CameraReport, ConsumerReport, Report } from '@vigia/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { COUNTED, MODEL_CONSUMER } from '../../../test/support/model-consumer.ts';
import { escaped, exposition } from './exposition.ts';
import { Histogram } from './histogram.ts';
import { type Metric, type MetricSources, SUFFIXES } from './metric.ts';
import { MetricCounts } from './metric-counts.ts';
import { METRICS, metricsText } from './metrics-text.ts';

const PEOPLE: ConsumerReport = {
  ...MODEL_CONSUMER,
  model: 'ssdlite',
  ...COUNTED,
  age_ms: null,
  restarts: 3,
};
const HALL: CameraReport = {
  state: 'live',
  reason: null,
  reconnects: 2,
  stream: null,
  main: null,
  lost_packets: 3,
  concealed: 4,
  captured: 100,
  skipped: { no_demand: 0, undecodable: 1, late: 2 },
  in_decoder: 0,
  published: 97,
  distributed: 96,
  inbox_drops: 1,
  inbox_pending: 0,
  restarts: 3,
  unsent_results: 5,
  consumers: { people: PEOPLE, 'from outside': PEOPLE },
};
const REPORT: Report = {
  version: 1,
  node: 'ward-3',
  duration_ms: 1_500,
  cameras: { hall: HALL },
  models: {
    ssdlite: {
      state: 'ready',
      reason: null,
      requests: 60,
      batches: 55,
      inference_ms: { p50: 12.5, p99: 40 },
      restarts: 1,
    },
  },
  mqtt: { connected: true, dropped: 7 },
  system: { shm_bytes: 1_048_576, processes: { supervisor: { pss_bytes: 80_000_000, cpu_s: 1.25 } } },
};

const RECORDED = {
  recorders: {
    hall: {
      state: 'paused',
      reason: 'disk_full',
      message: null,
      bytes: 9,
      lost_ms: 1_500,
      kept_ms: null,
      room_ms: null,
    },
  },
  lostResults: 7,
  footage: { bytes: 100, eventBytes: 40, freeBytes: 5, deletedSegments: 3, lostSegments: 2 },
} as const;

function sourcesOf(report: Report = REPORT): MetricSources {
  const counts = new MetricCounts();
  counts.follow([{ camera: 'hall', consumers: [{ id: 'people' }] }]);
  counts.consumers[0]?.age.record(0.02);
  counts.consumers[0]?.age.record(11);
  const stream = { delivered: 9, failed: 1, dropped: { samples: 2, events: 3, states: 4 }, queued: 5 };
  const subscribers = { 'mqtt events': stream };
  const traces = { sent: 4, failed: 3, dropped: 2, limited: 1 };
  return { report, consumers: counts.consumers, subscribers, traces, version: '0.1.0', nodejs: '24.0.0', ...RECORDED };
}

/** The lines of one metric, without its name in front of the labels. */
function linesOf(name: string, sources = sourcesOf()): string[] {
  const metrics = METRICS.filter((metric) => metric.name === name);
  return exposition(metrics, sources).split('\n').slice(0, -2);
}

test('a small node, every line', () => {
  const text = metricsText(sourcesOf());
  // Six histograms of hops look like that of the age.
  const lines = text.split('\n').filter((line) => !line.startsWith('vigia_consumer_hop_seconds'));
  expect(lines.join('\n')).toBe(readFileSync(new URL('small-node.txt', import.meta.url), 'utf8'));
  expect(text.match(/^vigia_consumer_hop_seconds_count/gm)).toHaveLength(6);
  expect(text.endsWith('\n# EOF\n')).toBe(true);
});

test('counters, gauges with a unit, and a histogram', () => {
  expect(linesOf('vigia_camera_captured')).toEqual([
    '# TYPE vigia_camera_captured counter',
    '# HELP vigia_camera_captured Access units, including damaged ones.',
    'vigia_camera_captured_total{camera="hall"} 100',
  ]);
  expect(linesOf('vigia_uptime_seconds')).toEqual([
    '# TYPE vigia_uptime_seconds gauge',
    '# UNIT vigia_uptime_seconds seconds',
    '# HELP vigia_uptime_seconds Time since the supervisor started.',
    'vigia_uptime_seconds 1.5',
  ]);
  const of = 'camera="hall",consumer="people"';
  const bucket = (le: string, count: number): string => `vigia_consumer_age_seconds_bucket{${of},le="${le}"} ${count}`;
  expect(linesOf('vigia_consumer_age_seconds').slice(3)).toEqual([
    ...['0.005', '0.01'].map((le) => bucket(le, 0)),
    ...['0.02', '0.035', '0.05', '0.075', '0.1', '0.15', '0.25', '0.5', '1.0', '2.5', '5.0', '10.0'].map((le) =>
      bucket(le, 1),
    ),
    bucket('+Inf', 2),
    `vigia_consumer_age_seconds_count{${of}} 2`,
    `vigia_consumer_age_seconds_sum{${of}} 11.02`,
  ]);
});

test('of the states exactly one is 1', () => {
  expect(linesOf('vigia_camera_state').slice(2)).toEqual([
    'vigia_camera_state{camera="hall",state="connecting"} 0',
    'vigia_camera_state{camera="hall",state="live"} 1',
    'vigia_camera_state{camera="hall",state="stalled"} 0',
    'vigia_camera_state{camera="hall",state="waiting"} 0',
    'vigia_camera_state{camera="hall",state="stopped"} 0',
  ]);
});

test('a consumer that only a camera process names has no series', () => {
  expect(metricsText(sourcesOf())).not.toContain('from outside');
});

test('a camera that has not reported, or left meanwhile: no series of its consumers but the histograms', () => {
  const silent = sourcesOf({ ...REPORT, cameras: { hall: { ...HALL, consumers: {} } } });
  const gone = sourcesOf({ ...REPORT, cameras: {} });
  for (const sources of [silent, gone]) {
    expect(linesOf('vigia_consumer_results', sources)).toHaveLength(2);
    expect(linesOf('vigia_consumer_age_seconds', sources)).toHaveLength(3 + 17);
  }
});

test('an id that every object has is not found in a report', () => {
  const counts = new MetricCounts();
  counts.follow([{ camera: 'hall', consumers: [{ id: 'constructor' }] }]);
  expect(linesOf('vigia_consumer_results', { ...sourcesOf(), consumers: counts.consumers })).toHaveLength(2);
});

test('the large stream of a camera, and no broker', () => {
  const main = { state: 'waiting', reason: null, reconnects: 1, captured: 2, lost_packets: 3 } as const;
  const sources = sourcesOf({ ...REPORT, mqtt: null, cameras: { hall: { ...HALL, main } } });
  expect(linesOf('vigia_camera_main_captured', sources)[2]).toBe('vigia_camera_main_captured_total{camera="hall"} 2');
  expect(linesOf('vigia_camera_main_state', sources)).toContain(
    'vigia_camera_main_state{camera="hall",state="waiting"} 1',
  );
  expect(linesOf('vigia_mqtt_dropped', sources)).toHaveLength(2);
});

test('traces by their end; none while they are off', () => {
  const of = (outcome: string, count: number): string => `vigia_traces_total{outcome="${outcome}"} ${count}`;
  expect(linesOf('vigia_traces').slice(2)).toEqual([
    of('sent', 4),
    of('failed', 3),
    of('dropped', 2),
    of('limited', 1),
  ]);
  expect(linesOf('vigia_traces', { ...sourcesOf(), traces: null })).toHaveLength(2);
});

test('a model without an inference so far has no time of one', () => {
  const { ssdlite } = REPORT.models as { ssdlite: Report['models'][string] };
  const models = { ssdlite: { ...ssdlite, inference_ms: { p50: 0, p99: 0 } } };
  expect(linesOf('vigia_model_inference_seconds', sourcesOf({ ...REPORT, models }))).toHaveLength(3);
});

test('an infinite sum is written as OpenMetrics writes it', () => {
  const histogram = new Histogram();
  for (const value of [Number.MAX_VALUE, Number.MAX_VALUE]) histogram.record(value);
  const metric: Metric = { name: 'm', type: 'histogram', help: 'h', labels: [], samples: () => [[histogram]] };
  expect(exposition([metric], sourcesOf())).toContain('\nm_sum +Inf\n');
});

test('any label value survives, on one line', () => {
  const plain = (text: string): string => text.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('\\', '"', '\n', 'n', 'a') })), (text) => {
      const quoted = escaped(text);
      expect(quoted).not.toContain('\n');
      // No quotation mark ends the value early: each stands behind an odd number of backslashes.
      expect(quoted.replaceAll(/\\./g, '')).not.toMatch(/["\\]/);
      expect(plain(quoted)).toBe(text);
    }),
  );
  const report = { ...REPORT, node: 'a"b\\c\nd' };
  expect(linesOf('vigia_build', sourcesOf(report))[2]).toBe(
    'vigia_build_info{version="0.1.0",nodejs="24.0.0",node="a\\"b\\\\c\\nd"} 1',
  );
});

test('names follow the rules: a prefix, a unit at the end, one family per name', () => {
  const names = METRICS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, type, labels, help } of METRICS) {
    expect(name).toMatch(/^vigia_[a-z_]+$/);
    expect(name).not.toMatch(/_(total|info|bucket|sum|count|created)$/);
    if (type === 'histogram' || type === 'summary') expect(name).toMatch(/_seconds$/);
    expect(help).toMatch(/^[^\n]+\.$/);
    expect(labels).not.toContain('le');
  }
});

test('docs/reference/metrics.md lists exactly these metrics, with type and labels', () => {
  const page = readFileSync(new URL('../../../../../docs/reference/metrics.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(vigia_[a-z_]+)` \| (\w+) \| (.*?) \| .+ \|$/gm)];
  const listed = rows.map(([, name, type, labels = '']) => `${name} ${type} ${labels.replaceAll('`', '')}`);
  const emitted = METRICS.map(({ name, type, labels }) => `${name}${SUFFIXES[type]} ${type} ${labels.join(', ')}`);
  expect(listed.toSorted()).toEqual(emitted.toSorted());
});
