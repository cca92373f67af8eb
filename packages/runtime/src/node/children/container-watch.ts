import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs';
import { type Clock, every, messageOf, type Timer } from '@vigia/base';
import { type HealthResponse, healthResponseSchema, type InferResponse, inferResponseSchema } from '@vigia/contracts';
import { askContainer } from '#core/container';

/** Options of {@link ContainerWatch}. */
export interface ContainerWatchOptions {
  readonly socketPath: string;
  /** What the model is called. */
  readonly model: string;
  /** The pictures that it wants, pixels. */
  readonly frame: { readonly width: number; readonly height: number };
  /** Where the pictures of probes go, and how their names begin: each is there only while its probe is on its way. */
  readonly probePrefix: string;
  readonly clock: Clock;
  /** How long a probe may take, in line and in the model, milliseconds. */
  readonly probeTimeoutMs?: number;
}

/** What is known about a container that ought to serve. */
export type Wellbeing =
  /** It answered a look at a picture: of its cameras lately, or a probe. */
  | { readonly state: 'serving'; readonly health: HealthResponse }
  /** It says that it is not there yet, that its model keeps failing, or it failed on a probe: it answers, all the same. */
  | { readonly state: 'starting' | 'failing'; readonly health: HealthResponse; readonly why: string }
  /** It says nothing. `times` in a row. */
  | { readonly state: 'silent'; readonly why: string; readonly times: number }
  /** It answers, and whether it looks could not be found out: it is busy with others, or the fault is on this side. */
  | { readonly state: 'unknown'; readonly health: HealthResponse; readonly why: string };

const EVERY_MS = 1_000;
const HEALTH_TIMEOUT_MS = 900;
/** Probes wait in the model's line like everybody: a few seconds are no sign of anything. */
const PROBE_TIMEOUT_MS = 15_000;
/** A container that answered a picture so recently needs no probe. */
const IDLE_MS = 10_000;
const GREY = 128;
// Somebody else's file or link of that name is never written to.
const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

/** How a probe ended. */
type ProbeEnd = { readonly state: 'looked' | 'failed' | 'silent' | 'unknown'; readonly why: string };

/** What was seen of one container, from `start` to `stop`. A late answer belongs to its own time only. */
interface Watching {
  readonly ending: AbortController;
  silent: number;
  /** `counters.ok` as last heard. */
  lastOk: number;
  /** When it last proved that it looks at pictures. */
  lookedAtMs: number | undefined;
  asking: boolean;
}

/**
 * Watches one container: asks `health` every second, and when nobody had a picture looked at for a while, has it look at a
 * grey one. That a socket accepts says nothing: only an answer about a picture does.
 */
export class ContainerWatch {
  readonly #o: ContainerWatchOptions;
  #timer: Timer | undefined;
  #watching: Watching | undefined;

  constructor(options: ContainerWatchOptions) {
    this.#o = options;
  }

  /** Watches from now on, as one that is not known to serve. `onWell` is called until `stop`. Does nothing while it watches. */
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
      if (!watching.ending.signal.aborted) onWell(wellbeing);
    };
    this.#timer = every(this.#o.clock, EVERY_MS, () => void look());
    void look();
  }

  /** Ends what is under way. Idempotent. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#watching?.ending.abort();
    this.#watching = undefined;
  }

  /** What it says of itself. */
  health(signal?: AbortSignal): ReturnType<typeof askContainer<HealthResponse>> {
    const { socketPath, clock } = this.#o;
    const parse = (answer: unknown): HealthResponse | undefined => healthResponseSchema.safeParse(answer).data;
    const options = { clock, timeoutMs: HEALTH_TIMEOUT_MS, ...(signal ? { signal } : {}) };
    return askContainer(socketPath, { op: 'health' }, parse, options);
  }

  /** One look. Never rejects. */
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
      // What it says of itself holds, whether or not there was room for a probe.
      if (probe.state === 'unknown')
        return state === 'failing' ? failing : { state: 'unknown', health, why: probe.why };
      watching.lookedAtMs = this.#o.clock.nowMs();
    }
    watching.silent = 0;
    return state === 'failing' ? failing : { state: 'serving', health };
  }

  /** Has it look at a grey picture. Never rejects. */
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
      // No room in /dev/shm, no descriptors: our own trouble, and no sign of the container's.
      return { state: 'unknown', why: `a probe could not be made: ${messageOf(error)}` };
    } finally {
      removePicture(path);
    }
  }
}

function silent(watching: Watching, why: string): Wellbeing {
  watching.silent += 1;
  return { state: 'silent', why, times: watching.silent };
}

function judge(answer: Awaited<ReturnType<typeof askContainer<InferResponse>>>): ProbeEnd {
  if ('why' in answer) return { state: 'silent', why: `a probe was not answered: ${answer.why}` };
  const { error, detections, frame_id, camera_id } = answer.value;
  // Its line is full of others' pictures, or what it needs is away: that proves nothing.
  if (error?.code === 'overloaded') return { state: 'unknown', why: `a probe was refused: ${error.message}` };
  if (error) return { state: 'failed', why: `a probe failed: ${error.message}` };
  if (detections && frame_id === 0 && camera_id === '_probe') return { state: 'looked', why: '' };
  return { state: 'failed', why: 'a probe was answered with something else' };
}

function writePicture(path: string, bytes: number): void {
  const fd = openSync(path, CREATE, 0o640);
  try {
    const picture = Buffer.alloc(bytes, GREY);
    for (let done = 0; done < bytes; ) done += writeSync(fd, picture, done);
  } finally {
    closeSync(fd);
  }
}

function removePicture(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Replaced by something that is not ours to remove: it is left.
  }
}
