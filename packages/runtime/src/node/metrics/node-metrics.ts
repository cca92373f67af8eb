import { MODEL_STATES, type ModelReport, type Report } from '@vigia/contracts';
import type { SubscriptionReport } from '#core/event-hub';
import { type Metric, type Sample, splitOf, statesOf } from './metric.ts';

/** Metrics of the node, its processes, its stream and its broker. */
export const NODE_METRICS: readonly Metric[] = [
  {
    name: 'vigia_build',
    type: 'info',
    help: 'Version of vigia and of Node.js, and the name of the node.',
    labels: ['version', 'nodejs', 'node'],
    samples: ({ version, nodejs, report }) => [[1, version, nodejs, report.node]],
  },
  ofNode('vigia_uptime_seconds', 'gauge', 'Time since the supervisor started.', (r) => [r.duration_ms / 1000]),
  ofNode('vigia_shared_memory_bytes', 'gauge', 'Shared memory of the plan.', (r) => [r.system.shm_bytes]),
  perProcess('vigia_process_memory_bytes', 'gauge', 'Proportional set size.', (usage) => usage.pss_bytes),
  perProcess('vigia_process_cpu_seconds', 'counter', 'User and system time since its start.', (usage) => usage.cpu_s),
  ofNode('vigia_mqtt_connected', 'gauge', '1 while the broker is connected.', ({ mqtt }) =>
    mqtt ? [Number(mqtt.connected)] : [],
  ),
  ofNode('vigia_mqtt_dropped', 'counter', 'Messages that were not sent to the broker.', ({ mqtt }) =>
    mqtt ? [mqtt.dropped] : [],
  ),
  {
    name: 'vigia_subscriber_dropped',
    type: 'counter',
    help: 'Items that a subscriber of the node’s stream was too slow for, by class.',
    labels: ['subscriber', 'class'],
    samples: perSubscriber(({ dropped }, name) => splitOf(['samples', 'events', 'states'], dropped, name)),
  },
  {
    name: 'vigia_subscriber_failed',
    type: 'counter',
    help: 'Items whose handling failed.',
    labels: ['subscriber'],
    samples: perSubscriber(({ failed }, name) => [[failed, name]]),
  },
  {
    name: 'vigia_subscriber_queued',
    type: 'gauge',
    help: 'Items that wait for a subscriber.',
    labels: ['subscriber'],
    samples: perSubscriber(({ queued }, name) => [[queued, name]]),
  },
  {
    name: 'vigia_traces',
    type: 'counter',
    help: 'Sampled results by what became of their traces.',
    labels: ['outcome'],
    samples: ({ traces }) => (traces ? splitOf(['sent', 'failed', 'dropped', 'limited'], traces) : []),
  },
];

/** Metrics with the label `model`. */
export const MODEL_METRICS: readonly Metric[] = [
  {
    name: 'vigia_model_state',
    type: 'gauge',
    help: '1 for the state of the model, 0 for the other states.',
    labels: ['model', 'state'],
    samples: perModel(({ state }, id) => statesOf(MODEL_STATES, state, id)),
  },
  ofModel('vigia_model_restarts', 'Starts of its container after a death.', (m) => m.restarts),
  ofModel('vigia_model_requests', 'Requests that its containers received, probes included.', (m) => m.requests),
  ofModel('vigia_model_batches', 'Runs of the network.', (m) => m.batches),
  {
    name: 'vigia_model_inference_seconds',
    type: 'summary',
    help: 'Time of an inference in the running container.',
    labels: ['model', 'quantile'],
    samples: perModel(({ inference_ms }, id) => quantilesOf(inference_ms, id)),
  },
];

function ofNode(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  values: (report: Report) => readonly number[],
): Metric {
  return { name, type, help, labels: [], samples: ({ report }) => values(report).map((value): Sample => [value]) };
}

function perProcess(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: (usage: Report['system']['processes'][string]) => number,
): Metric {
  const samples: Metric['samples'] = ({ report }) =>
    Object.entries(report.system.processes).map(([process, usage]): Sample => [value(usage), process]);
  return { name, type, help, labels: ['process'], samples };
}

function perSubscriber(samples: (report: SubscriptionReport, name: string) => readonly Sample[]): Metric['samples'] {
  return ({ subscribers }) => Object.entries(subscribers).flatMap(([name, report]) => samples(report, name));
}

/** None before the first inference, which the report shows as zeros. */
function quantilesOf({ p50, p99 }: ModelReport['inference_ms'], id: string): Sample[] {
  if (p99 === 0) return [];
  return [
    [p50 / 1000, id, '0.5'],
    [p99 / 1000, id, '0.99'],
  ];
}

function ofModel(name: string, help: string, value: (model: ModelReport) => number): Metric {
  return { name, type: 'counter', help, labels: ['model'], samples: perModel((model, id) => [[value(model), id]]) };
}

function perModel(samples: (model: ModelReport, id: string) => readonly Sample[]): Metric['samples'] {
  return ({ report }) => Object.entries(report.models).flatMap(([id, model]) => samples(model, id));
}
