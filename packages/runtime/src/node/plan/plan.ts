import { resolve } from 'node:path';
import { knownSecrets, UsageError, VigiaError } from '@vigia/base';
import {
  type Config,
  type ConsumerConfig,
  privacyOf,
  type Provider,
  SLA_CLASSES,
  type SlaClass,
  type WorkerConfig,
} from '@vigia/contracts';
import { frameOf, type FrameSize, type ModelManifest } from '@vigia/model-container';
import { type CpuShares, cpuSharesOf } from '#core/cpu';
import {
  allConsumers,
  type CameraSetup,
  type ConsumerSetup,
  idleRestartMs,
  type RestartPolicy,
  usesThread,
  type WorkerConsumerSetup,
  type WorkerSetup,
  smallUnitsSocketPath,
  unitsSocketPath,
} from '#core/camera-link';
import {
  canBeTurned,
  lookSegmentBytes,
  renditionKey,
  renditionSegmentBytes,
  type RenditionSpec,
  WHOLE,
} from '#core/media';
import { modelSocketPath } from '#core/node-dirs';
import { counted, formatBytes } from '#core/terminal';
import { secretVariables } from '#node/config';
import type { LocatedModel } from './locate-models.ts';
import { type PlannedWebhook, plannedWebhooks } from './planned-webhooks.ts';
import { describeRecording, type PlannedRecording, plannedRecording } from './planned-recording.ts';
import { plannedRules } from './planned-rules.ts';
import { type PlannedTracing, plannedTracing } from './planned-tracing.ts';

/** A model of the configuration. */
export interface PlannedModel {
  readonly id: string;
  /** The socket path of the model's first container. A successor has another one. */
  readonly socketPath: string;
  /** The input that consumers send. */
  readonly frame: FrameSize;
  /** Undefined for a container that another program starts. */
  readonly container: PlannedContainer | undefined;
}

/** A container that the node starts. */
export interface PlannedContainer {
  /** The model's folder. */
  readonly dir: string;
  readonly manifest: ModelManifest;
  /** Total size of the weight files. */
  readonly weightsBytes: number;
  readonly threads: number;
  readonly provider: Provider;
  /** The largest batch; undefined: as in the manifest. */
  readonly maxBatch: number | undefined;
  /** The most anonymous memory, MiB; undefined: computed. */
  readonly memoryMib: number | undefined;
}

/** One segment of shared memory. */
export interface PlannedSegment {
  readonly camera: string;
  readonly rendition: string;
  readonly bytes: number;
}

/** The broker of a node. */
export interface PlannedBroker {
  /** May contain credentials: never logged. */
  readonly url: string;
  /** Whether the node obeys commands that come from it. */
  readonly commands: boolean;
}

/** The TCP port of a node's API. */
export interface PlannedHttp {
  /** `HOST:PORT`. */
  readonly listen: string;
  /** Files. Undefined: without TLS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Further names by which browsers find it. */
  readonly names: readonly string[];
}

/** Everything that a configuration will use, computed before anything starts (AD5). */
export interface Plan {
  readonly node: string;
  /** The broker; undefined: none. */
  readonly mqtt: PlannedBroker | undefined;
  /** The port of the HTTP API; undefined: on the control socket only. */
  readonly http: PlannedHttp | undefined;
  /** The collector of traces; undefined: none. */
  readonly tracing: PlannedTracing | undefined;
  /** Where events are posted to. */
  readonly webhooks: readonly PlannedWebhook[];
  readonly cameras: readonly CameraSetup[];
  /** What people call cameras, and in which order they show them. No process knows it. */
  readonly labels: ReadonlyMap<string, CameraLabel>;
  readonly recording: PlannedRecording;
  readonly models: readonly PlannedModel[];
  readonly segments: readonly PlannedSegment[];
  readonly shmBytes: number;
  /** The CPU share of each SLA class. */
  readonly cpu: CpuShares;
  /** Whether to slow other consumers while a critical one is short of CPU. */
  readonly shed: boolean;
}

/** See {@link Plan.labels}. */
export interface CameraLabel {
  readonly name?: string;
  readonly order?: number;
}

/** Environment variables of vigia that no worker inherits. */
const OWN_SECRETS: readonly string[] = ['VIGIA_REMOTE_TOKEN'];
/** The wait before each restart, by SLA class (WL4). Milliseconds. */
const RESTART_DELAYS_MS: Readonly<Record<SlaClass, readonly number[]>> = {
  critical: [1_000, 2_000, 4_000],
  high: [1_000, 2_000],
  normal: [1_000],
  'best-effort': [],
};
/** Interval between attempts to start a failed critical worker. Milliseconds. */
const CRITICAL_PROBE_MS = 60_000;
/** A worker counts as hung after this time, or this many deadlines, without a sign of life. */
const HANG = { leastMs: 10_000, deadlines: 2 } as const;

/**
 * Computes the plan of a valid configuration.
 *
 * @throws UsageError for an address of a broker or collector that cannot be parsed, or a header that cannot be sent.
 */
export function planOf(config: Config, runDir: string, located: ReadonlyMap<string, LocatedModel>): Plan {
  const models = Object.entries(config.models).map(([id, model]): PlannedModel => {
    const found = located.get(id) ?? missing(id);
    const socketPath = modelSocketPath(runDir, id);
    if (found.kind === 'external') return { id, socketPath, frame: found.frame, container: undefined };
    const { dir, manifest, weightsBytes } = found;
    const { threads, provider, max_batch: maxBatch, memory_mib: memoryMib } = model;
    const container = { dir, manifest, weightsBytes, threads, provider, maxBatch, memoryMib };
    return { id, socketPath, frame: frameOf(manifest), container };
  });
  const byId = new Map(models.map((m) => [m.id, m]));
  const recording = plannedRecording(config, runDir);
  const shares = cpuSharesOf(config.cpu);
  const withheld = [...OWN_SECRETS, ...secretVariables()];
  const cameras = Object.entries(config.cameras).map(([camera, settings]): CameraSetup => {
    const all = Object.entries(settings.consumers).map(([id, c]): ConsumerSetup => {
      const worker = c.worker === undefined ? undefined : config.workers[c.worker];
      if (c.worker !== undefined && worker)
        return workerConsumer(id, c, workerSetup(c.worker, worker, c, shares, withheld), inputOf(worker));
      return modelConsumer(id, c, byId.get(c.model ?? '') ?? missing(c.model ?? ''));
    });
    const isOn = ({ id }: ConsumerSetup): boolean => settings.consumers[id]?.enabled === true;
    const { transport, tls, detect_source: detectUrl } = settings;
    return {
      node: config.node,
      runDir,
      camera,
      source: { url: settings.source, transport, tls },
      detectSource: detectUrl === undefined ? undefined : { url: detectUrl, transport, tls },
      relay: recording.ingests.find((ingest) => ingest.camera === camera)?.socketPath,
      units: unitsSocketPath(runDir, camera),
      smallUnits: smallUnitsSocketPath(runDir, camera),
      decode: {
        mode: settings.decode,
        onLoss: settings.on_loss,
        ...settings.decoder,
        skipLoopFilter:
          all.length > 0 && all.every((c) => c.kind === 'model' && config.models[c.model]?.skip_loop_filter),
        maxPicture: settings.max_picture,
      },
      roi: settings.roi ?? WHOLE,
      privacy: privacyOf(Object.values(settings.zones)),
      consumers: all.filter(isOn),
      idle: all.filter((consumer) => !isOn(consumer)),
      rules: plannedRules(settings),
      secrets: secretsIn(all),
    };
  });
  const { node, mqtt, http, cpu } = config;
  const doors = { mqtt: mqtt && { ...mqtt, url: checkedUrl(mqtt.url) }, http };
  const tracing = config.tracing && plannedTracing(config.tracing);
  const webhooks = plannedWebhooks(config.webhooks);
  const labels = new Map(Object.entries(config.cameras).map(([id, camera]) => [id, labelOf(camera)]));
  const rest = { tracing, webhooks, recording, models, cpu: shares, shed: cpu.shed };
  return completed({ node, ...doors, cameras, labels, ...rest });
}

function labelOf({ name, order }: Config['cameras'][string]): CameraLabel {
  return { ...(name === undefined ? {} : { name }), ...(order === undefined ? {} : { order }) };
}

type CommonSetup = Pick<ConsumerSetup, 'id' | 'fps' | 'sla' | 'deadlineMs' | 'maxAgeMs'>;

function commonOf(
  id: string,
  { fps, sla, deadline_ms: deadlineMs, max_age_ms: maxAgeMs }: ConsumerConfig,
): CommonSetup {
  return { id, fps, sla, deadlineMs, maxAgeMs };
}

function modelConsumer(
  id: string,
  config: ConsumerConfig,
  { id: model, socketPath, frame }: PlannedModel,
): ConsumerSetup {
  return { ...commonOf(id, config), kind: 'model', model, socketPath, input: { ...frame, format: 'RGB24' } };
}

function workerConsumer(id: string, config: ConsumerConfig, worker: WorkerSetup, input: RenditionSpec): ConsumerSetup {
  return { ...commonOf(id, config), kind: 'worker', worker, input };
}

/** A JPEG is encoded from an RGB rendition. */
function inputOf({ input: { format, width, height, fit } }: WorkerConfig): RenditionSpec {
  return { width, height, fit, format: format === 'JPEG' ? 'RGB24' : format };
}

function workerSetup(
  id: string,
  worker: WorkerConfig,
  consumer: ConsumerConfig,
  shares: CpuShares,
  withheld: readonly string[],
): WorkerSetup {
  const { command, module, dir, env, options } = worker;
  const jpeg = worker.input.format === 'JPEG';
  return {
    id,
    // The path of a thread's module is resolved here, that of a program when it is started.
    program: module === undefined ? { command: command ?? [], dir } : { module: resolve(module) },
    transport: module === undefined ? (worker.transport ?? (jpeg ? 'stdin' : 'shm')) : 'thread',
    jpeg,
    env,
    withheld,
    options,
    startTimeoutMs: worker.start_timeout_ms,
    hangTimeoutMs: worker.hang_timeout_ms ?? Math.max(HANG.leastMs, HANG.deadlines * consumer.deadline_ms),
    restart: restartPolicy(worker.restart, consumer.sla),
    cpu: shares[consumer.sla],
    memoryMib: worker.memory_mib,
  };
}

function restartPolicy(restart: WorkerConfig['restart'], sla: SlaClass): RestartPolicy {
  const { delays_ms: delaysMs = RESTART_DELAYS_MS[sla], unlimited, probe_ms: probeMs } = restart;
  const probe = probeMs === undefined && sla === 'critical' ? CRITICAL_PROBE_MS : (probeMs ?? undefined);
  return { delaysMs, unlimited, probeMs: probe };
}

/** Checks an address without repeating it, because it may contain credentials. */
function checkedUrl(url: string): string {
  try {
    const { username, password } = new URL(url);
    decodeURIComponent(username + password);
    return url;
  } catch (error) {
    throw new UsageError(
      'mqtt.url: the address cannot be read; allowed is mqtt://[user:password@]host[:port], with a port up to 65535 and % written as %25',
      { path: 'mqtt.url', cause: error },
    );
  }
}

/** Describes a plan for `vigia check`. */
export function describePlan(plan: Plan): string[] {
  const consumers = plan.cameras.reduce((sum, c) => sum + c.consumers.length, 0);
  const recorders = Math.ceil(plan.recording.ingests.length / plan.recording.camerasPerProcess);
  return [
    `node ${plan.node}: ${counted(plan.cameras.length, 'camera')}, ${counted(consumers, 'consumer')}, ${counted(plan.models.length, 'model')}`,
    `processes: 1 supervisor, ${counted(plan.cameras.length, 'camera')}, ${recorders > 0 ? `${counted(recorders, 'recorder')}, 1 for footage, ` : ''}${counted(plan.models.filter((m) => m.container).length, 'model container')}, ${counted(workersOf(plan).filter(({ worker }) => worker.transport !== 'thread').length, 'worker')}`,
    ...plan.segments.map((s) => `segment ${s.camera}  ${s.rendition}  ${formatBytes(s.bytes)}`),
    ...plan.models.map(({ id, frame, container, socketPath }) => {
      const size = `${frame.width}×${frame.height} ${frame.fit}`;
      if (!container) return `model ${id}: external container, ${size}, ${socketPath}`;
      const { manifest, threads, provider } = container;
      return `model ${id}: ${manifest.id} ${manifest.version}, ${size}, ${counted(threads, 'thread')}, ${provider}`;
    }),
    ...plan.cameras.flatMap(({ camera, consumers: all }) =>
      all.flatMap((c) => (c.kind === 'worker' ? [describeWorker(camera, c)] : [])),
    ),
    ...plan.cameras.flatMap(({ camera, consumers: all }) =>
      all
        .filter((c) => c.sla === 'critical' && c.fps === undefined)
        .map(
          (c) =>
            `note: ${camera}/${c.id} is critical and has no \`fps\`: it owes a result for every frame of its camera`,
        ),
    ),
    ...describeRecording(plan.recording),
    ...impatience(plan),
    ...unboundedWorkers(plan),
  ];
}

/** Notes about critical workers that would be restarted within their own deadline. */
function impatience({ cameras }: Plan): string[] {
  return cameras.flatMap(({ camera, consumers }) =>
    consumers.flatMap(({ kind, id, sla, fps, deadlineMs }) => {
      const limitMs = idleRestartMs(fps === undefined ? 0 : 1000 / fps);
      if (kind !== 'worker' || sla !== 'critical' || deadlineMs < limitMs) return [];
      return [
        `note: ${camera}/${id} is critical and may take ${deadlineMs / 1000} s for a frame, but is started again after ${limitMs / 1000} s without an answer: a lower \`fps\` gives it more`,
      ];
    }),
  );
}

/** A note about workers that may use up the machine's memory. */
function unboundedWorkers(plan: Plan): string[] {
  const unbounded = workersOf(plan).filter(
    ({ worker }) => worker.memoryMib === undefined && worker.transport !== 'thread',
  );
  const names = [...new Set(unbounded.map(({ worker }) => worker.id))];
  if (names.length === 0) return [];
  return [`note: workers without \`memory_mib\` (${names.join(', ')}): their memory is neither planned nor bounded`];
}

/** The command-line arguments of a model's container. */
export function containerArguments(id: string, socketPath: string, container: PlannedContainer): string[] {
  const { dir, threads, provider, maxBatch } = container;
  const args = ['--model-id', id, '--model', dir, '--socket', socketPath];
  args.push('--threads', String(threads), '--provider', provider);
  return maxBatch === undefined ? args : [...args, '--max-batch', String(maxBatch)];
}

/** The SLA class of a model: that of its most important consumer. */
export function modelClass(plan: Pick<Plan, 'cameras'>, model: string): SlaClass {
  const consumers = plan.cameras.flatMap((c) => c.consumers.filter((k) => k.kind === 'model' && k.model === model));
  return SLA_CLASSES.find((sla) => consumers.some((c) => c.sla === sla)) ?? 'normal';
}

/** The secrets that workers know, and so may print. */
function secretsIn(consumers: readonly ConsumerSetup[]): string[] {
  const values = consumers.flatMap((c) => (c.kind === 'worker' ? Object.values(c.worker.env) : []));
  return knownSecrets().filter((secret) => values.some((value) => value.includes(secret)));
}

/** Consumers that are workers. */
export function workersOf(plan: Pick<Plan, 'cameras'>): WorkerConsumerSetup[] {
  return plan.cameras.flatMap((c) => c.consumers.filter((consumer) => consumer.kind === 'worker'));
}

/**
 * Memory limits of workers, including their descendants: bytes, by `camera/consumer`. Workers without a limit are
 * absent.
 */
export function workerLimits(plan: Pick<Plan, 'cameras'>): Map<string, number> {
  const out = new Map<string, number>();
  for (const { camera, consumers } of plan.cameras)
    for (const c of consumers)
      if (c.kind === 'worker' && c.worker.memoryMib !== undefined)
        out.set(`${camera}/${c.id}`, c.worker.memoryMib * 1024 * 1024);
  return out;
}

/** Leaves out the arguments, which may contain secrets. */
function describeWorker(camera: string, { id, input, sla, worker }: WorkerConsumerSetup): string {
  const { program, transport, jpeg, cpu, restart, memoryMib } = worker;
  const what = 'command' in program ? program.command[0] : program.module;
  const size = `${jpeg ? 'JPEG' : input.format} ${input.width}×${input.height}`;
  const share =
    transport === 'thread'
      ? 'CPU of its camera’s process'
      : `nice ${cpu.nice}${cpu.cpus ? `, CPUs ${cpu.cpus.join(' ')}` : ''}`;
  const restarts = restart.unlimited ? 'unlimited restarts' : counted(restart.delaysMs.length, 'restart');
  const memory = memoryMib === undefined ? '' : `, at most ${memoryMib} MiB`;
  return `worker ${camera}/${id}: ${worker.id} (${what}), ${sla}, ${size} over ${transport}, ${share}${memory}, ${restarts}`;
}

/** Adds the parts that follow from the cameras. */
function completed(plan: Omit<Plan, 'segments' | 'shmBytes'>): Plan {
  const segments = plan.cameras.flatMap(segmentsOf);
  const frames = segments.reduce((sum, s) => sum + s.bytes, 0);
  return { ...plan, segments, shmBytes: plan.models.reduce((sum, m) => sum + probeBytes(m), frames) };
}

/** Shared memory of a container's probe. It exists only during a probe, but is always planned. */
export function probeBytes({ frame }: PlannedModel): number {
  return frame.width * frame.height * 3;
}

function segmentsOf(camera: CameraSetup): PlannedSegment[] {
  const specs = new Map<string, RenditionSpec>();
  const inSegments = allConsumers(camera).filter((c) => !usesThread(c));
  for (const { input } of inSegments) specs.set(renditionKey(input), input);
  const watched = camera.consumers.find(({ id }) => id === camera.rules.fall?.from);
  const looks =
    watched && canBeTurned(watched.input)
      ? [{ camera: camera.camera, rendition: `look-${watched.id}`, bytes: lookSegmentBytes(watched.input) }]
      : [];
  const renditions = [...specs].map(([rendition, spec]) => {
    const sharing = inSegments.filter((c) => renditionKey(c.input) === rendition).length;
    return { camera: camera.camera, rendition, bytes: renditionSegmentBytes(spec, sharing) };
  });
  return [...renditions, ...looks];
}

function missing(model: string): never {
  throw new VigiaError('internal', `model ${model} was not located before planning`);
}
