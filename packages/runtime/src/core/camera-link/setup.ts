import { join } from 'node:path';
import {
  BED_ALARMS,
  DECODE_MODES,
  HARDWARE_DECODERS,
  PIXEL_FORMATS,
  RTP_TRANSPORTS,
  SLA_CLASSES,
  type SlaClass,
  VISIT_ALARMS,
  type WorkerConfig,
  type WorkerTransport,
  WORKER_TRANSPORTS,
  type CameraConfig,
  type ZoneConfig,
  zoneSchema,
} from '@vigia/contracts';
import { z } from 'zod';
import type { CpuShare } from '#core/cpu';
import type { Region, RenditionSpec } from '#core/media';

/**
 * The settings of a camera process. They are sent over the channel, never on the command line, because the source
 * contains secrets.
 */
export interface CameraSetup {
  readonly node: string;
  /** Where the supervisor keeps its sockets. A camera process that outlives the supervisor cleans this directory up. */
  readonly runDir: string;
  readonly camera: string;
  readonly source: SourceSetup;
  /** The stream for the models, if it is not `source`. */
  readonly detectSource: SourceSetup | undefined;
  /** The socket on which another process passes on the units of `source`; undefined: the camera process connects itself. */
  readonly relay: string | undefined;
  /** The socket on which the camera process passes on the units of `source`, unless another process does. */
  readonly units: string;
  /** The one on which it passes on those of `detectSource`, if there is one. */
  readonly smallUnits: string;
  readonly decode: DecodeSetup;
  readonly roi: Region;
  /** Outlines of what is blacked out before anybody sees it, in shares of the picture. */
  readonly privacy: readonly ZoneConfig['points'][];
  readonly consumers: readonly ConsumerSetup[];
  /** Those that are switched off. Their memory is allocated, so that they can be switched on in the running process. */
  readonly idle: readonly ConsumerSetup[];
  readonly rules: RuleSetup;
  /** Values in the environment of its workers that must not be printed. */
  readonly secrets: readonly string[];
}

/** Memory of a camera process for units that it passes on, of each stream. Bytes. */
export const CAMERA_UNITS_MEMORY: {
  /** Since the newest keyframe, for a viewer who comes. */
  readonly recent: number;
  /** That the live process has not read. */
  readonly reader: number;
} = { recent: 4 * 1024 * 1024, reader: 4 * 1024 * 1024 };

/** The socket on which a camera process passes on the units of its camera. */
export function unitsSocketPath(runDir: string, camera: string): string {
  return join(runDir, `camera_${camera}.sock`);
}

/** The same of its small stream. Ids have no dots. */
export function smallUnitsSocketPath(runDir: string, camera: string): string {
  return join(runDir, `camera_${camera}.small.sock`);
}

/** The consumers of a camera, switched on or off. */
export function allConsumers({ consumers, idle }: Pick<CameraSetup, 'consumers' | 'idle'>): readonly ConsumerSetup[] {
  return [...consumers, ...idle];
}

/** The fall rule of a camera. */
export interface FallRuleSetup {
  /** Id of the consumer whose results it follows. */
  readonly from: string;
  readonly zones: readonly ZoneConfig[];
  /** Who lies on a floor for so long is an alarm; null: nobody is. Milliseconds. */
  readonly longLieMs: number | null;
}

/** The bed rule of a camera. */
export interface BedRuleSetup {
  /** Id of the consumer whose results it follows. */
  readonly from: string;
  /** Id of the zone, and its outline. */
  readonly zone: string;
  readonly bed: ZoneConfig['points'];
  readonly zones: readonly ZoneConfig[];
  /** See `rules.bed` of a camera. */
  readonly alarm: (typeof BED_ALARMS)[number];
  readonly awayMs: number;
  /** Minutes since midnight; null: always. */
  readonly hours: { readonly from: number; readonly to: number } | null;
}

/** A zone whose visits are followed. */
export interface VisitZoneSetup {
  readonly points: ZoneConfig['points'];
  /** Null: nothing is an alarm. */
  readonly alarm: {
    readonly when: (typeof VISIT_ALARMS)[number];
    readonly afterMs: number;
    /** Of `crowded`: from so many people on; of others 1. */
    readonly people: number;
    /** Minutes since midnight; null: always. */
    readonly hours: { readonly from: number; readonly to: number } | null;
  } | null;
}

/** The visits of a camera. */
export interface VisitRuleSetup {
  /** Id of the consumer whose results they follow. */
  readonly from: string;
  /** By id. */
  readonly watched: Readonly<Record<string, VisitZoneSetup>>;
  readonly zones: readonly ZoneConfig[];
}

/** The rules of a camera. Null: the rule is off. */
export interface RuleSetup {
  readonly fall: FallRuleSetup | null;
  readonly bed: BedRuleSetup | null;
  readonly visits: VisitRuleSetup | null;
}

/** The address of a stream, and how to connect to it. */
export interface SourceSetup {
  /** May contain credentials: never logged. */
  readonly url: string;
  readonly transport: CameraConfig['transport'];
  readonly tls: CameraConfig['tls'];
}

/** Decoder settings. */
export interface DecodeSetup {
  readonly mode: CameraConfig['decode'];
  readonly onLoss: CameraConfig['on_loss'];
  readonly threads: number;
  readonly hardware: CameraConfig['decoder']['hardware'];
  /** True when all models of the camera allow it. */
  readonly skipLoopFilter: boolean;
  /** Pixels. */
  readonly maxPicture: CameraConfig['max_picture'];
}

/** What a consumer is held to. A running process takes over these settings, and which consumers are switched on; no others. */
export type ConsumerTerms = Pick<ConsumerSetup, 'fps' | 'sla' | 'maxAgeMs'>;

/** One consumer, with all that the camera process must know about its model or worker. */
export type ConsumerSetup = ModelConsumerSetup | WorkerConsumerSetup;

interface AnyConsumerSetup {
  readonly id: string;
  /** The rendition it receives; for a worker, the largest that it may request. */
  readonly input: RenditionSpec;
  readonly fps: number | undefined;
  readonly sla: SlaClass;
  readonly deadlineMs: number;
  /** An ok result older than this breaches the SLA. Milliseconds. */
  readonly maxAgeMs: number | undefined;
}

/** A consumer served by a model container. */
export interface ModelConsumerSetup extends AnyConsumerSetup {
  readonly kind: 'model';
  readonly model: string;
  readonly socketPath: string;
}

/** A consumer served by a user's program. */
export interface WorkerConsumerSetup extends AnyConsumerSetup {
  readonly kind: 'worker';
  readonly worker: WorkerSetup;
}

/** How to start, feed and restart a worker. */
export interface WorkerSetup {
  readonly id: string;
  readonly program:
    | { readonly command: readonly string[]; readonly dir: string | undefined }
    /** Path of the worker thread's JavaScript file. */
    | { readonly module: string };
  readonly transport: WorkerTransport | 'thread';
  /** Whether pictures are compressed before they are sent. */
  readonly jpeg: boolean;
  /** Added to the environment that the worker inherits. */
  readonly env: Readonly<Record<string, string>>;
  /** Environment variables that the worker does not inherit, because they hold secrets of the configuration. */
  readonly withheld: readonly string[];
  readonly options: WorkerConfig['options'];
  readonly startTimeoutMs: number;
  readonly hangTimeoutMs: number;
  readonly restart: RestartPolicy;
  readonly cpu: CpuShare;
  /** The most anonymous memory, MiB; undefined: not limited. */
  readonly memoryMib: number | undefined;
}

/** How vigia restarts a worker that ends by itself (WL4). */
export interface RestartPolicy {
  /** The wait before each restart. Milliseconds. */
  readonly delaysMs: readonly number[];
  /** Whether vigia repeats the last wait indefinitely. */
  readonly unlimited: boolean;
  /** Interval between attempts to start a failed worker; undefined: never. Milliseconds. */
  readonly probeMs: number | undefined;
}

/** A key that must be present but may be undefined, which the channel preserves. */
function orUndefined<T extends z.ZodType>(schema: T): z.ZodUnion<[T, z.ZodUndefined]> {
  return z.union([schema, z.undefined()]);
}

const ms = z.number().min(0);
const pixels = z.int().min(1);

/** Checks a {@link SourceSetup}. */
export const sourceSchema: z.ZodType<SourceSetup> = z.strictObject({
  url: z.string(),
  transport: z.enum(RTP_TRANSPORTS),
  tls: z.strictObject({ verify: z.boolean(), ca: z.string().optional() }),
});

const decodeSchema = z.strictObject({
  mode: z.enum(DECODE_MODES),
  onLoss: z.enum(['wait', 'conceal']),
  threads: pixels,
  hardware: z.enum(HARDWARE_DECODERS),
  skipLoopFilter: z.boolean(),
  maxPicture: z.strictObject({ width: pixels, height: pixels }),
});

const terms = {
  fps: orUndefined(z.number().gt(0)),
  sla: z.enum(SLA_CLASSES),
  maxAgeMs: orUndefined(ms),
};
/** Checks {@link ConsumerTerms}. */
export const consumerTermsSchema: z.ZodType<ConsumerTerms> = z.strictObject(terms);

const anyConsumer = {
  ...terms,
  id: z.string(),
  input: z.strictObject({
    width: pixels,
    height: pixels,
    fit: z.enum(['stretch', 'letterbox']),
    format: z.enum(PIXEL_FORMATS),
  }),
  deadlineMs: ms,
};

const workerSchema = z.strictObject({
  id: z.string(),
  program: z.union([
    z.strictObject({ command: z.array(z.string()).min(1), dir: orUndefined(z.string()) }),
    z.strictObject({ module: z.string() }),
  ]),
  transport: z.enum([...WORKER_TRANSPORTS, 'thread']),
  jpeg: z.boolean(),
  env: z.record(z.string(), z.string()),
  withheld: z.array(z.string()),
  options: z.record(z.string(), z.json()),
  startTimeoutMs: ms,
  hangTimeoutMs: ms,
  restart: z.strictObject({ delaysMs: z.array(ms), unlimited: z.boolean(), probeMs: orUndefined(ms) }),
  cpu: z.strictObject({ nice: z.int(), cpus: orUndefined(z.array(z.int().min(0))) }),
  memoryMib: orUndefined(z.int().min(0)),
});

const consumerSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...anyConsumer, kind: z.literal('model'), model: z.string(), socketPath: z.string() }),
  z.strictObject({ ...anyConsumer, kind: z.literal('worker'), worker: workerSchema }),
]);

const hoursSchema = z.strictObject({ from: z.number(), to: z.number() }).nullable();
const visitZoneSchema = z.strictObject({
  points: zoneSchema.shape.points,
  alarm: z
    .strictObject({ when: z.enum(VISIT_ALARMS), afterMs: z.number(), people: z.number(), hours: hoursSchema })
    .nullable(),
});

/** Checks a {@link BedRuleSetup}. */
export const bedRuleSchema: z.ZodType<BedRuleSetup> = z.strictObject({
  from: z.string(),
  zone: z.string(),
  bed: zoneSchema.shape.points,
  zones: z.array(zoneSchema),
  alarm: z.enum(BED_ALARMS),
  awayMs: z.number(),
  hours: hoursSchema,
});

/** Checks a {@link VisitRuleSetup}. */
export const visitRuleSchema: z.ZodType<VisitRuleSetup> = z.strictObject({
  from: z.string(),
  watched: z.record(z.string(), visitZoneSchema),
  zones: z.array(zoneSchema),
});

/** Checks a {@link CameraSetup}. */
export const cameraSetupSchema: z.ZodType<CameraSetup> = z.strictObject({
  node: z.string(),
  runDir: z.string(),
  camera: z.string(),
  source: sourceSchema,
  detectSource: orUndefined(sourceSchema),
  relay: orUndefined(z.string()),
  units: z.string(),
  smallUnits: z.string(),
  decode: decodeSchema,
  roi: z.strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }),
  privacy: z.array(zoneSchema.shape.points),
  consumers: z.array(consumerSchema),
  idle: z.array(consumerSchema),
  rules: z.strictObject({
    fall: z.strictObject({ from: z.string(), zones: z.array(zoneSchema), longLieMs: z.number().nullable() }).nullable(),
    bed: bedRuleSchema.nullable(),
    visits: visitRuleSchema.nullable(),
  }),
  secrets: z.array(z.string()),
});
