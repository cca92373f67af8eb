import { z } from 'zod';
import { httpSchema, mqttSchema } from './config-network.ts';
import { recordSchema, storageSchema } from './config-recording.ts';
import { rulesSchema, zoneSchema } from './config-rules.ts';
import { ID_PATTERN } from './ids.ts';
import { tracingSchema } from './tracing.ts';
import { webhookSchema } from './webhooks.ts';
import { packedBytes, WORKER_FORMATS, WORKER_TRANSPORTS } from './worker-protocol.ts';

/** Longest `options` of a worker, characters of JSON. */
const OPTIONS_LIMIT = 65_536;
/** Largest frame of a worker, bytes. */
const MAX_FRAME_BYTES = 100_000_000;
/** Camera ids that MQTT topics need for themselves. */
export const RESERVED_CAMERA_IDS: readonly string[] = ['cmd', 'reply', 'status'];
/** SLA classes, most important first. */
export const SLA_CLASSES = ['critical', 'high', 'normal', 'best-effort'] as const;
/** See {@link SLA_CLASSES}. */
export type SlaClass = (typeof SLA_CLASSES)[number];

const idSchema = z
  .string()
  .regex(ID_PATTERN, 'an id is 1 to 63 of a-z, 0-9, _ and -, and begins with a letter or digit');
const share = z.number().min(0).max(1);

const roiSchema = z
  .strictObject({
    x: share.describe('Left edge, 0..1 of the width.'),
    y: share.describe('Upper edge, 0..1 of the height.'),
    width: share.gt(0).describe('Width, above 0, at most 1.'),
    height: share.gt(0).describe('Height, above 0, at most 1.'),
  })
  .refine(
    (r) => r.x + r.width <= 1.000_001 && r.y + r.height <= 1.000_001,
    'the region must lie inside the picture: x + width and y + height are at most 1',
  );

const consumerSchema = z
  .strictObject({
    model: idSchema.optional().describe('A key of `models`.'),
    worker: idSchema.optional().describe('In place of `model`: a key of `workers`.'),
    enabled: z
      .boolean()
      .default(true)
      .describe('`false`: switched off. Its memory stays allocated, so that it can be switched on at once.'),
    fps: z
      .number()
      .gt(0)
      .max(120)
      .optional()
      .describe('At most this many pictures per second. Default: as many as the model can take.'),
    sla: z.enum(SLA_CLASSES).default('normal').describe('How important the consumer is.'),
    deadline_ms: z
      .number()
      .min(10)
      .max(600_000)
      .default(1000)
      .describe('An answer that takes longer counts as `timeout`.'),
    max_age_ms: z
      .number()
      .min(1)
      .optional()
      .describe('An ok result that is older breaches the SLA, with the same budget as drops.'),
  })
  .refine(
    (consumer) => (consumer.model === undefined) !== (consumer.worker === undefined),
    'a consumer has `model` (a key of `models`) or `worker` (a key of `workers`), one of them',
  );

/** How packets of an RTSP camera travel. */
export const RTP_TRANSPORTS = ['tcp', 'udp'] as const;
/** Which frames of a camera are decoded. */
export const DECODE_MODES = ['full', 'keyframes'] as const;
/** Hardware decoders; `auto` takes the first that works. */
export const HARDWARE_DECODERS = ['none', 'auto', 'vaapi', 'cuda'] as const;

const decoderSchema = z.strictObject({
  threads: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe(
      'CPU threads of the decoder. They share the slices of one picture, never several pictures: that would hide age.',
    ),
  hardware: z
    .enum(HARDWARE_DECODERS)
    .default('none')
    .describe('Decode with the machine’s video hardware. What does not work falls back to the CPU, with a sentence.'),
});

const tlsSchema = z.strictObject({
  verify: z
    .boolean()
    .default(true)
    .describe('Whether the camera’s certificate must be signed by a known authority and name the camera.'),
  ca: z.string().min(1).optional().describe('A PEM file with the authority, or the camera’s own certificate.'),
});

const side = (max: number): z.ZodInt => z.int().min(16).max(max);
const maxPictureSchema = z.strictObject({
  width: side(8192).describe('Pixels.'),
  height: side(8192).describe('Pixels.'),
});

/** One camera of the configuration. */
export const cameraSchema = z.strictObject({
  source: z
    .string()
    .min(1)
    .describe(
      'Where the pictures come from: `rtsp://` or `rtsps://[user:password@]host[:port]/path`, `http(s)://…` (MJPEG), `file:PATH[?loop]`, `v4l2:/dev/videoN`. Secrets by `${NAME}`, taken from the environment.',
    ),
  detect_source: z
    .string()
    .min(1)
    .optional()
    .describe('The camera’s small stream, for the models. `source` is then connected but not decoded.'),
  transport: z
    .enum(RTP_TRANSPORTS)
    .default('tcp')
    .describe('How an RTSP camera sends: inside its connection, or as datagrams, of which some get lost.'),
  on_loss: z
    .enum(['wait', 'conceal'])
    .default('wait')
    .describe(
      'After a loss: show nothing until the next clean picture, or what the decoder makes of the damaged ones.',
    ),
  decode: z
    .enum(DECODE_MODES)
    .default('full')
    .describe('`keyframes`: a tenth of the work, one picture per keyframe, so every few seconds.'),
  decoder: decoderSchema.prefault({}).describe('How pictures are decoded.'),
  max_picture: maxPictureSchema
    .default({ width: 3840, height: 2160 })
    .describe('The largest picture that is decoded; memory is planned for it. A larger one is refused.'),
  tls: tlsSchema.prefault({}).describe('For `rtsps://` and `https://`.'),
  roi: roiSchema.optional().describe('The part of the picture that consumers see.'),
  consumers: z.record(idSchema, consumerSchema).default({}).describe('Who looks at this camera.'),
  record: recordSchema
    .optional()
    .describe('What is recorded of it, as it comes, without re-encoding. Default: nothing.'),
  zones: z.record(idSchema, zoneSchema).default({}).describe('Parts of its picture with a meaning, by name.'),
  rules: rulesSchema.optional().describe('What raises alarms about the people it shows. Default: nothing.'),
  name: z
    .string()
    .min(1)
    .max(64)
    // Control characters, and those that turn the direction of what follows them.
    .regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u)
    .optional()
    .describe('What people call it: `Room 4`. Default: made from its id.'),
  order: z
    .int()
    .min(-1_000_000)
    .max(1_000_000)
    .optional()
    .describe('Its place among the cameras, the smallest first. Cameras without one come last, by name.'),
});

/** Execution providers of ONNX Runtime. Which ones are available depends on the machine. */
export const PROVIDERS = ['cpu', 'cuda', 'tensorrt', 'openvino', 'webgpu', 'coreml', 'dml'] as const;
/** See {@link PROVIDERS}. */
export type Provider = (typeof PROVIDERS)[number];

const modelInputSchema = z.strictObject({
  width: z.int().min(1).max(4096).describe('Pixels.'),
  height: z.int().min(1).max(4096).describe('Pixels.'),
  fit: z
    .enum(['stretch', 'letterbox'])
    .default('letterbox')
    .describe('How pictures of other proportions are brought to that size.'),
});

const modelSchema = z
  .strictObject({
    use: idSchema.optional().describe('An id from `vigia models list`. vigia starts its container.'),
    external: z
      .strictObject({
        input: modelInputSchema
          .optional()
          .describe('The pictures that it wants. Needed when it is not running yet when the configuration is read.'),
      })
      .optional()
      .describe(
        'In place of `use`: a container that somebody else starts, by hand or in Docker. It is found by its socket, `vigia_model_<id>.sock` in the run directory, whenever it comes.',
      ),
    threads: z.int().min(1).max(64).default(1).describe('CPU threads of one inference.'),
    provider: z.enum(PROVIDERS).default('cpu').describe('What computes. One that is not there is a clear error.'),
    max_batch: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe('Most pictures of one run. Default: what the model was found to be best at when it was added.'),
    memory_mib: z
      .int()
      .min(64)
      .optional()
      .describe(
        'Most memory that its container may use; above it is started again. Default: 1.5 × what it is planned with; none where something else than the CPU computes.',
      ),
    skip_loop_filter: z
      .boolean()
      .default(false)
      .describe(
        'This model may be given pictures decoded without the loop filter: a quarter less work, blockier. Done for a camera when all of its models allow it.',
      ),
  })
  .refine(
    (model) => (model.use === undefined) !== (model.external === undefined),
    'a model has `use` (an id from `vigia models list`) or `external` (a container that somebody else starts), one of them',
  );

/** Passed to a program as one string: bounded by what Linux allows, 128 KiB including its name. */
const plainText = z
  .string()
  .max(100_000)
  .refine((text) => !text.includes('\0'), 'a text for a program must not hold a zero character');

const workerInputSchema = z
  .strictObject({
    format: z.enum(WORKER_FORMATS).default('RGB24').describe('`JPEG` only over stdin.'),
    width: z.int().min(2).max(8192).default(640).describe('Pixels.'),
    height: z.int().min(2).max(8192).default(360).describe('Pixels.'),
    fit: z
      .enum(['stretch', 'letterbox'])
      .default('letterbox')
      .describe('How pictures of other proportions are brought to that size.'),
  })
  .refine(
    ({ format, width, height }) => !['NV12', 'I420'].includes(format) || (width % 2 === 0 && height % 2 === 0),
    'NV12 and I420 need an even width and an even height',
  )
  .refine(
    ({ format, width, height }) => packedBytes(format === 'JPEG' ? 'RGB24' : format, width, height) <= MAX_FRAME_BYTES,
    'a frame has at most 100,000,000 bytes',
  );

const restartSchema = z.strictObject({
  delays_ms: z
    .array(z.number().min(0).max(3_600_000))
    .max(100)
    .optional()
    .describe(
      'One restart after each of these waits, then the worker has failed. Default by class: critical 1000, 2000, 4000; high 1000, 2000; normal 1000; best-effort none.',
    ),
  unlimited: z.boolean().default(false).describe('Never give up: the last wait is repeated.'),
  probe_ms: z
    .number()
    .min(1_000)
    .max(86_400_000)
    .nullable()
    .optional()
    .describe('A failed worker is tried again this often. Default: critical every 60000, others never (null).'),
});

const workerSchema = z
  .strictObject({
    command: z.array(plainText).min(1).optional().describe('The program and its arguments. No shell.'),
    module: z
      .string()
      .min(1)
      .optional()
      .describe('In place of `command`: a JavaScript file, run in a thread of the camera’s process.'),
    dir: z.string().min(1).optional().describe('Working folder of the program. Default: vigia’s.'),
    transport: z
      .enum(WORKER_TRANSPORTS)
      .optional()
      .describe(
        '`shm`: references into shared memory; `stdin`: the pixels themselves. Default: shm, and stdin for JPEG. A module takes what threads share.',
      ),
    input: workerInputSchema.prefault({}).describe('The pictures it gets. It may ask for smaller ones itself.'),
    env: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of a variable is letters, digits and _')
          .refine((name) => !name.startsWith('VIGIA_'), 'names that begin with VIGIA_ are vigia’s own'),
        plainText,
      )
      .default({})
      .describe('Further environment variables. Secrets by `${NAME}`.'),
    options: z
      .record(z.string(), z.json())
      .refine((options) => JSON.stringify(options).length <= OPTIONS_LIMIT, 'at most 65,536 characters of JSON')
      .default({})
      .describe('For the worker itself, as it likes: a bed zone, a prompt. No secrets here.'),
    start_timeout_ms: z
      .number()
      .min(100)
      .max(3_600_000)
      .default(30_000)
      .describe('A worker that is not ready by then is started again.'),
    hang_timeout_ms: z
      .number()
      .min(100)
      .max(3_600_000)
      .optional()
      .describe(
        'A worker that neither answers nor gives a heartbeat for so long is started again. Default: 10 s, or 2 × the deadline.',
      ),
    memory_mib: z
      .int()
      .min(8)
      .optional()
      .describe(
        'Most memory of its own, with what it starts, of a program. Above it is ended, and restarted under its policy. Default: no limit, and not planned.',
      ),
    restart: restartSchema.prefault({}).describe('What happens when it ends by itself.'),
  })
  .refine(
    (worker) => (worker.command === undefined) !== (worker.module === undefined),
    'a worker has `command` (a program) or `module` (a JavaScript file), one of them',
  )
  .refine(
    (worker) =>
      worker.module === undefined ||
      (worker.transport === undefined &&
        worker.dir === undefined &&
        worker.memory_mib === undefined &&
        worker.input.format !== 'JPEG'),
    'a module runs in the camera’s process and gets raw pictures: no `dir`, no `transport`, no `memory_mib`, no JPEG',
  )
  .refine(
    (worker) => worker.transport !== 'shm' || worker.input.format !== 'JPEG',
    'JPEG goes over stdin, not over shm',
  );

const cpuClassSchema = z.strictObject({
  nice: z
    .int()
    .min(-20)
    .max(19)
    .optional()
    .describe('Default: critical 0, high 3, normal 8, best-effort 15. Below 0 needs the right to.'),
  cpus: z.array(z.int().min(0).max(1023)).min(1).optional().describe('CPUs it may run on. Default: all.'),
});

const cpuSchema = z.strictObject({
  critical: cpuClassSchema.prefault({}).describe('Workers of critical consumers, and models that have one.'),
  high: cpuClassSchema.prefault({}).describe('The same for high ones.'),
  normal: cpuClassSchema.prefault({}).describe('The same for normal ones.'),
  'best-effort': cpuClassSchema.prefault({}).describe('The same for best-effort ones.'),
  shed: z
    .boolean()
    .default(true)
    .describe('Slow best-effort, then normal consumers while a critical one suffers from a lack of CPU.'),
});

/** The configuration file (docs/reference/configuration.md). Unknown keys are errors. */
export const configSchema = z.strictObject({
  version: z.literal(1).describe('Version of this format.'),
  node: idSchema.default('vigia').describe('Tells instances on one machine, and on one broker, apart.'),
  cameras: z.record(idSchema, cameraSchema).describe('The cameras, by id.'),
  models: z
    .record(idSchema, modelSchema)
    .default({})
    .describe('Models that consumers may name, by id. One process each.'),
  workers: z
    .record(idSchema, workerSchema)
    .default({})
    .describe('Your own programs that consumers may name, by id. One process per camera and consumer.'),
  cpu: cpuSchema.prefault({}).describe('Who may use the CPU how much, by SLA class.'),
  mqtt: mqttSchema.optional().describe('Where results go. Without it they are only shown and reported.'),
  webhooks: z.record(idSchema, webhookSchema).default({}).describe('Where events are posted to, by id.'),
  http: httpSchema.optional().describe('The HTTP API over a TCP port. Without it there is only the control socket.'),
  storage: storageSchema.prefault({}).describe('Where recordings go, and how much room they may take.'),
  tracing: tracingSchema.optional().describe('Traces of frames for OpenTelemetry. Without it there are none.'),
});
/** See {@link configSchema}. */
export type Config = z.infer<typeof configSchema>;
/** One camera of a configuration. */
export type CameraConfig = Config['cameras'][string];
/** One consumer of a camera. */
export type ConsumerConfig = CameraConfig['consumers'][string];
/** One model of a configuration. */
export type ModelConfig = Config['models'][string];

/** One worker of a configuration. */
export type WorkerConfig = Config['workers'][string];
/** Nice values and CPUs by SLA class. */
export type CpuConfig = Config['cpu'];

/** Keys of the published format that this version does not support yet, by path pattern, with the alternative. */
export const NOT_YET: Readonly<Record<string, string>> = {
  notify: 'notifications come in a later version; events go over MQTT and `GET /api/v1/events/stream`',
  cluster: 'clusters come in a later version; one broker can serve several nodes',
  'cameras.*.rules.fall.preset': 'presets come in a later version; `from` and `long_lie` are its keys',
};
