import { RECORDING_STATES, type RecordingStatus } from '@vigia/contracts';
import { type Metric, type Sample, statesOf } from './metric.ts';
import type { RecordingSources } from './recording-sources.ts';

/** Metrics of recordings. */
export const RECORDING_METRICS: readonly Metric[] = [
  {
    name: 'vigia_recording_state',
    type: 'gauge',
    help: '1 for the state of the camera’s recorder, 0 for the other states.',
    labels: ['camera', 'state'],
    samples: perRecorder(({ state }, id) => statesOf(RECORDING_STATES, state, id)),
  },
  {
    name: 'vigia_recording_written_bytes',
    type: 'counter',
    help: 'Bytes that were recorded.',
    labels: ['camera'],
    samples: perRecorder(({ bytes }, id) => [[bytes, id]]),
  },
  {
    name: 'vigia_recording_lost_seconds',
    type: 'counter',
    help: 'Time that should have been recorded, and was not.',
    labels: ['camera'],
    samples: perRecorder(({ lost_ms: lost }, id) => [[lost / 1000, id]]),
  },
  {
    name: 'vigia_recording_lost_results',
    type: 'counter',
    help: 'Results that should have been kept beside recordings, and were not.',
    labels: [],
    samples: ({ recorders, lostResults }) => (Object.keys(recorders).length > 0 ? [[lostResults]] : []),
  },
  ofFootage('vigia_footage_bytes', 'gauge', 'All recordings.', (f) => f.bytes),
  ofFootage('vigia_footage_event_bytes', 'gauge', 'Recordings of events.', (f) => f.eventBytes),
  ofFootage('vigia_footage_free_bytes', 'gauge', 'Free where recordings are written.', (f) => f.freeBytes),
  ofFootage('vigia_footage_deleted_segments', 'counter', 'Segments that retention removed.', (f) => f.deletedSegments),
  ofFootage('vigia_footage_missing_segments', 'counter', 'Segments that others removed.', (f) => f.lostSegments),
];

function perRecorder(samples: (status: RecordingStatus, id: string) => readonly Sample[]): Metric['samples'] {
  return ({ recorders }) => Object.entries(recorders).flatMap(([id, status]) => samples(status, id));
}

function ofFootage(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: (footage: NonNullable<RecordingSources['footage']>) => number,
): Metric {
  return { name, type, help, labels: [], samples: ({ footage }) => (footage ? [[value(footage)]] : []) };
}
