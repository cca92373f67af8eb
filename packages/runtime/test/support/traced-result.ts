import type { ResultMessage } from '@vigia/contracts';

/** An ok result of frame 7 of the camera `hall`. */
export const OK_RESULT: ResultMessage = {
  node: 'ward-3',
  boot: '01M81GZSCYHV1DFBG1T3ZG2KHA',
  camera: 'hall',
  consumer: 'people',
  model: 'ssdlite',
  seq: 7,
  status: 'ok',
  captured_at: '2026-11-21T05:09:50.075Z',
  age_ms: 17.249,
  age_certain: true,
  age_bound_ms: 17.249,
  pts_us: 9_146_967_578,
  hops_ms: { arrived: 1.5, decoded: 2.61, taken: 3.511, rendered: 4.129, sent: 4.2, received: 17.239, decided: 17.249 },
  detections: [],
  error: null,
};
