import { VigiaError } from '@vigia/base';
import type { DemoBreak } from '@vigia/contracts/api';
import type { Children } from '#node/children';
import type { Recordings } from '#node/recordings';

/** What only a demo has: cameras that obey. */
export interface DemoCameras {
  /** The camera keeps its connection and sends nothing for some seconds. */
  freeze(camera: string): void;
}

/** The parts of a demo that may be broken. */
export interface DemoParts {
  /** Undefined: this node is no demo. */
  readonly cameras: DemoCameras | undefined;
  readonly children: Pick<Children, 'cameras' | 'models'>;
  readonly recordings: Pick<Recordings, 'ingest'>;
}

/**
 * Breaks something on purpose, as it breaks by itself: a process is killed, a camera falls silent.
 *
 * @throws VigiaError `not_found` on a node that is no demo, and for what this camera does not have; `not_running` for a process
 *   that is being started again.
 */
export function breakDemo({ what, camera }: DemoBreak, { cameras, children, recordings }: DemoParts): void {
  if (!cameras)
    throw new VigiaError('not_found', 'only a demo can be broken on purpose, and `vigia demo` did not start this node');
  if (what === 'camera') return cameras.freeze(camera);
  if (what === 'recorder') {
    const ingest = recordings.ingest(camera);
    if (!ingest) throw new VigiaError('not_found', `camera ${camera} is not recorded`);
    return kill(`the recorder of camera ${camera}`, ingest.pid);
  }
  const consumers = children.cameras.get(camera)?.setup.consumers ?? [];
  const models = new Set(consumers.flatMap((one) => (one.kind === 'model' ? [one.model] : [])));
  if (models.size === 0) throw new VigiaError('not_found', `camera ${camera} has no consumer with a model`);
  for (const model of models) kill(`model ${model}`, children.models.get(model)?.pid);
}

function kill(name: string, pid: number | undefined): void {
  if (pid === undefined) throw new VigiaError('not_running', `${name} is not running now: it is being started again`);
  process.kill(pid, 'SIGKILL');
}
