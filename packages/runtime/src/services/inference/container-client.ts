import { connect, type Socket } from 'node:net';
import { type Clock, Deadline, encodeJson, FrameDecoder, type Log, messageOf, type Timer } from '@vigia/base';
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
 * How a request to a container ended. `lost`: the connection went away before the answer. `withdrawn`: a `want` that will
 * not be granted, because it was taken back or the container stops.
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
  /** What the pictures are like that it will be sent, pixels: a container that wants others is not used. */
  readonly input: { readonly width: number; readonly height: number };
  readonly clock: Clock;
  readonly log: Log;
  /** The container can be asked from now on. */
  readonly onReady: () => void;
}

/** An `infer` without what the client adds. */
export type InferBody = Pick<
  InferRequest,
  'timestamp' | 'deadline_ms' | 'frame_reference' | 'frame_metadata' | 'grant'
>;

interface Pending {
  readonly settle: (answer: Answer<unknown>) => void;
  readonly parse: (message: unknown) => unknown;
}

/** Between two tries to reach a container that is not there: one failed connect of a Unix socket costs 0.1 ms. */
const RETRY_MS = 150;
/** The same after one that listens and then fails: it would fail again. */
const RETRY_LATER_MS = 1_000;
/** Between two questions to a container that listens and is not ready. */
const ASK_AGAIN_MS = 250;
/**
 * A container that owes an answer and has said nothing for so long is asked how it is, and given as long again: `health`
 * is answered while inference runs, so only one that hangs keeps silent.
 */
export const SILENCE_MS = 2_000;
/** A run may take so long; a container that owes an answer and has ended none for longer gives no turns. */
const STUCK_MS = 60_000;
/** Requests that may be open. Far above what the consumers of one camera can have; a container that owes more is broken. */
const MAX_PENDING = 256;

/**
 * One kept connection of a camera to a model's container (protocol 1). Reconnects by itself. Every request is answered
 * exactly once, with `lost` at the latest when the connection ends; who asks bounds how many are open.
 */
export class ContainerClient {
  readonly #o: ContainerClientOptions;
  /** Whether the model is worth asking. */
  readonly breaker: CircuitBreaker;
  readonly #pending = new Map<string, Pending>();
  readonly #silence: Deadline;
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #ready = false;
  #why: string;
  #asked = false;
  #retryMs = RETRY_MS;
  /** Runs of the container as last heard while it owed an answer, and since when there were no more. */
  #progress: { readonly batches: number; readonly sinceMs: number } | undefined;
  /** Whether this connection was complained about already: a broken container must not fill the log. */
  #complained = false;
  #closed = false;
  #nextId = 1;

  constructor(options: ContainerClientOptions) {
    this.#o = options;
    this.#why = 'nothing listens on its socket';
    this.breaker = new CircuitBreaker(options.clock);
    this.#silence = new Deadline(options.clock, () => this.#onSilence());
  }

  /** Whether the container takes requests: it listens, says that it is ready, and wants pictures of our size. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Why it does not, for people. */
  get why(): string {
    return this.#why;
  }

  /** Begins to connect; returns at once. */
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
      try {
        for (const payload of decoder.push(chunk)) this.#onMessage(payload);
      } catch (error) {
        this.#failed('what it sends is not of protocol 1', messageOf(error));
      }
    });
    // `close` follows and does the work.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#onClose(socket));
  }

  /** Closes the connection; what is open is settled as `lost`. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#silence.close();
    this.#socket?.destroy();
    this.#lose();
  }

  /** Asks for the next place. At most one per consumer is open. */
  want(consumer: string, settle: (answer: Answer<Grant>) => void): void {
    this.#request(
      { op: 'want', model_id: this.#o.model, camera_id: this.#o.camera, consumer },
      parseGrant,
      settle as Pending['settle'],
    );
  }

  /** Withdraws a wish, and gives back a grant that is not going to be used. Not answered: there is nothing to wait for. */
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

  /** Asks what it is; whatever comes back leads on to `health`, or to asking again. */
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
    if (model_id !== this.#o.model) return `it serves model "${model_id}"`;
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

  /** Ends the connection; a new one is made. */
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

  /** It lives and owes an answer: it must be looking at somebody's pictures meanwhile. */
  #watchProgress(batches: number): void {
    const nowMs = this.#o.clock.nowMs();
    if (batches !== this.#progress?.batches) this.#progress = { batches, sinceMs: nowMs };
    else if (nowMs - this.#progress.sinceMs >= STUCK_MS)
      this.#failed('it gives no turns', `it owes an answer and has looked at nothing for ${STUCK_MS / 1000} s`);
  }

  #onMessage(payload: Buffer): void {
    // Fatal: bytes that are no UTF-8 must not be guessed at.
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

/** Null when there is no grant and no error: withdrawn. */
function parseGrant(message: unknown): Grant | null | undefined {
  const parsed = grantResponseSchema.safeParse(message);
  if (!parsed.success) return undefined;
  return parsed.data.grant && { id: parsed.data.grant.id };
}

function parseInfer(message: unknown): InferResponse | undefined {
  const parsed = inferResponseSchema.safeParse(message);
  // Without an error there must be a list: an empty one means "looked, and saw nothing", a missing one means nothing.
  return parsed.success && parsed.data.detections !== null ? parsed.data : undefined;
}
