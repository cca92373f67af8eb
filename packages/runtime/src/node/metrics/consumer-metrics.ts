import { type ConsumerReport, RESULT_STATUSES, WORKER_STATES } from '@vigia/contracts';
import { type Metric, type MetricSources, type Sample, splitOf, statesOf } from './metric.ts';

const LABELS = ['camera', 'consumer'] as const;

/** Metrics with the labels `camera` and `consumer`. */
export const CONSUMER_METRICS: readonly Metric[] = [
  {
    name: 'vigia_consumer',
    type: 'info',
    help: 'Kind and SLA class of the consumer.',
    labels: [...LABELS, 'kind', 'sla'],
    samples: perConsumer(({ kind, sla }, ...of) => [[1, ...of, kind, sla]]),
  },
  {
    name: 'vigia_consumer_state',
    type: 'gauge',
    help: '1 for the state of the consumer, 0 for the other states.',
    labels: [...LABELS, 'state'],
    samples: perConsumer(({ state }, ...of) => statesOf([...WORKER_STATES, 'unavailable'], state, ...of)),
  },
  one('vigia_consumer_restarts', 'counter', 'Starts after a death of its process or camera.', (c) => c.restarts),
  one('vigia_consumer_offered', 'counter', 'Frames that were offered to the consumer.', (c) => c.published),
  one('vigia_consumer_delivered', 'counter', 'Frames that the consumer took.', (c) => c.delivered),
  {
    name: 'vigia_consumer_dropped',
    type: 'counter',
    help: 'Offered frames that the consumer did not take, by cause.',
    labels: [...LABELS, 'cause'],
    samples: perConsumer((c, ...of) => splitOf(['gated', 'overwritten', 'stale', 'closed'], c.dropped, ...of)),
  },
  {
    name: 'vigia_consumer_results',
    type: 'counter',
    help: 'Results, one per delivered frame, by status.',
    labels: [...LABELS, 'status'],
    samples: perConsumer(({ results }, ...of) => splitOf(RESULT_STATUSES, results, ...of)),
  },
  one('vigia_consumer_discarded_answers', 'counter', 'Answers after the deadline.', (c) => c.discarded_answers),
  {
    name: 'vigia_consumer_age_seconds',
    type: 'histogram',
    help: 'Time from capture to the decision, of ok results.',
    labels: LABELS,
    samples: ({ consumers }) => consumers.map(({ camera, consumer, age }): Sample => [age, camera, consumer]),
  },
  {
    name: 'vigia_consumer_hop_seconds',
    type: 'histogram',
    help: 'Time from capture to each hop, of ok results.',
    labels: [...LABELS, 'hop'],
    samples: ({ consumers }) =>
      consumers.flatMap(({ camera, consumer, hops }) =>
        hops.map(({ hop, times }): Sample => [times, camera, consumer, hop]),
      ),
  },
  {
    name: 'vigia_consumer_age_unknown',
    type: 'counter',
    help: 'Ok results that are in no histogram because their age is not known.',
    labels: LABELS,
    samples: ({ consumers }) =>
      consumers.map(({ camera, consumer, agesUnknown }): Sample => [agesUnknown, camera, consumer]),
  },
  {
    name: 'vigia_consumer_age_uncertain',
    type: 'counter',
    help: 'Ok results that may be older than their age says, because the camera does not show its delay.',
    labels: LABELS,
    samples: ({ consumers }) =>
      consumers.map(({ camera, consumer, agesUncertain }): Sample => [agesUncertain, camera, consumer]),
  },
  one('vigia_consumer_sla_breaching', 'gauge', '1 while its SLA is broken.', (c) => Number(c.sla_window.breaching)),
  one('vigia_consumer_sla_breaches', 'counter', 'How often its SLA was broken.', (c) => c.sla_window.breaches),
  one('vigia_consumer_slowed', 'gauge', '1 while it has a lower rate than configured.', (c) =>
    Number(c.slowed !== null),
  ),
];

function one(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: (consumer: ConsumerReport) => number,
): Metric {
  return { name, type, help, labels: LABELS, samples: perConsumer((report, ...of) => [[value(report), ...of]]) };
}

type Of = readonly [camera: string, consumer: string];

/** Samples of the consumers of the plan. One whose camera has not reported yet has none. */
function perConsumer(samples: (report: ConsumerReport, ...of: Of) => readonly Sample[]): Metric['samples'] {
  return ({ report, consumers }: MetricSources) =>
    consumers.flatMap(({ camera, consumer }) => {
      const found = own(own(report.cameras, camera)?.consumers, consumer);
      return found ? samples(found, camera, consumer) : [];
    });
}

/** An id may be the name of something that every object inherits, such as `constructor`. */
function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}
