import type { Detection } from '@vigia/contracts';
import { expect } from 'vitest';
import type { FrameJob, JobResult, ModelRunner, RunResult } from '#inference';
import type { ModelFacts } from '#model';

const FACTS: ModelFacts = {
  version: '0123456789ab',
  task: 'detection',
  classes: ['person'],
  frame: { width: 2, height: 2, fit: 'stretch' },
  maxBatch: 1,
  provider: 'cpu',
  p99Ms: undefined,
};
/** A detection over the whole frame. */
export const PERSON: Detection = {
  class_id: 0,
  class_name: 'person',
  confidence: 0.9,
  bbox: [0, 0, 1, 1],
};

/** A runner whose runs end when the test calls {@link FakeRunner.finish}. */
export class FakeRunner implements ModelRunner {
  facts = FACTS;
  readonly forgotten: number[] = [];
  jobs: readonly FrameJob[] = [];
  /** Ends the run in progress. */
  settle: { ok: (result: RunResult) => void; fail: (error: Error) => void } | undefined;
  started: () => void = () => undefined;
  runs = 0;
  /** The result of every frame. */
  outcome: JobResult = { status: 'ok', detections: [PERSON] };

  run(jobs: readonly FrameJob[]): Promise<RunResult> {
    expect(this.settle).toBeUndefined();
    this.jobs = jobs;
    this.runs += 1;
    return new Promise<RunResult>((ok, fail) => {
      this.settle = { ok, fail };
      this.started();
    }).finally(() => (this.settle = undefined));
  }
  forget(connection: number): void {
    this.forgotten.push(connection);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  /** Waits for a run and ends it. */
  async finish(error?: Error): Promise<void> {
    if (!this.settle) await new Promise<void>((resolve) => (this.started = resolve));
    if (error) this.settle?.fail(error);
    else {
      const batchSize = this.outcome.status === 'ok' ? this.jobs.length : 0;
      this.settle?.ok({ results: this.jobs.map(() => this.outcome), batchSize, prepareMs: 0, inferenceMs: 1.5 });
    }
  }
}
