import { z } from 'zod';

/** Ids of cameras, consumers, models and nodes. */
export const ID_PATTERN = /^[a-z0-9][a-z0-9_-]{0,62}$/;
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

const consumerSchema = z.strictObject({
  model: idSchema.describe('A key of `models`.'),
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
    .max(60_000)
    .default(1000)
    .describe('An answer that takes longer counts as `timeout`.'),
});

const cameraSchema = z.strictObject({
  source: z
    .string()
    .min(1)
    .describe('`rtsp://[user:password@]host[:port]/path`, H.264. Secrets by `${NAME}`, taken from the environment.'),
  roi: roiSchema.optional().describe('The part of the picture that consumers see.'),
  consumers: z.record(idSchema, consumerSchema).default({}).describe('Who looks at this camera.'),
});

const modelSchema = z.strictObject({
  use: idSchema.describe('An id from `vigia models list`.'),
  threads: z.int().min(1).max(64).default(1).describe('CPU threads of one inference.'),
});

const mqttSchema = z.strictObject({
  url: z
    .string()
    .regex(/^mqtts?:\/\/\S+$/, 'an address like mqtt://[user:password@]host[:port] is expected')
    .describe('The broker. Secrets by `${NAME}`.'),
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
  mqtt: mqttSchema.optional().describe('Where results go. Without it they are only shown and reported.'),
});
/** See {@link configSchema}. */
export type Config = z.infer<typeof configSchema>;
/** One camera of a configuration. */
export type CameraConfig = Config['cameras'][string];
/** One consumer of a camera. */
export type ConsumerConfig = CameraConfig['consumers'][string];
/** One model of a configuration. */
export type ModelConfig = Config['models'][string];

/** Keys of the published format that this version does not know yet, by path pattern, with what to do instead. */
export const NOT_YET: Readonly<Record<string, string>> = {
  http: 'the HTTP interface comes in a later version; results go over MQTT, pictures through `vigia snapshot`',
  workers: 'workers come in a later version; use a consumer with a model',
  'cameras.*.detect_source': 'a second stream per camera comes in a later version; put the small stream into `source`',
  'cameras.*.consumers.*.worker': 'workers come in a later version; use `model`',
};
