import { connect, type Socket } from 'node:net';
import {
  type Clock,
  Deadline,
  encodeJson,
  FrameDecoder,
  type Log,
  messageOf,
  quoted,
  type Timer,
  TimeShare,
} from '@vigia/base';
import {
  CONTAINER_MESSAGE_LIMIT,
  CONTAINER_PROTOCOL_VERSION,
  type ContainerError,
  containerErrorSchema,
  type DescribeResponse,
  describeResponseSchema,
  grantResponseSchema,
  type HealthResponse,
  healthResponseSchema,
  type InferRequest,
  type InferResponse,
  inferResponseSchema,
} from '@vigia/contracts';
import { CircuitBreaker } from './circuit-breaker.ts';

/**
 * How a request to a container ended. `lost`: the connection ended before the answer. `withdrawn`: a `want` that will not be
 * granted, because it was withdrawn or the container stops.
 */
export type Answer<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: ContainerError }
  | { readonly kind: 'lost' }
  | { readonly kind: 'withdrawn' };

/** A place in the model's next run. */
export interface Grant {
  readonly id: string;
}

/** Options of {@link ContainerClient}. */
export interface ContainerClientOptions {
  readonly socketPath: string;
  readonly model: string;
  readonly camera: string;
  /** Size of the pictures that it will be sent, pixels. A container that wants another size is not used. */
  readonly input: { readonly width: number; readonly height: number };
  readonly clock: Clock;
  readonly log: Log;
  /** The container takes requests from now on. */
  readonly onReady: () => void;
}

/** An `infer` request without the fields that the client adds. */
export type InferBody = Pick<
  InferRequest,
  'timestamp' | 'deadline_ms' | 'frame_reference' | 'frame_metadata' | 'grant' | 'faint_from'
>;

interface Pending {
  readonly settle: (answer: Answer<unknown>) => void;
  readonly parse: (message: unknown) => unknown;
}

/** Wait before another connect to a container that is not there. A failed one costs 0.1 ms. Milliseconds. */
const RETRY_MS = 150;
/** The same after a connection to a container that failed: it would probably fail again. Milliseconds. */
const RETRY_LATER_MS = 1_000;
/** Wait before another request to a container that listens and is not ready. Milliseconds. */
const ASK_AGAIN_MS = 250;
/**
 * A container that owes an answer and has been silent for this long gets a `health` request, and as long again to answer it.
 * It answers `health` also during inference, so only one that hangs stays silent. Milliseconds.
 */
export const SILENCE_MS = 2_000;
/** A run may take this long. A container that owes an answer and has ended no run for longer is stuck. Milliseconds. */
const STUCK_MS = 60_000;
/**
 * How much of a second the camera's process may spend on the answers of a container and their results: beyond that it reads
 * none until the second is over. Milliseconds.
 */
const ANSWERS_MS_PER_SECOND = 150;
/** Open requests: far more than the consumers of one camera can have. A container that owes more answers is broken. */
const MAX_PENDING = 256;

/**
 * One persistent connection of a camera to a model's container (protocol 1). Reconnects by itself. Settles every request
 * exactly once, as `lost` at the latest when the connection ends. The callers bound the number of open requests.
 */
export class ContainerClient {
  readonly #o: ContainerClientOptions;
  /** Whether requests to the model make sense. */
  readonly breaker: CircuitBreaker;
  readonly #pending = new Map<string, Pending>();
  readonly #silence: Deadline;
  readonly #share = new TimeShare(ANSWERS_MS_PER_SECOND);
  #resting: Timer | undefined;
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #ready = false;
  #why: string;
  #asked = false;
  #retryMs = RETRY_MS;
  /** Runs of the container as last reported while it owed an answer, and since when that number has stood. */
  #progress: { readonly batches: number; readonly sinceMs: number } | undefined;
  /** Whether a warning about this connection was logged: a broken container must not fill the log. */
  #complained = false;
  #closed = false;
  #nextId = 1;

  constructor(options: ContainerClientOptions) {
    this.#o = options;
    this.#why = 'nothing listens on its socket';
    this.breaker = new CircuitBreaker(options.clock);
    this.#silence = new Deadline(options.clock, () => this.#onSilence());
  }

  /** Whether the container takes requests: it listens, reports that it is ready, and wants pictures of our size. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Why it takes none, for people. */
  get why(): string {
    return this.#why;
  }

  /** Starts to connect; returns at once. Idempotent. */
  start(): void {
    if (this.#closed || this.#socket) return;
    const socket = connect(this.#o.socketPath);
    const decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
    this.#socket = socket;
    socket.once('connect', () => {
      this.#why = 'it listens and does not answer';
      this.#retryMs = RETRY_LATER_MS;
      this.#complained = false;
      this.#describe();
    });
    socket.on('data', (chunk: Buffer) => {
      const beganMs = this.#o.clock.nowMs();
      try {
        for (const payload of decoder.push(chunk)) this.#onMessage(payload);
      } catch (error) {
        this.#failed('what it sends is not of protocol 1', messageOf(error));
      }
      this.#rest(socket, beganMs);
    });
    // `close` follows, and handles it.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#onClose(socket));
  }

  /** Closes the connection; open requests are settled as `lost`. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#resting?.cancel();
    this.#silence.close();
    this.#socket?.destroy();
    this.#lose();
  }

  /** Answers that cost much time must not keep the camera's process from its other consumers. */
  #rest(socket: Socket, beganMs: number): void {
    const waitMs = this.#share.spent(beganMs, this.#o.clock.nowMs());
    if (waitMs === undefined || socket.destroyed) return;
    socket.pause();
    this.#resting?.cancel();
    this.#resting = this.#o.clock.after(waitMs, () => socket.resume());
  }

  /** Asks for a place in the next run. At most one `want` per consumer is open. */
  want(consumer: string, settle: (answer: Answer<Grant>) => void): void {
    this.#request(
      { op: 'want', model_id: this.#o.model, camera_id: this.#o.camera, consumer },
      parseGrant,
      settle as Pending['settle'],
    );
  }

  /** Withdraws a `want`, or returns an unused grant. Has no answer. */
  unwant(consumer: string): void {
    if (!this.#ready) return;
    this.#socket?.write(encodeJson({ op: 'unwant', model_id: this.#o.model, camera_id: this.#o.camera, consumer }));
  }

  /** Sends a frame's reference. */
  infer(body: InferBody, settle: (answer: Answer<InferResponse>) => void): void {
    this.#request(
      { model_id: this.#o.model, camera_id: this.#o.camera, ...body },
      parseInfer,
      settle as Pending['settle'],
    );
  }

  #request(message: object, parse: Pending['parse'], settle: Pending['settle']): void {
    if (this.#ready) this.#send(message, parse, settle);
    else settle({ kind: 'lost' });
  }

  #send(message: object, parse: Pending['parse'], settle: Pending['settle']): void {
    const socket = this.#socket;
    if (this.#pending.size >= MAX_PENDING) this.#failed('it forgets answers', `it owes ${MAX_PENDING} answers`);
    if (!socket || socket.destroyed) {
      settle({ kind: 'lost' });
      return;
    }
    const id = String(this.#nextId);
    this.#nextId += 1;
    if (this.#pending.size === 0) this.#silence.set(SILENCE_MS);
    this.#pending.set(id, { parse, settle });
    socket.write(encodeJson({ ...message, request_id: id }));
  }

  /** Asks for the model's description. A fitting answer leads to `health`, any other one to another try. */
  #describe(): void {
    const parse = (message: unknown): DescribeResponse | undefined => describeResponseSchema.safeParse(message).data;
    this.#send({ op: 'describe' }, parse, (answer) => {
      if (answer.kind === 'lost') return;
      const described = answer.kind === 'answer' ? (answer.value as DescribeResponse) : undefined;
      const wrong = described ? this.#wrongInput(described) : 'it does not answer `describe` as protocol 1 says';
      if (wrong === undefined) this.#askHealth();
      else this.#notReady(wrong, () => this.#describe());
    });
  }

  #wrongInput({ input, protocol, model_id }: DescribeResponse): string | undefined {
    const { width, height } = this.#o.input;
    if (protocol !== CONTAINER_PROTOCOL_VERSION) return `it speaks protocol ${String(protocol)}`;
    if (model_id !== this.#o.model) return `it serves model "${quoted(model_id, 63)}"`;
    if (input.width === width && input.height === height) return undefined;
    return `it wants pictures of ${input.width}×${input.height}, it is sent ${width}×${height}: reload the configuration`;
  }

  #askHealth(): void {
    this.#send({ op: 'health' }, parseHealth, (answer) => {
      if (answer.kind === 'lost') return;
      const health = answer.kind === 'answer' ? (answer.value as HealthResponse) : undefined;
      if (health === undefined) {
        this.#notReady('it does not answer `health` as protocol 1 says', () => this.#askHealth());
      } else if (health.state === 'starting') this.#notReady('it is loading its model', () => this.#askHealth());
      else if (!this.#ready) this.#becomeReady();
    });
  }

  #becomeReady(): void {
    this.#ready = true;
    this.#retryMs = RETRY_MS;
    this.breaker.reset();
    this.#o.onReady();
  }

  #notReady(why: string, again: () => void): void {
    if (why !== this.#why) this.#o.log.warn(`model ${this.#o.model} is not used: ${why}`);
    this.#why = why;
    this.#timer?.cancel();
    this.#timer = this.#o.clock.after(ASK_AGAIN_MS, again);
  }

  /** Ends the connection; `#onClose` opens a new one. */
  #failed(why: string, details: string): void {
    if (why !== this.#why || this.#ready) this.#o.log.warn(`model ${this.#o.model}: ${details}; reconnecting`);
    this.#why = why;
    this.#ready = false;
    this.#retryMs = RETRY_LATER_MS;
    this.#socket?.destroy();
  }

  #onSilence(): void {
    if (this.#pending.size === 0) return;
    if (this.#asked || !this.#ready) {
      this.#failed('it has stopped answering', `it has said nothing for ${SILENCE_MS / 1000} s and more`);
      return;
    }
    this.#asked = true;
    this.#silence.set(SILENCE_MS);
    this.#send({ op: 'health' }, parseHealth, (answer) => {
      if (answer.kind === 'answer') this.#watchProgress((answer.value as HealthResponse).counters.batches);
    });
  }

  /** The container answers `health` and owes another answer: its runs must make progress. */
  #watchProgress(batches: number): void {
    const nowMs = this.#o.clock.nowMs();
    if (batches !== this.#progress?.batches) this.#progress = { batches, sinceMs: nowMs };
    else if (nowMs - this.#progress.sinceMs >= STUCK_MS)
      this.#failed('it gives no turns', `it owes an answer and has looked at nothing for ${STUCK_MS / 1000} s`);
  }

  #onMessage(payload: Buffer): void {
    // Fatal: invalid UTF-8 must not be replaced by other characters.
    const message: unknown = JSON.parse(UTF8.decode(payload));
    const id =
      typeof message === 'object' && message !== null && 'request_id' in message ? String(message.request_id) : '';
    const pending = this.#pending.get(id);
    if (!pending) {
      const error = failureOf(message);
      if (!this.#complained)
        this.#o.log.warn(`model ${this.#o.model}: an answer nobody waits for${error ? ` (${error.message})` : ''}`);
      this.#complained = true;
      return;
    }
    this.#pending.delete(id);
    this.#asked = false;
    if (this.#pending.size === 0) this.#silence.clear();
    else this.#silence.set(SILENCE_MS);
    if (pending.parse !== parseHealth) this.#progress = undefined;
    pending.settle(judge(message, pending.parse));
  }

  #onClose(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#timer?.cancel();
    this.#resting?.cancel();
    if (this.#ready) this.#why = 'it went away';
    this.#lose();
    if (this.#closed) return;
    this.#timer = this.#o.clock.after(this.#retryMs, () => this.start());
  }

  #lose(): void {
    this.#ready = false;
    this.#asked = false;
    this.#silence.clear();
    const open = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of open) pending.settle({ kind: 'lost' });
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function judge(message: unknown, parse: Pending['parse']): Answer<unknown> {
  const error = failureOf(message);
  if (error) return { kind: 'failed', error };
  const value = parse(message);
  if (value === null) return { kind: 'withdrawn' };
  if (value !== undefined) return { kind: 'answer', value };
  return {
    kind: 'failed',
    error: { code: 'inference_failed', message: 'the container answered something that is not of protocol 1' },
  };
}

function failureOf(message: unknown): ContainerError | undefined {
  if (typeof message !== 'object' || message === null || !('error' in message) || message.error === null)
    return undefined;
  const parsed = containerErrorSchema.safeParse(message.error);
  return parsed.success
    ? parsed.data
    : { code: 'inference_failed', message: 'the container answered an error that is not of protocol 1' };
}

function parseHealth(message: unknown): HealthResponse | undefined {
  return healthResponseSchema.safeParse(message).data;
}

/** Null for neither grant nor error: withdrawn. */
function parseGrant(message: unknown): Grant | null | undefined {
  const parsed = grantResponseSchema.safeParse(message);
  if (!parsed.success) return undefined;
  return parsed.data.grant && { id: parsed.data.grant.id };
}

function parseInfer(message: unknown): InferResponse | undefined {
  const parsed = inferResponseSchema.safeParse(message);
  // Without an error there must be a list: an empty one means "nothing detected", a missing one is no answer.
  return parsed.success && parsed.data.detections !== null ? parsed.data : undefined;
}
