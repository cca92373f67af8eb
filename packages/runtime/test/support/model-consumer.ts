import type { CameraReport, ConsumerReport } from '@vigia/contracts';

/** What the report of a model's consumer says of itself when all is well, besides its counts. */
export const MODEL_CONSUMER = {
  kind: 'model',
  worker: null,
  sla: 'normal',
  state: 'running',
  reason: null,
  sla_window: {
    live_ms: 0,
    turns: 0,
    ok: 0,
    drop_ratio: 0,
    late_ratio: null,
    budget: 0.5,
    breaching: false,
    breaches: 0,
  },
  slowed: null,
  process: null,
  restarts: 0,
} satisfies Partial<ConsumerReport>;

/** The stream of a camera that is live. */
export const LIVE_STREAM: NonNullable<CameraReport['stream']> = {
  kind: 'rtsp',
  transport: 'tcp',
  codec: 'h264',
  width: 768,
  height: 576,
  interval_ms: 100,
  gop_ms: 2000,
  decode: 'full',
  decoder: 'software',
};

/** Counters of a consumer that has worked for a while: the equations hold. */
export const COUNTED = {
  published: 96,
  delivered: 50,
  pending: 1,
  dropped: { gated: 40, overwritten: 5, stale: 0, closed: 0 },
  in_flight: 1,
  results: { ok: 48, expired: 0, timeout: 1, unavailable: 0, error: 0 },
  discarded_answers: 1,
  detections: { person: 10 },
  results_with: { person: 9 },
} as const;
