import { WORKER_ENV } from '@vigia/contracts';
import type { WorkerConsumerSetup } from '#core/camera-link';

/** Where a worker belongs. */
export interface WorkerPlace {
  readonly node: string;
  /** The run of the node. */
  readonly boot: string;
  readonly camera: string;
  readonly runDir: string;
}

/** The whole environment of a worker. */
export function environmentOf(setup: WorkerConsumerSetup, place: WorkerPlace): NodeJS.ProcessEnv {
  return { ...inherited(setup.worker.withheld), ...workerEnv(setup, place), ...setup.worker.env };
}

/** The variables that describe a worker to itself. */
export function workerEnv(setup: WorkerConsumerSetup, place: WorkerPlace): Record<string, string> {
  const { worker, input } = setup;
  return {
    [WORKER_ENV.node]: place.node,
    [WORKER_ENV.camera]: place.camera,
    [WORKER_ENV.consumer]: setup.id,
    [WORKER_ENV.worker]: worker.id,
    [WORKER_ENV.transport]: worker.transport,
    [WORKER_ENV.input]: `${worker.jpeg ? 'JPEG' : input.format} ${input.width}x${input.height}`,
    [WORKER_ENV.options]: JSON.stringify(worker.options),
  };
}

function inherited(withheld: readonly string[]): NodeJS.ProcessEnv {
  const hidden = new Set(withheld);
  // NODE_CHANNEL_FD is our own channel to the supervisor.
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !hidden.has(name) && !name.startsWith('NODE_CHANNEL')),
  );
}
