import { freeSharedBytes, SHM_DIR, VigiaError } from '@vigia/base';
import type { Config } from '@vigia/contracts';
import type { ModelManifest } from '@vigia/model-container';
import type { CameraSetup, ConsumerSetup } from '#core/ipc';
import { type RenditionSpec, WHOLE } from '#core/media';
import { modelSocketPath } from '#core/node-dirs';
import { counted, formatBytes } from '#core/terminal';
import { renditionKey, Renditions } from '#services/stream-capture';

/** A model of the configuration and where its files are. */
export interface PlannedModel {
  readonly id: string;
  readonly dir: string;
  readonly manifest: ModelManifest;
  readonly threads: number;
  readonly socketPath: string;
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
  readonly cameras: readonly CameraSetup[];
  readonly models: readonly PlannedModel[];
  readonly segments: readonly PlannedSegment[];
  readonly shmBytes: number;
}

/** Computes the plan. */
export function planOf(
  config: Config,
  runDir: string,
  located: ReadonlyMap<string, { readonly dir: string; readonly manifest: ModelManifest }>,
): Plan {
  const models = Object.entries(config.models).map(([id, model]): PlannedModel => {
    const { dir, manifest } = located.get(id) ?? missing(id);
    return { id, dir, manifest, threads: model.threads, socketPath: modelSocketPath(runDir, id) };
  });
  const byId = new Map(models.map((m) => [m.id, m]));
  const cameras = Object.entries(config.cameras).map(([camera, settings]): CameraSetup => {
    const consumers = Object.entries(settings.consumers).map(([id, c]): ConsumerSetup => {
      const model = byId.get(c.model) ?? missing(c.model);
      const { width, height, fit } = model.manifest.input;
      return {
        id,
        model: model.id,
        socketPath: model.socketPath,
        input: { width, height, fit },
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
  const segments = cameras.flatMap(segmentsOf);
  return { node: config.node, cameras, models, segments, shmBytes: segments.reduce((sum, s) => sum + s.bytes, 0) };
}

/** @throws VigiaError `shm_full` with both sizes when the plan does not fit into what /dev/shm has free. */
export function admit(plan: Plan): void {
  const free = freeSharedBytes();
  if (plan.shmBytes <= free) return;
  throw new VigiaError(
    'shm_full',
    `${SHM_DIR}: ${counted(plan.cameras.length, 'camera')}, ${formatBytes(plan.shmBytes)} of shared memory needed, ${formatBytes(free)} are free; enlarge it (mount -o remount,size=…) or remove cameras`,
    { path: SHM_DIR },
  );
}

/** The plan in words, for `vigia check`. */
export function describePlan(plan: Plan): string[] {
  const consumers = plan.cameras.reduce((sum, c) => sum + c.consumers.length, 0);
  const lines = [
    `node ${plan.node}: ${counted(plan.cameras.length, 'camera')}, ${counted(consumers, 'consumer')}, ${counted(plan.models.length, 'model')}`,
  ];
  lines.push(
    `processes: 1 supervisor, ${counted(plan.cameras.length, 'camera')}, ${counted(plan.models.length, 'model container')}`,
  );
  lines.push(`shared memory: ${formatBytes(plan.shmBytes)} of ${formatBytes(freeSharedBytes())} free in ${SHM_DIR}`);
  for (const s of plan.segments) lines.push(`  ${s.camera}  ${s.rendition}  ${formatBytes(s.bytes)}`);
  for (const m of plan.models)
    lines.push(
      `model ${m.id}: ${m.manifest.id} ${m.manifest.version}, ${m.manifest.input.width}×${m.manifest.input.height}, ${counted(m.threads, 'thread')}`,
    );
  return lines;
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
