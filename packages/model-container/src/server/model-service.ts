import { type Clock, messageOf } from '@vigia/base';
import {
  CONTAINER_PROTOCOL_VERSION,
  type ContainerErrorCode,
  type DescribeResponse,
  type GrantResponse,
  type HealthResponse,
  type InferRequest,
  type InferResponse,
  type WantRequest,
} from '@vigia/contracts';
import { FRAME_FORMATS, type FrameSource } from '#frames';
import type { ModelRunner } from '#inference';
import type { ModelManifest } from '#manifest';
import { Turns } from './grants.ts';
import { Health } from './health.ts';
import { inferError, inferOk, noGrant, type UnwantRequest } from './requests.ts';

/** Options of {@link ModelService}. */
export interface ModelServiceOptions {
  /** What this container's model is called in requests: the id of the configuration, not of the catalogue. */
  readonly modelId: string;
  readonly manifest: ModelManifest;
  readonly runner: ModelRunner;
  readonly clock: Clock;
  /** How long a grant may stay unused, in milliseconds. */
  readonly grantMs?: number;
}

/** One peer, as the service sees it. */
export interface Peer {
  readonly connection: number;
  readonly frames: FrameSource;
}

/**
 * One model, served in turns. Knows messages but no sockets. Keeps nothing per camera: every run depends on its own
 * picture only. Does not own the runner.
 */
export class ModelService {
  readonly #options: ModelServiceOptions;
  readonly #turns: Turns;
  readonly #health: Health;

  constructor(options: ModelServiceOptions) {
    this.#options = options;
    const { clock, grantMs } = options;
    this.#turns = new Turns({ clock, ...(grantMs === undefined ? {} : { grantMs }) });
    this.#health = new Health(clock);
  }

  /** Answers `infer` through `answer`, exactly once, now or later. */
  infer(peer: Peer, request: InferRequest, answer: (response: InferResponse) => void): void {
    const receivedMs = this.#options.clock.nowMs();
    this.#health.request();
    const reject = (code: ContainerErrorCode, message: string): void => {
      this.#health.failed(`${code}: ${message}`);
      answer(inferError(request, code, message));
    };
    if (request.model_id !== this.#options.modelId) {
      reject('unknown_model', this.#unknownModel(request.model_id));
      return;
    }
    this.#turns.submit({
      connection: peer.connection,
      camera: request.camera_id,
      grant: request.grant,
      deadlineMs: request.deadline_ms,
      reject,
      start: () => this.#start(peer, request, receivedMs, answer, reject),
    });
  }

  /** Answers `want` through `answer`, exactly once: at once with an error, or when it is its turn, or when withdrawn. */
  want(peer: Peer, request: WantRequest, answer: (response: GrantResponse) => void): void {
    const refuse = (code: ContainerErrorCode, message: string): void =>
      answer(noGrant(request.request_id, { code, message }));
    if (request.model_id !== this.#options.modelId) {
      refuse('unknown_model', this.#unknownModel(request.model_id));
      return;
    }
    const refused = this.#turns.want({
      key: { connection: peer.connection, camera: request.camera_id, consumer: request.consumer },
      give: ({ id, expiresMs }) =>
        answer({ request_id: request.request_id, grant: { id, expires_ms: expiresMs }, error: null }),
      withdraw: () => answer(noGrant(request.request_id, null)),
    });
    if (refused === 'bad_request') refuse(refused, 'this key waits already: one want at a time');
    else if (refused) refuse(refused, 'too many requests are waiting');
  }

  /** Withdraws a `want`, or gives its unused grant back. */
  unwant(peer: Peer, request: UnwantRequest): void {
    this.#turns.unwant({ connection: peer.connection, camera: request.camera_id, consumer: request.consumer });
  }

  /** The peer sends no more, but still reads. */
  peerEnded(peer: Peer): void {
    this.#turns.withdrawWants(peer.connection);
  }

  /** The peer is gone. A run for it goes on, its answer finds nobody. */
  peerGone(peer: Peer): void {
    this.#turns.disconnect(peer.connection);
  }

  /** The answer to `describe`. */
  describe(requestId: string | undefined): DescribeResponse {
    const { modelId, manifest } = this.#options;
    return {
      ...(requestId === undefined ? {} : { request_id: requestId }),
      protocol: CONTAINER_PROTOCOL_VERSION,
      model_id: modelId,
      model_version: manifest.version,
      task: manifest.task,
      classes: [...manifest.classes],
      input: {
        width: manifest.input.width,
        height: manifest.input.height,
        formats: [...FRAME_FORMATS],
        fit: manifest.input.fit,
      },
      max_batch: 1,
      providers: ['cpu'],
      error: null,
    };
  }

  /** The answer to `health`. */
  health(requestId: string | undefined): HealthResponse {
    return {
      ...(requestId === undefined ? {} : { request_id: requestId }),
      ...this.#health.snapshot(this.#turns.counters),
    };
  }

  /** Settles everything that waits. Idempotent. */
  close(): void {
    this.#turns.close();
  }

  #unknownModel(found: string): string {
    return `this container serves '${this.#options.modelId}', not '${found}'`;
  }

  #start(
    peer: Peer,
    request: InferRequest,
    receivedMs: number,
    answer: (response: InferResponse) => void,
    reject: (code: ContainerErrorCode, message: string) => void,
  ): void {
    const { runner, clock, manifest } = this.#options;
    const queueMs = Math.max(0, clock.nowMs() - receivedMs);
    // Copied at the last moment, when the model is free: the picture is as new as its sender could make it.
    const read = peer.frames.read(request, runner.pixels);
    if (read.status === 'error') {
      reject(read.code, read.message);
      this.#turns.finished();
      return;
    }
    runner.run().then(
      ({ detections, inferenceMs }) => {
        this.#health.succeeded(inferenceMs);
        const metadata = {
          inference_time_ms: micro(inferenceMs),
          queue_ms: micro(queueMs),
          batch_size: 1,
          model_version: manifest.version,
        };
        answer(inferOk(request, detections, metadata));
        this.#turns.finished();
      },
      (error: unknown) => {
        this.#health.runFailed();
        reject('inference_failed', messageOf(error));
        this.#turns.finished();
      },
    );
  }
}

// Microseconds are what the clock is good for; more digits only make messages longer.
function micro(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
