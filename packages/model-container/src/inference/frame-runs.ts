import { messageOf } from '@vigia/base';
import type { FrameSource } from '#frames';
import type { Model } from '#model';
import { resultOf } from './result-of.ts';
import type { FrameJob, JobResult, RunResult } from './runner.ts';

/**
 * Runs one model on frames of many connections, in the inference thread. Keeps the frame source of each connection
 * until `forget`.
 */
export class FrameRuns {
  readonly #model: Model;
  readonly #openFrames: () => FrameSource;
  readonly #sources = new Map<number, FrameSource>();

  constructor(model: Model, openFrames: () => FrameSource) {
    this.#model = model;
    this.#openFrames = openFrames;
  }

  /**
   * Reads each frame at the last moment, and runs the model on the available ones. A frame that fails affects its own
   * job only; a model that throws affects all of them.
   */
  async run(jobs: readonly FrameJob[]): Promise<RunResult> {
    const startMs = performance.now();
    const results: (JobResult | undefined)[] = [];
    const taken: number[] = [];
    for (const [i, job] of jobs.entries()) {
      const failure = this.#take(job, taken.length);
      results[i] = failure;
      if (!failure) taken.push(i);
    }
    const preparedMs = performance.now();
    const seen = taken.length > 0 ? await this.#model.run(taken.length) : [];
    taken.forEach((job, row) => {
      results[job] = { status: 'ok', ...resultOf(seen, row) };
    });
    return {
      results: results as JobResult[],
      batchSize: taken.length,
      prepareMs: preparedMs - startMs,
      inferenceMs: taken.length > 0 ? performance.now() - preparedMs : 0,
    };
  }

  /** Releases the mappings of a connection. */
  forget(connection: number): void {
    this.#sources.get(connection)?.close();
    this.#sources.delete(connection);
  }

  /** Releases everything. */
  close(): void {
    for (const source of this.#sources.values()) source.close();
    this.#sources.clear();
  }

  #take({ connection, request }: FrameJob, row: number): JobResult | undefined {
    let source = this.#sources.get(connection);
    if (!source) {
      source = this.#openFrames();
      this.#sources.set(connection, source);
    }
    try {
      const use = source.use(request, (frame) => this.#model.take(row, frame, request.faint_from));
      return use.status === 'ok' ? undefined : use;
    } catch (error) {
      // The model cannot process this frame: an error of the sender, not of the model.
      return { status: 'error', code: 'frame_invalid', message: messageOf(error) };
    }
  }
}
