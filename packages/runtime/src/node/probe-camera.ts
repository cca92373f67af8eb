import { UsageError, VigiaError } from '@vigia/base';
import type { CameraConfig, Config, NodeBudget } from '@vigia/contracts';
import type { Probe, Probed } from '@vigia/contracts/api';
import type { CameraSetup } from '#core/camera-link';
import { parseSourceUrl } from '#core/media';
import { formatBytes } from '#core/terminal';
import type { Tried } from '#node/children';
import { cameraMemory, planOf } from '#node/plan';
import { smallStreamOf } from './small-stream.ts';

/** What a probe needs of the node. */
export interface ProbingNode {
  readonly runDir: string;
  /** The document in force with no camera but one of these settings. @throws ConfigError */
  readonly documentWith: (id: string, settings: Partial<CameraConfig>) => Config;
  readonly budget: () => NodeBudget;
  /** @throws VigiaError `busy`, `stopping` */
  readonly tryCamera: (setup: CameraSetup) => Promise<Tried>;
}

/** No camera of a configuration is called this. */
const TRIAL = '_probe';

/**
 * Connects to a camera that the node does not have, and says what came.
 *
 * @throws UsageError for an address that is none; ConfigError; VigiaError `memory_full`, `busy`, `stopping`.
 */
export async function probeCamera(node: ProbingNode, ask: Probe): Promise<Probed> {
  refuseSource(ask.source);
  const [camera] = planOf(node.documentWith('probe', ask), node.runDir, new Map()).cameras;
  if (!camera) throw new VigiaError('not_found', 'the plan of a probe has no camera');
  const bytes = cameraMemory(camera);
  const { memory_bytes: used, memory_available_bytes: room } = node.budget();
  if (used + bytes > room)
    throw new VigiaError(
      'memory_full',
      `memory: a further camera needs up to ${formatBytes(bytes)}, ${formatBytes(Math.max(0, room - used))} are left`,
    );
  const { said, tookMs, stream, picture } = await node.tryCamera({ ...camera, camera: TRIAL });
  return {
    state: said.state,
    reason: said.reason,
    message: said.message,
    took_ms: Math.round(tookMs),
    stream,
    picture: picture && {
      width: picture.stamps.width,
      height: picture.stamps.height,
      jpeg: Buffer.from(picture.jpeg).toString('base64'),
    },
    memory_bytes: Math.ceil(bytes),
    small_stream: smallStreamOf(ask.source),
  };
}

function refuseSource(source: string): void {
  try {
    parseSourceUrl(source);
  } catch (error) {
    if (error instanceof VigiaError) throw new UsageError(`body.source: ${error.message}`, { cause: error });
    throw error;
  }
}
