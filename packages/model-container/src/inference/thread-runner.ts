import { Worker } from 'node:worker_threads';
import { Deadline, systemClock, VigiaError } from '@vigia/base';
import { inputBytes, type ModelManifest } from '#manifest';
import type { ModelRunner, RunResult, WorkerCommand, WorkerReport, WorkerSettings } from './runner.ts';

/** Options of {@link ThreadRunner.start}. */
export interface ThreadRunnerOptions {
  /** The model's folder. */
  readonly dir: string;
  readonly manifest: ModelManifest;
  /** Threads inside one operation. */
  readonly threads: number;
  /** Called once when the thread ends although nobody closed it: the model is gone. */
  readonly onDeath: (reason: string) => void;
}

/** Shortest run limit, milliseconds (protocol 1). */
const RUN_LIMIT_FLOOR_MS = 2_000;
/** The first inference is the slowest of a healthy model: five times that is a hang. */
const RUN_LIMIT_FACTOR = 5;
/** Between the first look at a run that is over its limit and the second, milliseconds. */
const SECOND_LOOK_MS = 250;

/** The compiled thread: a thread cannot be started from TypeScript (Node 20), so sources run the built one. */
const WORKER_ENTRY = new URL('../../dist/onnx/inference.worker.js', import.meta.url);

interface Pending {
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: Error) => void;
}

/** A model in a thread of its own. Owns the thread; whoever started the runner closes it. */
export class ThreadRunner implements ModelRunner {
  readonly pixels: Uint8Array;
  /** What the start-up probe saw. */
  readonly probe: RunResult;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #runLimitMs: number;
  readonly #deadline: Deadline;
  #pending: Pending | undefined;
  #state: 'open' | 'closing' | 'dead' = 'open';

  private constructor(worker: Worker, pixels: SharedArrayBuffer, probe: RunResult, onDeath: (reason: string) => void) {
    this.#worker = worker;
    this.pixels = new Uint8Array(pixels);
    this.probe = probe;
    let reason = 'it ended';
    this.#runLimitMs = Math.max(RUN_LIMIT_FLOOR_MS, RUN_LIMIT_FACTOR * probe.inferenceMs);
    this.#deadline = new Deadline(systemClock, () => {
      // Looked at twice: when this whole process stood still, the answer is there and only has to be read.
      const suspect = this.#pending;
      systemClock.after(SECOND_LOOK_MS, () => {
        // Native code that hangs cannot be interrupted, and the thread with it: only the end of the process helps.
        if (suspect && this.#pending === suspect)
          onDeath(`an inference did not end within ${Math.round(this.#runLimitMs)} ms`);
      });
    });
    worker.on('error', (error) => (reason = error.message));
    worker.on('message', (report: WorkerReport) => this.#settle(report));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', () => {
        const unexpected = this.#state === 'open';
        this.#state = 'dead';
        this.#deadline.close();
        this.#take()?.reject(closed(reason));
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
    const pixels = new SharedArrayBuffer(inputBytes(options.manifest));
    const settings: WorkerSettings = { dir: options.dir, threads: options.threads, pixels };
    const worker = new Worker(WORKER_ENTRY, { workerData: settings, name: 'inference' });
    try {
      const probe = await firstReport(worker);
      return new ThreadRunner(worker, pixels, probe, options.onDeath);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  run(): Promise<RunResult> {
    if (this.#state !== 'open') return Promise.reject(closed('it was closed'));
    if (this.#pending) return Promise.reject(new VigiaError('inference_failed', 'a run is going on already'));
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#deadline.set(this.#runLimitMs);
      this.#worker.postMessage('run' satisfies WorkerCommand);
    });
  }

  close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#deadline.close();
      this.#worker.postMessage('close' satisfies WorkerCommand);
    }
    return this.#exited;
  }

  #settle(report: WorkerReport): void {
    if (report.type === 'result') this.#take()?.resolve(report.result);
    else if (report.type === 'error') this.#take()?.reject(new VigiaError('inference_failed', report.message));
  }

  #take(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    this.#deadline.clear();
    return pending;
  }
}

function closed(reason: string): VigiaError<'closed'> {
  return new VigiaError('closed', `the model is not running: ${reason}`);
}

function firstReport(worker: Worker): Promise<RunResult> {
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
        if (report.type === 'ready') resolve(report.probe);
        else if (report.type === 'failed') reject(new VigiaError(report.code, report.message));
        else reject(new VigiaError('internal', `the inference thread began with '${report.type}'`));
      });
    worker.on('error', onError).on('exit', onExit).on('message', onMessage);
  });
}
