import { CAMERA_STATES, type CameraReport } from '@vigia/contracts';
import { type Metric, type Sample, splitOf, statesOf } from './metric.ts';

/** Metrics with the label `camera`. */
export const CAMERA_METRICS: readonly Metric[] = [
  {
    name: 'vigia_camera_state',
    type: 'gauge',
    help: '1 for the state of the camera, 0 for the other states.',
    labels: ['camera', 'state'],
    samples: perCamera((c, id) => statesOf(CAMERA_STATES, c.state, id)),
  },
  counter('vigia_camera_reconnects', 'Attempts to connect after the first one.', (c) => c.reconnects),
  counter('vigia_camera_restarts', 'Starts of the camera’s process after a death.', (c) => c.restarts),
  counter('vigia_camera_lost_packets', 'RTP packets that never arrived.', (c) => c.lost_packets),
  counter('vigia_camera_captured', 'Access units, including damaged ones.', (c) => c.captured),
  {
    name: 'vigia_camera_skipped',
    type: 'counter',
    help: 'Access units that were not published, by cause.',
    labels: ['camera', 'cause'],
    samples: perCamera((c, id) => splitOf(['no_demand', 'undecodable', 'late'], c.skipped, id)),
  },
  counter('vigia_camera_concealed', 'Frames that were published although a part was lost.', (c) => c.concealed),
  counter('vigia_camera_published', 'Frames that were handed to the supplier.', (c) => c.published),
  counter('vigia_camera_inbox_drops', 'Frames that were overwritten in the inbox.', (c) => c.inbox_drops),
  counter('vigia_camera_unsent_results', 'Results that did not reach the supervisor.', (c) => c.unsent_results),
  {
    name: 'vigia_camera_main_state',
    type: 'gauge',
    help: '1 for the state of the large stream, 0 for the other states.',
    labels: ['camera', 'state'],
    samples: perCamera(({ main }, id) => (main ? statesOf(CAMERA_STATES, main.state, id) : [])),
  },
  counter(
    'vigia_camera_main_reconnects',
    'As vigia_camera_reconnects, of the large stream.',
    (c) => c.main?.reconnects,
  ),
  counter('vigia_camera_main_lost_packets', 'RTP packets that never arrived.', (c) => c.main?.lost_packets),
  counter('vigia_camera_main_captured', 'Access units of the large stream.', (c) => c.main?.captured),
];

function counter(name: string, help: string, value: (camera: CameraReport) => number | undefined): Metric {
  const samples = perCamera((camera, id): Sample[] => {
    const count = value(camera);
    return count === undefined ? [] : [[count, id]];
  });
  return { name, type: 'counter', help, labels: ['camera'], samples };
}

function perCamera(samples: (camera: CameraReport, id: string) => readonly Sample[]): Metric['samples'] {
  return ({ report }) => Object.entries(report.cameras).flatMap(([id, camera]) => samples(camera, id));
}
