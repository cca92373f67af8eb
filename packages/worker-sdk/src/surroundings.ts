import { isMainThread, type MessagePort, workerData } from 'node:worker_threads';
import { VigiaError } from '@vigia/base';
import { WORKER_ENV, WORKER_FORMATS, type WorkerFormat } from '@vigia/contracts';

/** Environment variables, or the values that a host gives a thread in their place. */
export type WorkerEnvironment = Readonly<Record<string, string | undefined>>;

/** What a host puts into `workerData` of a worker that runs in a thread. */
export interface ThreadWorkerData {
  readonly vigiaWorker: { readonly port: MessagePort; readonly env: WorkerEnvironment };
}

/** How this program runs. `port` leads to the host of a thread; a process uses standard input and output. */
export interface Surroundings {
  readonly env: WorkerEnvironment;
  readonly port: MessagePort | undefined;
}

/** The largest frames that the configuration allows, which are also the default. */
export interface WorkerInput {
  readonly format: WorkerFormat;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
}

/** Whether vigia started this process as a worker: its standard output belongs to the protocol. */
export function isWorkerProcess(): boolean {
  return isMainThread && process.env[WORKER_ENV.transport] !== undefined;
}

/** @throws VigiaError `not_a_worker` when vigia did not start this program. */
export function surroundings(): Surroundings {
  if (isThreadWorkerData(workerData)) return workerData.vigiaWorker;
  if (isWorkerProcess()) return { env: process.env, port: undefined };
  throw new VigiaError(
    'not_a_worker',
    `vigia did not start this program as a worker: neither ${WORKER_ENV.transport} in the environment nor a port in workerData`,
  );
}

/**
 * The configuration's `input`.
 *
 * @throws VigiaError `bad_environment`.
 */
export function parseInput(env: WorkerEnvironment): WorkerInput {
  const text = env[WORKER_ENV.input];
  const [, name, width, height] = /^(\w+) (\d{1,5})x(\d{1,5})$/.exec(text ?? '') ?? [];
  const format = WORKER_FORMATS.find((known) => known === name);
  if (format) return { format, width: Number(width), height: Number(height) };
  throw new VigiaError(
    'bad_environment',
    `${WORKER_ENV.input}: ${text ?? 'nothing'} was found, a format and a size such as GRAY8 320x180 are expected`,
  );
}

/**
 * The configuration's `options`.
 *
 * @throws VigiaError `bad_environment` when they are not a JSON object.
 */
export function parseOptions(env: WorkerEnvironment): Record<string, unknown> {
  const value = parseJson(env[WORKER_ENV.options] ?? '{}');
  if (isObject(value) && !Array.isArray(value)) return value;
  throw new VigiaError('bad_environment', `${WORKER_ENV.options}: a JSON object is expected`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Treated like any other value that is no object.
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isThreadWorkerData(value: unknown): value is ThreadWorkerData {
  return isObject(value) && isObject(value['vigiaWorker']);
}
