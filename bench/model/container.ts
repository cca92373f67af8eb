import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { containerEntry } from '@vigia/model-container';
import type { BenchRun } from '../support/bench-run.ts';
import { Waiter } from '../support/waiter.ts';

/** The model's id in requests. */
export const MODEL_ID = 'bench';

/** A separate container process, started as in a node. */
export class BenchContainer {
  readonly socketPath: string;
  readonly #child: ChildProcess;
  readonly #dir: string;

  private constructor(source: readonly string[]) {
    this.#dir = mkdtempSync(join(tmpdir(), 'vigia-bench-model-'));
    this.socketPath = join(this.#dir, 'model.sock');
    this.#child = fork(containerEntry, ['--model-id', MODEL_ID, ...source, '--socket', this.socketPath], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
  }

  /**
   * Starts one and waits until it is ready. It ends with the run's scope.
   *
   * @param source `--model DIR` or `--module FILE`, and more options.
   */
  static async start(run: BenchRun, source: readonly string[]): Promise<BenchContainer> {
    const container = new BenchContainer(source);
    run.scope.defer(() => container.close());
    const waiter = new Waiter(run.signal);
    let ready = false;
    let words = '';
    container.#child.stderr?.on('data', (chunk: Buffer) => (words += chunk.toString()));
    container.#child.once('message', () => {
      ready = true;
      waiter.wake();
    });
    container.#child.once('exit', () => waiter.wake());
    await waiter.until('start of a container', () => {
      if (container.#gone) throw new Error(`the container ended: ${words.trim().split('\n').at(-1)}`);
      return ready || undefined;
    });
    return container;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (!this.#gone) {
      const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
      this.#child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #gone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
