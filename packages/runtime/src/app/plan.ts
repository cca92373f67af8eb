import { UsageError, VigiaError } from '@vigia/base';
import type { Config, Provider } from '@vigia/contracts';
import { frameOf, type FrameSize, type ModelManifest } from '@vigia/model-container';
import type { CameraSetup, ConsumerSetup } from '#core/ipc';
import { type RenditionSpec, WHOLE } from '#core/media';
import { modelSocketPath } from '#core/node-dirs';
import { counted, formatBytes } from '#core/terminal';
import { renditionKey, Renditions } from '#services/stream-capture';
import type { LocatedModel } from './models.ts';

/** A model of the configuration. */
export interface PlannedModel {
  readonly id: string;
  /** Of the first container with this id: one that takes over from it has another. */
  readonly socketPath: string;
  /** What consumers send it. */
  readonly frame: FrameSize;
  /** The container that is started for it; undefined: somebody else starts it. */
  readonly container: PlannedContainer | undefined;
}

/** A container that is started for a model. */
export interface PlannedContainer {
  /** The model's folder. */
  readonly dir: string;
  readonly manifest: ModelManifest;
  /** Size of its weights' files. */
  readonly weightsBytes: number;
  readonly threads: number;
  readonly provider: Provider;
  /** Most pictures of one run; undefined: what the manifest says. */
  readonly maxBatch: number | undefined;
  /** Most memory of its own, MiB; undefined: computed. */
  readonly memoryMib: number | undefined;
}

/** One segment of shared memory. */
export interface PlannedSegment {
  readonly camera: string;
  readonly rendition: string;
  readonly bytes: number;
}

/** All that a configuration will use, computed before anything starts (AD5). */
export interface Plan {
  readonly node: string;
  /** May hold credentials: never logged. */
  readonly mqttUrl: string | undefined;
  readonly cameras: readonly CameraSetup[];
  readonly models: readonly PlannedModel[];
  readonly segments: readonly PlannedSegment[];
  readonly shmBytes: number;
}

/**
 * Computes the plan.
 *
 * @throws UsageError for what the form of a configuration allows and nobody can use.
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
  const cameras = Object.entries(config.cameras).map(([camera, settings]): CameraSetup => {
    const consumers = Object.entries(settings.consumers).map(([id, c]): ConsumerSetup => {
      const model = byId.get(c.model) ?? missing(c.model);
      return {
        id,
        model: model.id,
        socketPath: model.socketPath,
        input: model.frame,
        fps: c.fps,
        sla: c.sla,
        deadlineMs: c.deadline_ms,
      };
    });
    const { transport, tls, detect_source: detectUrl } = settings;
    return {
      node: config.node,
      runDir,
      camera,
      source: { url: settings.source, transport, tls },
      detectSource: detectUrl === undefined ? undefined : { url: detectUrl, transport, tls },
      decode: {
        mode: settings.decode,
        onLoss: settings.on_loss,
        ...settings.decoder,
        skipLoopFilter: consumers.length > 0 && consumers.every((c) => config.models[c.model]?.skip_loop_filter),
        maxPicture: settings.max_picture,
      },
      roi: settings.roi ?? WHOLE,
      consumers,
    };
  });
  return completed({ node: config.node, mqttUrl: checkedUrl(config.mqtt?.url), cameras, models });
}

/** It may hold credentials: it is not repeated. */
function checkedUrl(url: string | undefined): string | undefined {
  try {
    const { username = '', password = '' } = url === undefined ? {} : new URL(url);
    decodeURIComponent(username + password);
    return url;
  } catch (error) {
    throw new UsageError(
      'mqtt.url: the address cannot be read; allowed is mqtt://[user:password@]host[:port], with a port up to 65535 and % written as %25',
      { path: 'mqtt.url', cause: error },
    );
  }
}

/** What a plan starts, in words, for `vigia check`. */
export function describePlan(plan: Plan): string[] {
  const consumers = plan.cameras.reduce((sum, c) => sum + c.consumers.length, 0);
  return [
    `node ${plan.node}: ${counted(plan.cameras.length, 'camera')}, ${counted(consumers, 'consumer')}, ${counted(plan.models.length, 'model')}`,
    `processes: 1 supervisor, ${counted(plan.cameras.length, 'camera')}, ${counted(plan.models.filter((m) => m.container).length, 'model container')}`,
    ...plan.segments.map((s) => `segment ${s.camera}  ${s.rendition}  ${formatBytes(s.bytes)}`),
    ...plan.models.map(({ id, frame, container, socketPath }) => {
      const size = `${frame.width}×${frame.height} ${frame.fit}`;
      if (!container) return `model ${id}: started by somebody else, ${size}, ${socketPath}`;
      const { manifest, threads, provider } = container;
      return `model ${id}: ${manifest.id} ${manifest.version}, ${size}, ${counted(threads, 'thread')}, ${provider}`;
    }),
  ];
}

/**
 * The plan with one camera added, or in the place of the one of its name.
 *
 * @throws UsageError when a consumer names a model that the plan does not have.
 */
export function withCamera(plan: Plan, setup: CameraSetup): Plan {
  const models = plan.models.map((m) => m.id);
  for (const { id, model } of setup.consumers) {
    if (!models.includes(model))
      throw new UsageError(
        `cameras.${setup.camera}.consumers.${id}.model: there is no model "${model}"; this node has ${models.join(', ') || 'none'}`,
      );
  }
  const at = plan.cameras.findIndex((c) => c.camera === setup.camera);
  return completed({
    ...plan,
    cameras: at < 0 ? [...plan.cameras, setup] : plan.cameras.toSpliced(at, 1, setup),
  });
}

/** The plan without one camera. */
export function withoutCamera(plan: Plan, id: string): Plan {
  return completed({ ...plan, cameras: plan.cameras.filter((c) => c.camera !== id) });
}

/** Computes what follows from the cameras. */
function completed(plan: Omit<Plan, 'segments' | 'shmBytes'>): Plan {
  const segments = plan.cameras.flatMap(segmentsOf);
  const frames = segments.reduce((sum, s) => sum + s.bytes, 0);
  return { ...plan, segments, shmBytes: plan.models.reduce((sum, m) => sum + probeBytes(m), frames) };
}

/** Shared memory for the picture that a container is proved with: there for moments, and planned for. */
export function probeBytes({ frame }: PlannedModel): number {
  return frame.width * frame.height * 3;
}

function segmentsOf(camera: CameraSetup): PlannedSegment[] {
  const specs = new Map<string, RenditionSpec>();
  for (const { input } of camera.consumers) specs.set(renditionKey(input), input);
  return [...specs].map(([rendition, spec]) => {
    const sharing = camera.consumers.filter((c) => renditionKey(c.input) === rendition).length;
    return { camera: camera.camera, rendition, bytes: Renditions.bytesOf(spec, sharing) };
  });
}

function missing(model: string): never {
  throw new VigiaError('internal', `model ${model} was not located before planning`);
}
