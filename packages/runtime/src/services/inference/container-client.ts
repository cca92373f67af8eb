import { connect, type Socket } from 'node:net';
import { type Clock, encodeJson, FrameDecoder, type Log, messageOf, type Timer } from '@vigia/base';
import {
  CONTAINER_MESSAGE_LIMIT,
  type ContainerError,
  containerErrorSchema,
  grantResponseSchema,
  type InferRequest,
  type InferResponse,
  inferResponseSchema,
} from '@vigia/contracts';

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

/**
 * One kept connection of a camera to a model's container (protocol 1). Reconnects by itself. Every request is answered
 * exactly once, with `lost` at the latest when the connection ends; who asks bounds how many are open.
 */
export class ContainerClient {
  readonly #o: ContainerClientOptions;
  readonly #pending = new Map<string, Pending>();
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #ready = false;
  #closed = false;
  #nextId = 1;

  constructor(options: ContainerClientOptions) {
    this.#o = options;
  }

  /** Whether the container accepts requests: it listens only after it has loaded its model and passed its probe. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Begins to connect; returns at once. */
  start(): void {
    if (this.#closed || this.#socket) return;
    const socket = connect(this.#o.socketPath);
    const decoder = new FrameDecoder(CONTAINER_MESSAGE_LIMIT);
    this.#socket = socket;
    socket.once('connect', () => {
      this.#ready = true;
      this.#o.onReady();
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const payload of decoder.push(chunk)) this.#onMessage(payload);
      } catch (error) {
        this.#o.log.warn(`model ${this.#o.model}: ${messageOf(error)}; reconnecting`);
        socket.destroy();
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
    this.#socket?.destroy();
    this.#lose();
  }

  /** Asks for the next place. At most one per consumer is open. */
  want(consumer: string, settle: (answer: Answer<Grant>) => void): void {
    this.#send(
      { op: 'want', model_id: this.#o.model, camera_id: this.#o.camera, consumer },
      parseGrant,
      settle as Pending['settle'],
    );
  }

  /** Withdraws a wish, and gives back a grant that is not going to be used. */
  unwant(consumer: string): void {
    this.#send(
      { op: 'unwant', model_id: this.#o.model, camera_id: this.#o.camera, consumer },
      (message) => message,
      () => undefined,
    );
  }

  /** Sends a frame's reference. */
  infer(body: InferBody, settle: (answer: Answer<InferResponse>) => void): void {
    this.#send(
      { model_id: this.#o.model, camera_id: this.#o.camera, ...body },
      parseInfer,
      settle as Pending['settle'],
    );
  }

  #send(message: object, parse: Pending['parse'], settle: Pending['settle']): void {
    const socket = this.#socket;
    if (!this.#ready || !socket) {
      settle({ kind: 'lost' });
      return;
    }
    const id = String(this.#nextId);
    this.#nextId += 1;
    this.#pending.set(id, { parse, settle });
    socket.write(encodeJson({ ...message, request_id: id }));
  }

  #onMessage(payload: Buffer): void {
    const message: unknown = JSON.parse(payload.toString('utf8'));
    const id =
      typeof message === 'object' && message !== null && 'request_id' in message ? String(message.request_id) : '';
    const pending = this.#pending.get(id);
    if (!pending) {
      const error = failureOf(message);
      this.#o.log.warn(`model ${this.#o.model}: an answer nobody waits for${error ? ` (${error.message})` : ''}`);
      return;
    }
    this.#pending.delete(id);
    pending.settle(judge(message, pending.parse));
  }

  #onClose(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#lose();
    if (this.#closed) return;
    this.#timer = this.#o.clock.after(RETRY_MS, () => this.start());
  }

  #lose(): void {
    this.#ready = false;
    const open = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of open) pending.settle({ kind: 'lost' });
  }
}

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
