import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, messageOf, systemClock, type Timer, VigiaError } from '@vigia/base';
import {
  CONTAINER_PROTOCOL_VERSION,
  type ContainerErrorCode,
  type Detection,
  describeRequestSchema,
  healthRequestSchema,
  type HealthResponse,
  type InferRequest,
  inferRequestSchema,
  PIXEL_FORMATS,
  unwantRequestSchema,
  wantRequestSchema,
} from '@vigia/contracts';
import { brightDetections } from './brightness.ts';
import { FakeConnection, type FakeMessage, type Reply } from './fake-connection.ts';
import { FakeFrameError, FakeFrames } from './fake-frames.ts';
import { FakeTurns } from './fake-turns.ts';
import type { FakeManner } from './manners.ts';

/** Options of {@link FakeContainer.start}. */
export interface FakeContainerOptions {
  /** Where it listens; at most 107 bytes. */
  readonly socketPath: string;
  /** Default `bright`. */
  readonly modelId?: string;
  /** Input size in `describe`, pixels; frames of any size are accepted. Default 8×8. */
  readonly input?: { readonly width: number; readonly height: number };
  /** Duration of an inference, milliseconds. Default 0: answered at once. */
  readonly delayMs?: number;
  /** The state in `health`. Default `ready`. */
  readonly state?: HealthResponse['state'];
  /** Folders, besides /dev/shm, from which frames are accepted. */
  readonly allowDirs?: readonly string[];
  /** Replaces the bright model's result; an exception becomes `inference_failed`. */
  readonly infer?: (detections: readonly Detection[], request: InferRequest) => readonly Detection[];
  /** The answer's `faint` to a request with `faint_from`. Default: absent, like a model that cannot give them. */
  readonly faint?: (request: InferRequest) => readonly Detection[];
  /** Whether frames are read. Default true; if false, requests may name missing frames. */
  readonly readsFrames?: boolean;
  /** Called with every parsed message, before it is answered. */
  readonly onMessage?: (message: FakeMessage) => void;
  readonly manners?: readonly FakeManner[];
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}

/** Counters of a fake container. */
export interface FakeContainerCounts {
  /** Since the start. */
  readonly connections: number;
  readonly infers: number;
  readonly wants: number;
  readonly ok: number;
  readonly errors: number;
  /** Inferences, failed ones included. */
  readonly batches: number;
}

/**
 * A fake model container: in this process, on a real socket, with the bright model (one detection whose confidence is
 * the frame's brightness). Without manners it passes the conformance suite of containers; with them it provokes what
 * tests of clients need.
 *
 * The creator closes it; that settles waiting requests and removes the socket.
 */
export class FakeContainer {
  readonly modelId: string;
  /** Duration of an inference, milliseconds; may be changed at any time. */
  delayMs: number;
  /** The state in `health`, unless the model failed three times in a row; may be changed at any time. */
  state: HealthResponse['state'];
  readonly #o: FakeContainerOptions;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #frames: FakeFrames;
  readonly #turns: FakeTurns;
  readonly #sockets = new Set<Socket>();
  readonly #startedMs: number;
  #looking: Timer | undefined;
  #manners: ReadonlySet<FakeManner>;
  #counts = { connections: 0, infers: 0, wants: 0, ok: 0, errors: 0, batches: 0 };
  #failedRuns = 0;
  #lastError: string | null = null;
  #closing: Promise<void> | undefined;

  private constructor(options: FakeContainerOptions) {
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
    this.modelId = options.modelId ?? 'bright';
    this.delayMs = options.delayMs ?? 0;
    this.state = options.state ?? 'ready';
    this.#manners = new Set(options.manners);
    this.#frames = new FakeFrames(options.allowDirs ?? []);
    this.#turns = new FakeTurns(this.#clock);
    this.#startedMs = this.#clock.nowMs();
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Listens. @throws VigiaError `listen_failed`. */
  static async start(options: FakeContainerOptions): Promise<FakeContainer> {
    const fake = new FakeContainer(options);
    const { socketPath } = options;
    await new Promise<void>((resolve, reject) => {
      fake.#server.once('error', (error) => reject(new VigiaError('listen_failed', error.message, { cause: error })));
      fake.#server.listen(socketPath, resolve);
    });
    chmodSync(socketPath, 0o660);
    return fake;
  }

  /** Sets the manners from now on, replacing earlier ones; without names it behaves correctly. */
  misbehave(...manners: readonly FakeManner[]): void {
    this.#manners = new Set(manners);
  }

  /** See {@link FakeContainerCounts}. */
  get counts(): FakeContainerCounts {
    return { ...this.#counts };
  }

  /** Closes all connections at once; continues to listen. */
  dropClients(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Stops. Idempotent; also by `await using`. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#turns.close();
      this.#looking?.cancel();
      this.#server.close(() => resolve());
      this.dropClients();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: Socket): void {
    this.#counts.connections += 1;
    this.#sockets.add(socket);
    if (this.#manners.has('hang')) {
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
      socket.pause();
      return;
    }
    void new FakeConnection({
      socket,
      onMessage: (message, reply, connection) => this.#answer(message, reply, connection),
      onEnd: (connection) => this.#turns.withdraw(connection),
      onClosed: (connection) => {
        this.#sockets.delete(socket);
        this.#turns.withdraw(connection);
      },
      unreadable: (why) => this.#infer({}, 'bad_request', why),
      manners: () => this.#manners,
    });
  }

  #answer(message: FakeMessage, reply: Reply, connection: FakeConnection): void {
    this.#o.onMessage?.(message);
    if (this.#manners.has('mute')) return;
    const op = message['op'] ?? 'infer';
    if (op === 'infer') this.#onInfer(message, reply, connection);
    else if (op === 'want') this.#onWant(message, reply, connection);
    else if (op === 'unwant') this.#onUnwant(message, reply, connection);
    else if (op === 'describe' && describeRequestSchema.safeParse(message).success) reply(this.#describe(message));
    else if (op === 'health' && healthRequestSchema.safeParse(message).success) reply(this.#health(message));
    else reply(this.#infer(message, 'bad_request', 'an operation of protocol 1 is expected'));
  }

  #onInfer(message: FakeMessage, reply: Reply, owner: FakeConnection): void {
    const parsed = inferRequestSchema.safeParse(message);
    if (!parsed.success) {
      reply(this.#infer(message, 'bad_request', messageOf(parsed.error)));
      return;
    }
    this.#counts.infers += 1;
    const request = parsed.data;
    const fail = (code: ContainerErrorCode): void => this.#failed(message, reply, code, 'as the page says');
    const begin = (): void => this.#look(request, message, reply);
    if (request.model_id !== this.modelId) fail('unknown_model');
    else if (this.#manners.has('silent')) return;
    else if (request.grant !== undefined) {
      if (this.#turns.use(request.grant, owner, request.camera_id)) begin();
      else fail('grant_expired');
    } else {
      const code = this.#turns.wait({
        kind: 'infer',
        owner,
        camera: request.camera_id,
        consumer: '',
        deadlineMs: request.deadline_ms,
        begin,
        end: (why = 'closing') => fail(why),
      });
      if (code) fail(code);
    }
  }

  #look(request: InferRequest, message: FakeMessage, reply: Reply): void {
    const startedMs = this.#clock.nowMs();
    const done = (): void => {
      this.#looking = undefined;
      try {
        reply(this.#seen(request, startedMs));
        this.#counts.ok += 1;
      } catch (error) {
        const code = error instanceof FakeFrameError ? error.code : 'inference_failed';
        if (code === 'inference_failed') {
          this.#counts.batches += 1;
          this.#failedRuns += 1;
        }
        this.#failed(message, reply, code, messageOf(error));
      }
      this.#turns.finished();
    };
    // Never inside another request's turn, but in a turn of its own: like a real run.
    this.#looking = this.#clock.after(this.delayMs, done);
  }

  #seen(request: InferRequest, startedMs: number): object {
    const seen = this.#o.readsFrames === false ? [] : brightDetections(this.#frames.read(request));
    const detections = this.#o.infer ? this.#o.infer(seen, request) : seen;
    const faint = request.faint_from === undefined ? undefined : this.#o.faint?.(request);
    this.#counts.batches += 1;
    this.#failedRuns = 0;
    const metadata = {
      inference_time_ms: this.#clock.nowMs() - startedMs,
      queue_ms: 0,
      batch_size: 1,
      model_version: '1',
    };
    return { ...this.#identity(request), detections, ...(faint && { faint }), metadata, error: null };
  }

  #onWant(message: FakeMessage, reply: Reply, owner: FakeConnection): void {
    const parsed = wantRequestSchema.safeParse(message);
    const { request_id } = message;
    const refuse = (code: ContainerErrorCode): void =>
      reply({ request_id, grant: null, error: { code, message: 'as the page says' } });
    if (!parsed.success) {
      if (inferIdOf(message) === undefined) reply(this.#infer(message, 'bad_request', messageOf(parsed.error)));
      else refuse('bad_request');
      return;
    }
    this.#counts.wants += 1;
    const { model_id, camera_id: camera, consumer } = parsed.data;
    if (model_id !== this.modelId) refuse('unknown_model');
    else if (this.#manners.has('never_grants')) return;
    else if (this.#manners.has('refuses_grants')) refuse('overloaded');
    else {
      const give = (id: string): void => {
        const answer = { request_id, grant: { id, expires_ms: 100 }, error: null };
        reply(answer);
        // The second answer is unsolicited; that is its fault.
        if (this.#manners.has('grants_twice')) owner.push(answer);
      };
      const end = (): void => reply({ request_id, grant: null, error: null });
      const code = this.#turns.wait({ kind: 'want', owner, camera, consumer, begin: give, end });
      if (code) refuse(code);
    }
  }

  #onUnwant(message: FakeMessage, reply: Reply, owner: FakeConnection): void {
    const parsed = unwantRequestSchema.safeParse(message);
    if (!parsed.success) {
      reply(this.#infer(message, 'bad_request', messageOf(parsed.error)));
      return;
    }
    const { request_id, camera_id, consumer } = parsed.data;
    this.#turns.withdraw(owner, camera_id, consumer);
    reply(request_id === undefined ? undefined : { request_id, grant: null, error: null });
  }

  #failed(message: FakeMessage, reply: Reply, code: ContainerErrorCode, why: string): void {
    this.#counts.errors += 1;
    this.#lastError = `${code}: ${why}`;
    reply(this.#infer(message, code, why));
  }

  /** The answer to a failed `infer`, and to anything that cannot be parsed. */
  #infer(message: FakeMessage, code: ContainerErrorCode, why: string): object {
    return { ...this.#identity(message), detections: null, error: { code, message: why } };
  }

  #identity(message: object): object {
    const { camera_id: camera, frame_metadata: metadata } = message as FakeMessage;
    const frame = (metadata as FakeMessage | null | undefined)?.['frame_id'];
    const request_id = inferIdOf(message as FakeMessage);
    return {
      ...(request_id === undefined ? {} : { request_id }),
      model_id: this.modelId,
      camera_id: typeof camera === 'string' ? camera : '',
      frame_id: Number.isSafeInteger(frame) ? frame : 0,
    };
  }

  #describe({ request_id }: FakeMessage): object {
    const { width, height } = this.#o.input ?? { width: 8, height: 8 };
    return {
      request_id,
      protocol: CONTAINER_PROTOCOL_VERSION,
      model_id: this.modelId,
      model_version: '1',
      task: 'detection',
      classes: ['bright'],
      input: { width, height, formats: [...PIXEL_FORMATS], fit: 'stretch' },
      max_batch: 1,
      providers: ['fake'],
      error: null,
    };
  }

  #health({ request_id }: FakeMessage): object {
    const { infers, ok, errors, batches } = this.#counts;
    return {
      request_id,
      state: this.#failedRuns >= 3 ? 'failing' : this.state,
      uptime_ms: this.#clock.nowMs() - this.#startedMs,
      counters: { requests: infers, ok, errors, batches, ...this.#turns.counters },
      inference_ms: { p50: this.delayMs, p99: this.delayMs },
      last_error: this.#lastError,
      error: null,
    };
  }
}

function inferIdOf({ request_id: id }: FakeMessage): string | undefined {
  return typeof id === 'string' && id.length > 0 && id.length <= 64 ? id : undefined;
}
