import { systemClock, VigiaError } from '@vigia/base';
import {
  type FromWorker,
  WORKER_ENV,
  WORKER_PROTOCOL_VERSION,
  type WorkerWants,
  workerReadySchema,
} from '@vigia/contracts';
import { sentenceOf, TEXT_LIMIT } from './answer-message.ts';
import type { Frame } from './frame.ts';
import { framesOf } from './frame-loop.ts';
import type { HostLink } from './host-link.ts';
import { standardInput } from './host-input.ts';
import { hostOutput } from './host-output.ts';
import { ProcessLink } from './process-link.ts';
import { parseInput, parseOptions, surroundings, type WorkerInput } from './surroundings.ts';
import { ThreadLink } from './thread-link.ts';
import { Throttle } from './throttle.ts';

/** Options of {@link frames}. The default of format and size is the configuration. */
export interface FramesOptions extends WorkerWants {
  /** For the log. Default: the worker's id. 1 to 128 characters. */
  readonly name?: string;
}

/** Level of a log line. */
export type LogLevel = Extract<FromWorker, { type: 'log' }>['level'];

/** This program has one host, created at first use. */
let link: HostLink | undefined;
let taken = false;
/** vigia ends a worker that floods it with messages; it logs 20 lines a second, and its timeouts are seconds. */
const logLines = new Throttle(200, 1_000, systemClock);
const heartbeats = new Throttle(1, 50, systemClock);

/**
 * The frames of this worker's camera: always the newest one, and the next one only after the answer. The first request
 * reports the worker as ready, so load everything before. Ends when the host sends stop or dies.
 *
 * Answer each frame once (`result`, `error`). A frame without an answer gets the error `no_result` when the next one is
 * requested, or the loop is left.
 *
 * @throws VigiaError `not_a_worker`, `bad_environment`, `bad_options`; `frames_taken` the second time. While it runs:
 *   `bad_message`, `frame_too_large` or `frame_invalid` when the host violates the protocol.
 */
export function frames(asked: FramesOptions = {}): AsyncGenerator<Frame, void, undefined> {
  const ready = readyMessage(asked);
  const host = hostLink();
  if (taken) throw new VigiaError('frames_taken', 'frames() was called before: a worker has one loop over its frames');
  taken = true;
  return framesOf(host, ready, systemClock);
}

/**
 * The configuration's `options` of this worker; `{}` without.
 *
 * @throws VigiaError `not_a_worker`, `bad_environment`.
 */
export function options(): Record<string, unknown> {
  return parseOptions(surroundings().env);
}

/**
 * The largest frames that the configuration allows, which are also the default.
 *
 * @throws VigiaError `not_a_worker`, `bad_environment`.
 */
export function workerInput(): WorkerInput {
  return parseInput(surroundings().env);
}

/**
 * Writes a line into vigia's log. At most 200 a second are sent, the rest is dropped.
 *
 * @param message Its first 4096 characters are sent.
 * @throws VigiaError `not_a_worker`, `bad_environment`.
 */
export function log(level: LogLevel, message: string): void {
  const host = hostLink();
  if (logLines.passes()) host.send({ type: 'log', level, message: message.slice(0, TEXT_LIMIT) });
}

/**
 * Reports that the worker is still busy: restarts the start timeout (while loading) or the hang timeout (with a frame).
 * Call it as often as you like: at most one per 50 ms is sent.
 *
 * @throws VigiaError `not_a_worker`, `bad_environment`.
 */
export function heartbeat(): void {
  const host = hostLink();
  if (heartbeats.passes()) host.send({ type: 'heartbeat' });
}

function hostLink(): HostLink {
  link ??= openLink();
  return link;
}

function openLink(): HostLink {
  const { env, port } = surroundings();
  if (port) return new ThreadLink(port, env[WORKER_ENV.camera] ?? '', systemClock);
  if (!hostOutput) throw new VigiaError('internal', 'a worker process without its standard output');
  return new ProcessLink(standardInput(), hostOutput, parseInput(env));
}

function readyMessage({ name, ...wants }: FramesOptions): Extract<FromWorker, { type: 'ready' }> {
  const parsed = workerReadySchema.safeParse({
    type: 'ready',
    protocol: WORKER_PROTOCOL_VERSION,
    name: name ?? surroundings().env[WORKER_ENV.worker] ?? 'worker',
    ...(Object.keys(wants).length > 0 && { wants }),
  });
  if (parsed.success) return parsed.data;
  throw new VigiaError('bad_options', `frames(): ${sentenceOf(parsed.error)}`);
}
