import { Worker } from 'node:worker_threads';
import { Deadline, systemClock, VigiaError } from '@vigia/base';
import type { ModelFacts } from '#model';
import type { FrameJob, ModelRunner, Probe, RunResult, WorkerCommand, WorkerReport, WorkerSettings } from './runner.ts';

/** Options of {@link ThreadRunner.start}. */
export interface ThreadRunnerOptions {
  readonly worker: WorkerSettings;
  /** Called once when the thread ends without `close`: the model is gone. */
  readonly onDeath: (reason: string) => void;
}

/** Shortest run limit, milliseconds (protocol 1). */
const RUN_LIMIT_FLOOR_MS = 2_000;
/**
 * The first inference of a healthy model is the slowest, as is the measurement made when it was added: five times that
 * is a hang.
 */
const RUN_LIMIT_FACTOR = 5;
/** One computing, one handed over ahead. */
const RUNS_LIMIT = 2;
/** Between the first and the second check of a run that exceeds its limit, milliseconds. */
const SECOND_LOOK_MS = 250;

/** The compiled thread: Node 20 cannot start a thread from TypeScript, so sources run the built one. */
const WORKER_ENTRY = new URL('../../dist/inference/inference.worker.js', import.meta.url);

interface Pending {
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: Error) => void;
}

/** A model in a thread of its own. Owns the thread; the starter of the runner closes it. */
export class ThreadRunner implements ModelRunner {
  readonly facts: ModelFacts;
  /** Result of the start-up probe. */
  readonly probe: Probe;
  /** How long a run may take, milliseconds. */
  readonly runLimitMs: number;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #deadline: Deadline;
  /** The current run, and the one after it. */
  readonly #pending: Pending[] = [];
  #state: 'open' | 'closing' | 'dead' = 'open';

  private constructor(worker: Worker, { facts, probe }: Ready, onDeath: (reason: string) => void) {
    this.#worker = worker;
    this.facts = facts;
    this.probe = probe;
    let reason = 'it ended';
    const slowest = Math.max(facts.p99Ms ?? 0, probe.inferenceMs);
    this.runLimitMs = Math.max(RUN_LIMIT_FLOOR_MS, RUN_LIMIT_FACTOR * slowest * facts.maxBatch);
    this.#deadline = new Deadline(systemClock, () => {
      // Checked twice: when this whole process was suspended, the answer has arrived and only has to be read.
      const [suspect] = this.#pending;
      systemClock.after(SECOND_LOOK_MS, () => {
        // Native code that hangs cannot be interrupted, nor can its thread: only ending the process helps.
        if (suspect && this.#pending[0] === suspect)
          onDeath(`an inference did not end within ${Math.round(this.runLimitMs)} ms`);
      });
    });
    worker.on('error', (error) => (reason = error.message));
    worker.on('message', (report: WorkerReport) => this.#settle(report));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', () => {
        const unexpected = this.#state === 'open';
        this.#state = 'dead';
        for (let pending = this.#take(); pending; pending = this.#take()) pending.reject(closed(reason));
        this.#deadline.close();
        resolve();
        if (unexpected) onDeath(reason);
      });
    });
  }

  /**
   * Starts the thread, loads the model and runs its probe.
   *
   * @throws VigiaError `model_absent`, `model_manifest`, `model_load`, `model_integrity` or `model_golden`.
   */
  static async start(options: ThreadRunnerOptions): Promise<ThreadRunner> {
    const worker = new Worker(WORKER_ENTRY, { workerData: options.worker, name: 'inference' });
    try {
      return new ThreadRunner(worker, await firstReport(worker), options.onDeath);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  run(jobs: readonly FrameJob[]): Promise<RunResult> {
    if (this.#state !== 'open') return Promise.reject(closed('it was closed'));
    if (this.#pending.length >= RUNS_LIMIT) {
      return Promise.reject(new VigiaError('inference_failed', 'a run is waiting for another one already'));
    }
    return new Promise((resolve, reject) => {
      // The limit of a waiting run starts when its predecessor has ended.
      if (this.#pending.length === 0) this.#deadline.set(this.runLimitMs);
      this.#pending.push({ resolve, reject });
      this.#send({ type: 'run', jobs });
    });
  }

  forget(connection: number): void {
    if (this.#state === 'open') this.#send({ type: 'forget', connection });
  }

  close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#deadline.close();
      this.#send({ type: 'close' });
    }
    return this.#exited;
  }

  #send(command: WorkerCommand): void {
    this.#worker.postMessage(command);
  }

  #settle(report: WorkerReport): void {
    if (report.type === 'result') this.#take()?.resolve(report.result);
    else if (report.type === 'error') this.#take()?.reject(new VigiaError(report.code, report.message));
  }

  #take(): Pending | undefined {
    const pending = this.#pending.shift();
    if (this.#pending.length > 0) this.#deadline.set(this.runLimitMs);
    else this.#deadline.clear();
    return pending;
  }
}

function closed(reason: string): VigiaError<'closed'> {
  return new VigiaError('closed', `the model is not running: ${reason}`);
}

type Ready = Extract<WorkerReport, { type: 'ready' }>;

function firstReport(worker: Worker): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      worker.off('error', onError).off('exit', onExit).off('message', onMessage);
      act();
    };
    const onError = (error: Error): void =>
      settle(() =>
        reject(new VigiaError('model_load', `the inference thread failed: ${error.message}`, { cause: error })),
      );
    const onExit = (code: number): void =>
      settle(() => reject(new VigiaError('model_load', `the inference thread ended with ${code} while loading`)));
    const onMessage = (report: WorkerReport): void =>
      settle(() => {
        if (report.type === 'ready') resolve(report);
        else if (report.type === 'failed') reject(new VigiaError(report.code, report.message));
        else reject(new VigiaError('internal', `the inference thread began with '${report.type}'`));
      });
    worker.on('error', onError).on('exit', onExit).on('message', onMessage);
  });
}
