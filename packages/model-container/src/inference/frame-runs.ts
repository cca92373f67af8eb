import { messageOf } from '@vigia/base';
import type { FrameSource } from '#frames';
import type { Model } from '#model';
import { resultOf } from './result-of.ts';
import type { FrameJob, JobResult, RunResult } from './runner.ts';

/**
 * Runs of one model over frames of many connections, in the thread that computes. Keeps the frame source of each
 * connection until it is told to forget it.
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
   * Takes each frame at the last moment, and looks at those that could be had. A frame that fails concerns its own job
   * only; a model that throws concerns all of them.
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
      results[job] = { status: 'ok', detections: resultOf(seen, row) };
    });
    return {
      results: results as JobResult[],
      batchSize: taken.length,
      prepareMs: preparedMs - startMs,
      inferenceMs: taken.length > 0 ? performance.now() - preparedMs : 0,
    };
  }

  /** Lets go of what a connection had mapped. */
  forget(connection: number): void {
    this.#sources.get(connection)?.close();
    this.#sources.delete(connection);
  }

  /** Lets go of everything. */
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
      const use = source.use(request, (frame) => this.#model.take(row, frame));
      return use.status === 'ok' ? undefined : use;
    } catch (error) {
      // The model cannot take this frame: the sender's business, not the model's.
      return { status: 'error', code: 'frame_invalid', message: messageOf(error) };
    }
  }
}
