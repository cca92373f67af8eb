import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ContainerReady } from '@vigia/model-container';
import { containerEntry } from '@vigia/model-container';

/** A forked container, for tests. Whoever started it calls `kill`. */
export class TestContainer {
  readonly child: ChildProcess;
  /** What it wrote to stderr. */
  log = '';
  readonly #exit: Promise<number | NodeJS.Signals | null>;

  constructor(args: readonly string[]) {
    this.child = fork(containerEntry, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
    this.child.stderr?.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    // Not the event `close`: it never comes after `disconnect()` by the parent.
    const [exited, logged] = [once(this.child, 'exit'), once(this.child.stderr as Readable, 'end')];
    this.#exit = Promise.all([exited, logged]).then(
      ([[code, signal]]) => (signal ?? code) as number | NodeJS.Signals | null,
    );
  }

  /** The message of readiness; rejects with the log when the process ends before it. */
  async ready(): Promise<ContainerReady> {
    const message = once(this.child, 'message').then(([value]) => value as ContainerReady);
    const gone = this.#exit.then((code) => {
      throw new Error(`the container ended with ${code}: ${this.log}`);
    });
    gone.catch(() => undefined);
    return Promise.race([message, gone]);
  }

  /** Exit code or signal, when it ended. */
  exit(): Promise<number | NodeJS.Signals | null> {
    return this.#exit;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#exit;
  }
}
