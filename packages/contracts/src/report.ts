import { z } from 'zod';
import { DECODE_MODES, SLA_CLASSES } from './config.ts';

const count = z.int().min(0);
const ms = z.number().min(0);

/** States of a camera. */
export const CAMERA_STATES = ['connecting', 'live', 'stalled', 'waiting', 'stopped'] as const;
/** See {@link CAMERA_STATES}. */
export type CameraState = (typeof CAMERA_STATES)[number];

const resultCountsSchema = z.strictObject({
  ok: count,
  expired: count,
  timeout: count,
  unavailable: count,
  error: count,
});
const quantilesSchema = z.strictObject({ p50: ms, p95: ms, p99: ms, max: ms });

/** States of a worker (docs/reference/states-and-reasons.md). */
export const WORKER_STATES = [
  'starting',
  'ready',
  'running',
  'idle',
  'breaching',
  'restarting',
  'failed',
  'stopped',
] as const;
/** See {@link WORKER_STATES}. */
export type WorkerState = (typeof WORKER_STATES)[number];

/** A consumer's SLA, measured over the last 60 s in which its camera was live. */
const slaWindowSchema = z.strictObject({
  /** How long the camera was live in the window, at most 60000. */
  live_ms: ms,
  /** min(gate, source rate) × live time: the number of ok results expected. */
  turns: ms,
  ok: count,
  /** 1 − ok / turns, between 0 and 1; one turn is conceded to the window's edges. */
  drop_ratio: ms.max(1),
  /** Share of ok results older than `max_age_ms`; null without one. */
  late_ratio: ms.max(1).nullable(),
  /** Upper bound of both: critical 0, high 0.1, normal 0.5, best-effort 1. */
  budget: ms.max(1),
  breaching: z.boolean(),
  /** Crossings since the start. */
  breaches: count,
});
/** See {@link slaWindowSchema}. */
export type SlaWindow = z.infer<typeof slaWindowSchema>;

/** A gate that was slowed so that a critical consumer gets CPU. */
const slowedSchema = z.strictObject({
  /** Frames per second that are left. */
  fps: z.number().gt(0),
  reason: z.string(),
});
/** See {@link slowedSchema}. */
export type Slowed = z.infer<typeof slowedSchema>;

/** The process, or thread, of a worker. */
const workerProcessSchema = z.strictObject({
  /** Null while none runs, and for a thread. */
  pid: count.nullable(),
  /** Its own name. */
  name: z.string().nullable(),
  transport: z.enum(['shm', 'stdin', 'thread']),
  /** Restarts of the budget that are used; refilled after 60 healthy seconds. */
  restarts_used: count,
  /** Null: unlimited. */
  restarts_allowed: count.nullable(),
  protocol_errors: count,
  /** Log lines of its own that were dropped because there were too many. */
  log_dropped: count,
  /** The last unrequested end; `stderr` is empty in the statistics over MQTT, which are sent every 10 s. */
  last_exit: z.strictObject({ at: z.iso.datetime(), reason: z.string(), stderr: z.array(z.string()) }).nullable(),
});
/** See {@link workerProcessSchema}. */
export type WorkerProcessReport = z.infer<typeof workerProcessSchema>;

/** One consumer of one camera. */
export const consumerReportSchema = z.strictObject({
  kind: z.enum(['model', 'worker']),
  /** Null for a worker. */
  model: z.string().nullable(),
  /** Key of `workers`; null for a model. */
  worker: z.string().nullable(),
  sla: z.enum(SLA_CLASSES),
  /** A model's consumer is `running`, `unavailable` or `breaching`; a worker's has a state of a worker. */
  state: z.enum([...WORKER_STATES, 'unavailable']),
  /** The reason, for display; null without one. */
  reason: z.string().nullable(),
  sla_window: slaWindowSchema,
  /** Null unless it is slowed. */
  slowed: slowedSchema.nullable(),
  /** Null for a model. */
  process: workerProcessSchema.nullable(),
  /** Offered to it since it subscribed: = delivered + Σ dropped + pending. */
  published: count,
  /** = Σ results + in_flight. */
  delivered: count,
  pending: count.max(1),
  dropped: z.strictObject({ gated: count, overwritten: count, stale: count, closed: count }),
  in_flight: count.max(1),
  results: resultCountsSchema,
  discarded_answers: count,
  /** Of the ok results; null before the first. `uncertain`: of how many of them it is only the least possible age. */
  age_ms: quantilesSchema.extend({ uncertain: count }).nullable(),
  /** Detected objects, by class name. */
  detections: z.record(z.string(), count),
  /** Ok results with at least one object of the class. */
  results_with: z.record(z.string(), count),
  /** Starts after a death: of its camera's process, and for a worker also its own. */
  restarts: count,
});
/** See {@link consumerReportSchema}. */
export type ConsumerReport = z.infer<typeof consumerReportSchema>;

/** What a camera sends, measured while it is connected. */
export const streamReportSchema = z.strictObject({
  /** `rtsp`, `rtsps`, `http`, `https`, `file`, `v4l2`. */
  kind: z.string(),
  /** `tcp`, `udp`; empty where there is no choice. */
  transport: z.string(),
  /** libav’s name: `h264`, `hevc`, `mjpeg` … */
  codec: z.string(),
  /** Pixels; 0 before the first picture was decoded. */
  width: count,
  height: count,
  /** Between two published frames; with `decode: keyframes`, the distance of keyframes. */
  interval_ms: ms,
  /** Between two keyframes; null before the second one. */
  gop_ms: ms.nullable(),
  decode: z.enum(DECODE_MODES),
  /** `software`, or the hardware decoder. */
  decoder: z.string(),
});

/** The large stream of a camera with a `detect_source`: drained, used for snapshots, not decoded otherwise. */
const mainStreamReportSchema = z.strictObject({
  state: z.enum(CAMERA_STATES),
  reason: z.string().nullable(),
  reconnects: count,
  captured: count,
  lost_packets: count,
});

/** One camera. */
export const cameraReportSchema = z.strictObject({
  state: z.enum(CAMERA_STATES),
  reason: z.string().nullable(),
  reconnects: count,
  /** Null before the first connection of its process. */
  stream: streamReportSchema.nullable(),
  /** Null without a `detect_source`. */
  main: mainStreamReportSchema.nullable(),
  /** RTP packets that never arrived. */
  lost_packets: count,
  /** Frames published although a part of them, or of a frame they depend on, was lost (`on_loss: conceal`). */
  concealed: count,
  /** Access units: = published + Σ skipped + in_decoder. */
  captured: count,
  skipped: z.strictObject({ no_demand: count, undecodable: count, late: count }),
  in_decoder: count,
  /** = distributed + inbox_drops + inbox_pending. */
  published: count,
  distributed: count,
  inbox_drops: count,
  inbox_pending: count.max(1),
  /** Starts of its process after a death; those after a change or a requested restart are not counted. */
  restarts: count,
  /** Results that the supervisor did not receive because it was not reading. They are counted in `results` too. */
  unsent_results: count,
  consumers: z.record(z.string(), consumerReportSchema),
});
/** What a camera sends. */
export type StreamReport = z.infer<typeof streamReportSchema>;
/** The large stream, when the models analyse another one. */
export type MainStreamReport = z.infer<typeof mainStreamReportSchema>;
/** See {@link cameraReportSchema}. */
export type CameraReport = z.infer<typeof cameraReportSchema>;

/** States of a model. */
export const MODEL_STATES = ['starting', 'ready', 'failing', 'stopped'] as const;
/** See {@link MODEL_STATES}. */
export type ModelState = (typeof MODEL_STATES)[number];

/** One model container. */
export const modelReportSchema = z.strictObject({
  state: z.enum(MODEL_STATES),
  /** Why it is not ready, for people; null when it is. */
  reason: z.string().nullable(),
  requests: count,
  batches: count,
  inference_ms: z.strictObject({ p50: ms, p99: ms }),
  restarts: count,
});
/** See {@link modelReportSchema}. */
export type ModelReport = z.infer<typeof modelReportSchema>;

/** `--report FILE` and `GET /api/v1/report` (docs/reference/report.md). One snapshot; the equations hold in it. */
export const reportSchema = z.strictObject({
  version: z.literal(1),
  node: z.string(),
  duration_ms: ms,
  cameras: z.record(z.string(), cameraReportSchema),
  models: z.record(z.string(), modelReportSchema),
  /** Null without a broker in the configuration. `dropped`: messages published while it was not connected. */
  mqtt: z.strictObject({ connected: z.boolean(), dropped: count }).nullable(),
  system: z.strictObject({
    shm_bytes: count,
    processes: z.record(z.string(), z.strictObject({ pss_bytes: count, cpu_s: ms })),
  }),
});
/** See {@link reportSchema}. */
export type Report = z.infer<typeof reportSchema>;

/** The AD2 equations that a report violates, one sentence each; empty when every frame is accounted for. */
export function conservationErrors(report: Report): string[] {
  const errors: string[] = [];
  const equal = (path: string, left: number, right: number, text: string): void => {
    if (left !== right) errors.push(`${path}: ${text}: ${left} ≠ ${right}`);
  };
  for (const [id, c] of Object.entries(report.cameras)) {
    const at = `cameras.${id}`;
    const { no_demand, undecodable, late } = c.skipped;
    equal(
      at,
      c.captured,
      c.published + no_demand + undecodable + late + c.in_decoder,
      'captured = published + skipped + in_decoder',
    );
    equal(
      at,
      c.published,
      c.distributed + c.inbox_drops + c.inbox_pending,
      'published = distributed + inbox_drops + inbox_pending',
    );
    for (const [name, k] of Object.entries(c.consumers)) {
      const { gated, overwritten, stale, closed } = k.dropped;
      const results = Object.values(k.results).reduce((a, b) => a + b, 0);
      equal(
        `${at}.consumers.${name}`,
        k.published,
        k.delivered + gated + overwritten + stale + closed + k.pending,
        'published = delivered + dropped + pending',
      );
      equal(`${at}.consumers.${name}`, k.delivered, results + k.in_flight, 'delivered = results + in_flight');
    }
  }
  return errors;
}
