import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs';
import { type Clock, every, messageOf, quoted, type Timer } from '@vigia/base';
import { type HealthResponse, healthResponseSchema, type InferResponse, inferResponseSchema } from '@vigia/contracts';
import { askContainer } from '#core/container';

/** Options of {@link ContainerWatch}. */
export interface ContainerWatchOptions {
  readonly socketPath: string;
  /** The model's id. */
  readonly model: string;
  /** The size of its input pictures, pixels. */
  readonly frame: { readonly width: number; readonly height: number };
  /** Path prefix of the probes' pictures. Each exists only while its probe runs. */
  readonly probePrefix: string;
  readonly clock: Clock;
  /** Every health report of the container, when it arrives. */
  readonly onHealth: (health: HealthResponse) => void;
  /** The longest time that a probe may take, queue included. Milliseconds. */
  readonly probeTimeoutMs?: number;
}

/** The result of one check. */
export type Wellbeing =
  /** It has answered a probe, or frames of its cameras, recently. */
  | { readonly state: 'serving'; readonly health: HealthResponse }
  /** It answers, but it is still loading, its model keeps failing, or it failed on a probe. */
  | { readonly state: 'starting' | 'failing'; readonly health: HealthResponse; readonly why: string }
  /** It did not answer for the `times`-th time in a row. */
  | { readonly state: 'silent'; readonly why: string; readonly times: number }
  /** It answers, but the probe proved nothing: its queue was full, or this process could not write the picture. */
  | { readonly state: 'unknown'; readonly health: HealthResponse; readonly why: string };

const EVERY_MS = 1_000;
const HEALTH_TIMEOUT_MS = 900;
/** Probes wait in the model's queue like other requests, so a delay of seconds is normal. */
const PROBE_TIMEOUT_MS = 15_000;
/** A container that has answered a frame within this time needs no probe. Milliseconds. */
const IDLE_MS = 10_000;
const GREY = 128;
/** Written at a time of a probe's picture, bytes. */
const PART = 64 * 1024;
// Never writes to an existing file or link, which may belong to another user.
const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

/** How a probe ended. */
type ProbeEnd = { readonly state: 'looked' | 'failed' | 'silent' | 'unknown'; readonly why: string };

/** The state of one watch, from `start` to `stop`. A late answer changes only the watch that sent the request. */
interface Watching {
  readonly ending: AbortController;
  silent: number;
  /** The last value of `counters.ok`. */
  lastOk: number;
  /** When it last answered a frame or a probe. */
  lookedAtMs: number | undefined;
  asking: boolean;
}

/**
 * Watches one container. Asks for `health` every second. When the container has answered no frame for a while, sends a
 * probe: inference on a grey picture. An accepted connection proves nothing; only an answer about a picture does.
 */
export class ContainerWatch {
  readonly #o: ContainerWatchOptions;
  #timer: Timer | undefined;
  #watching: Watching | undefined;

  constructor(options: ContainerWatchOptions) {
    this.#o = options;
  }

  /**
   * Starts to watch. `onWell` receives the result of each check until `stop`. Does nothing while a watch is running.
   */
  start(onWell: (wellbeing: Wellbeing) => void): void {
    if (this.#watching) return;
    const watching: Watching = {
      ending: new AbortController(),
      silent: 0,
      lastOk: -1,
      lookedAtMs: undefined,
      asking: false,
    };
    this.#watching = watching;
    const look = async (): Promise<void> => {
      if (watching.asking) return;
      watching.asking = true;
      const wellbeing = await this.#look(watching);
      watching.asking = false;
      if (!watching.ending.signal.aborted) onWell(shown(wellbeing));
    };
    this.#timer = every(this.#o.clock, EVERY_MS, () => void look());
    void look();
  }

  /** Stops watching and aborts a running check. Idempotent. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#watching?.ending.abort();
    this.#watching = undefined;
  }

  /** Asks the container for its health. */
  async health(signal?: AbortSignal): ReturnType<typeof askContainer<HealthResponse>> {
    const { socketPath, clock, onHealth } = this.#o;
    const parse = (answer: unknown): HealthResponse | undefined => healthResponseSchema.safeParse(answer).data;
    const options = { clock, timeoutMs: HEALTH_TIMEOUT_MS, ...(signal ? { signal } : {}) };
    const answer = await askContainer(socketPath, { op: 'health' }, parse, options);
    if ('value' in answer) onHealth(answer.value);
    return answer;
  }

  /** Runs one check. Never rejects. */
  async #look(watching: Watching): Promise<Wellbeing> {
    const answer = await this.health(watching.ending.signal);
    if ('why' in answer) return silent(watching, answer.why);
    const health = answer.value;
    const { state, counters, last_error } = health;
    if (state === 'starting') return { state, health, why: 'it is loading its model' };
    const nowMs = this.#o.clock.nowMs();
    if (watching.lastOk >= 0 && counters.ok > watching.lastOk) watching.lookedAtMs = nowMs;
    watching.lastOk = counters.ok;
    const failing = { state: 'failing' as const, health, why: last_error ?? 'its model keeps failing' };
    if (watching.lookedAtMs === undefined || nowMs - watching.lookedAtMs > IDLE_MS) {
      const probe = await this.#probe(watching.ending.signal);
      if (probe.state === 'silent') return silent(watching, probe.why);
      watching.silent = 0;
      if (probe.state === 'failed') return { state: 'failing', health, why: probe.why };
      // An inconclusive probe does not hide the failure that the container reports.
      if (probe.state === 'unknown')
        return state === 'failing' ? failing : { state: 'unknown', health, why: probe.why };
      watching.lookedAtMs = this.#o.clock.nowMs();
    }
    watching.silent = 0;
    return state === 'failing' ? failing : { state: 'serving', health };
  }

  /** Sends one probe. Never rejects. */
  async #probe(signal: AbortSignal): Promise<ProbeEnd> {
    const { socketPath, model, frame, clock, probePrefix, probeTimeoutMs = PROBE_TIMEOUT_MS } = this.#o;
    const path = `${probePrefix}${randomBytes(6).toString('hex')}`;
    const request = {
      model_id: model,
      camera_id: '_probe',
      timestamp: clock.wallMs() / 1000,
      deadline_ms: probeTimeoutMs,
      frame_reference: path,
      frame_metadata: { frame_id: 0, width: frame.width, height: frame.height, format: 'RGB24' },
    };
    try {
      writePicture(path, frame.width * frame.height * 3);
      const parse = (answer: unknown): InferResponse | undefined => inferResponseSchema.safeParse(answer).data;
      return judge(await askContainer(socketPath, request, parse, { clock, timeoutMs: probeTimeoutMs, signal }));
    } catch (error) {
      // No space in /dev/shm or no file descriptors: the fault is in this process, not in the container.
      return { state: 'unknown', why: `a probe could not be made: ${messageOf(error)}` };
    } finally {
      removePicture(path);
    }
  }
}

/** A container's words go into reports, logs and states. */
function shown(wellbeing: Wellbeing): Wellbeing {
  return 'why' in wellbeing ? { ...wellbeing, why: quoted(wellbeing.why) } : wellbeing;
}

function silent(watching: Watching, why: string): Wellbeing {
  watching.silent += 1;
  return { state: 'silent', why, times: watching.silent };
}

function judge(answer: Awaited<ReturnType<typeof askContainer<InferResponse>>>): ProbeEnd {
  if ('why' in answer) return { state: 'silent', why: `a probe was not answered: ${answer.why}` };
  const { error, detections, frame_id, camera_id } = answer.value;
  // A full queue, or a dependency that is unavailable, proves nothing.
  if (error?.code === 'overloaded' || error?.code === 'closing')
    return { state: 'unknown', why: `a probe was refused: ${error.message}` };
  if (error) return { state: 'failed', why: `a probe failed: ${error.message}` };
  if (detections && frame_id === 0 && camera_id === '_probe') return { state: 'looked', why: '' };
  return { state: 'failed', why: 'a probe was answered with something else' };
}

function writePicture(path: string, bytes: number): void {
  const fd = openSync(path, CREATE, 0o640);
  try {
    // In parts: this process holds no pictures.
    const part = Buffer.alloc(Math.min(bytes, PART), GREY);
    for (let done = 0; done < bytes; ) done += writeSync(fd, part, 0, Math.min(part.byteLength, bytes - done));
  } finally {
    closeSync(fd);
  }
}

function removePicture(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The path is no longer a file that this process may remove. It is left in place.
  }
}
