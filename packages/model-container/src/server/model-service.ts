import { type Clock, messageOf } from '@vigia/base';
import {
  CONTAINER_PROTOCOL_VERSION,
  type ContainerErrorCode,
  type DescribeResponse,
  type GrantResponse,
  type HealthResponse,
  type InferRequest,
  type InferResponse,
  PIXEL_FORMATS,
  type WantRequest,
} from '@vigia/contracts';
import { containerErrorCode, type JobResult, type ModelRunner, type RunResult } from '#inference';
import { Estimate } from './estimate.ts';
import { Health } from './health.ts';
import { inferError, inferOk, noGrant, type UnwantRequest } from './requests.ts';
import type { Job } from './turn-line.ts';
import { Turns } from './turns.ts';

/** Options of {@link ModelService}. */
export interface ModelServiceOptions {
  /** The model's id in requests: that of the configuration, not of the catalogue. */
  readonly modelId: string;
  readonly runner: ModelRunner;
  readonly clock: Clock;
  /** How long a grant may stay unused, in milliseconds. */
  readonly grantMs?: number;
}

/** A peer from the service's point of view: the number of its connection. */
export interface Peer {
  readonly connection: number;
}

/** A waiting or running `infer`. */
interface InferJob extends Job {
  readonly request: InferRequest;
  readonly receivedMs: number;
  readonly answer: (response: InferResponse) => boolean;
}

/**
 * One model, served in turns. Knows messages but no sockets. Keeps no state per camera: every run depends on its own
 * frames only. Does not own the runner.
 */
export class ModelService {
  readonly #options: ModelServiceOptions;
  readonly #turns: Turns<InferJob>;
  readonly #health: Health;
  /** Duration of a run from its start to its results, milliseconds. */
  readonly #runs = new Estimate();
  /** End of the latest run. */
  #freeSinceMs = 0;

  constructor(options: ModelServiceOptions) {
    this.#options = options;
    const { clock, grantMs, runner } = options;
    this.#turns = new Turns({
      clock,
      maxBatch: runner.facts.maxBatch,
      start: (jobs) => void this.#run(jobs),
      runs: this.#runs,
      ...(grantMs === undefined ? {} : { grantMs }),
    });
    this.#health = new Health(clock);
  }

  /**
   * Answers `infer` through `answer`, exactly once, now or later. `answer` returns false when the answer exceeds the
   * message limit.
   */
  infer(peer: Peer, request: InferRequest, answer: (response: InferResponse) => boolean): void {
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
      request,
      receivedMs,
      answer,
    });
  }

  /**
   * Answers `want` through `answer`, exactly once: at once with an error, when it is its turn, or when it is withdrawn.
   */
  want(peer: Peer, request: WantRequest, answer: (response: GrantResponse) => void): void {
    const refuse = (code: ContainerErrorCode, message: string): void =>
      answer(noGrant(request.request_id, { code, message }));
    if (request.model_id !== this.#options.modelId) {
      refuse('unknown_model', this.#unknownModel(request.model_id));
      return;
    }
    const refused = this.#turns.want({
      key: { connection: peer.connection, camera: request.camera_id, consumer: request.consumer },
      give: ({ id, lifetimeMs }) =>
        answer({ request_id: request.request_id, grant: { id, expires_ms: lifetimeMs }, error: null }),
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

  /** The peer has disconnected. Its run goes on, and the answer is discarded. */
  peerGone(peer: Peer): void {
    this.#turns.disconnect(peer.connection);
    this.#options.runner.forget(peer.connection);
  }

  /** The answer to `describe`. */
  describe(requestId: string | undefined): DescribeResponse {
    const { modelId, runner } = this.#options;
    const { version, task, classes, frame, maxBatch, provider } = runner.facts;
    return {
      ...(requestId === undefined ? {} : { request_id: requestId }),
      protocol: CONTAINER_PROTOCOL_VERSION,
      model_id: modelId,
      model_version: version,
      task,
      classes: [...classes],
      input: { ...frame, formats: [...PIXEL_FORMATS] },
      max_batch: maxBatch,
      providers: [provider],
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

  /**
   * One run over the jobs that have arrived, after the current run. The runner reads frames at the last moment, so they
   * are as new as possible.
   */
  async #run(jobs: readonly InferJob[]): Promise<void> {
    const { runner, clock } = this.#options;
    const startedMs = clock.nowMs();
    const outcome = await runner
      .run(jobs.map(({ connection, request }) => ({ connection, request })))
      .catch((error: unknown) => ({ error }));
    const endedMs = clock.nowMs();
    if ('error' in outcome) {
      this.#health.runFailed();
      for (const job of jobs) job.reject(containerErrorCode(outcome.error), messageOf(outcome.error));
    } else {
      if (outcome.batchSize > 0) {
        this.#health.ran(outcome.inferenceMs);
        const tookMs = endedMs - Math.max(startedMs, this.#freeSinceMs);
        this.#runs.observe(tookMs);
      }
      for (const [i, job] of jobs.entries()) this.#answer(job, outcome, outcome.results[i], endedMs);
    }
    this.#freeSinceMs = clock.nowMs();
    this.#turns.finished();
  }

  #answer(job: InferJob, run: RunResult, result: JobResult | undefined, endedMs: number): void {
    if (result?.status !== 'ok') {
      job.reject(result?.code ?? 'inference_failed', result?.message ?? 'the run gave no result');
      return;
    }
    const metadata = {
      inference_time_ms: micro(run.inferenceMs),
      // Includes the round trip to the thread: everything except reading and analysing the frames.
      queue_ms: micro(Math.max(0, endedMs - job.receivedMs - run.prepareMs - run.inferenceMs)),
      batch_size: run.batchSize,
      model_version: this.#options.runner.facts.version,
    };
    if (job.answer(inferOk(job.request, result, metadata))) this.#health.succeeded();
    else this.#health.failed('inference_failed: what the model saw is more than a message can hold');
  }
}

// The clock resolves microseconds; more digits only lengthen messages.
function micro(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
